/* Dates and times as the server prints them.
 *
 * As in numbers.h, false means "not the common spelling of a date that exists": the caller's hook
 * decides what it is.  Zero dates are told apart by s2_zero_date, since they are common.
 */
#ifndef S2_TEMPORAL_H
#define S2_TEMPORAL_H

#include "common.h"

typedef struct {
    int year, month, day;
    int hour, minute, second, microsecond;
} s2_moment;

#define S2_MICROSECONDS INT64_C(1000000)
#define S2_SECONDS_OF_DAY INT64_C(86400)

/* Return the number of two digits; `*bad` becomes nonzero when one of them is none. */
static inline int s2_two(const uint8_t *p, unsigned *bad)
{
    unsigned tens = (uint8_t)(p[0] - '0');
    unsigned ones = (uint8_t)(p[1] - '0');
    *bad |= (unsigned)(tens > 9 || ones > 9);
    return (int)(tens * 10 + ones);
}

static inline int s2_days_of_month(int year, int month)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month] + (month == 2 && leap);
}

/* Return days since 1970-01-01 of a date of the proleptic Gregorian calendar: years are counted
 * from March, so that the leap day is a year's last, in eras of 400 years (146097 days). */
static inline int32_t s2_days(int year, int month, int day)
{
    int from_march = month > 2 ? month - 3 : month + 9;
    int shifted = year - (month <= 2);
    int era = shifted / 400;
    int of_era = shifted % 400;
    int of_year = (153 * from_march + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* YYYY-MM-DD of a date that exists, in the years 1 to 9999. */
static inline bool s2_date(const uint8_t *p, size_t length, s2_moment *moment)
{
    if (S2_UNLIKELY(length != 10)) {
        return false;
    }
    unsigned bad = (unsigned)(p[4] != '-' || p[7] != '-');
    int year = s2_two(p, &bad) * 100 + s2_two(p + 2, &bad);
    int month = s2_two(p + 5, &bad);
    int day = s2_two(p + 8, &bad);
    if (S2_UNLIKELY(bad || year < 1 || month < 1 || month > 12 || day < 1 || day > 28)) {
        if (bad || year < 1 || month < 1 || month > 12 || day < 1 ||
            day > s2_days_of_month(year, month)) {
            return false;
        }
    }
    moment->year = year;
    moment->month = month;
    moment->day = day;
    return true;
}

/* .f to .ffffff, which is what is left of a value behind its seconds; nothing is 0. */
static inline bool s2_fraction(const uint8_t *p, size_t length, int *microsecond)
{
    *microsecond = 0;
    if (length == 0) {
        return true;
    }
    if (length < 2 || length > 7 || *p != '.') {
        return false;
    }
    int value = 0;
    for (size_t i = 1; i < 7; i++) {
        uint8_t digit = i < length ? (uint8_t)(p[i] - '0') : 0;
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *microsecond = value;
    return true;
}

/* YYYY-MM-DD[ T]HH:MM:SS[.f{1,6}] of a moment that exists. */
static inline bool s2_datetime(const uint8_t *p, size_t length, s2_moment *moment)
{
    if (S2_UNLIKELY(length < 19) || !s2_date(p, 10, moment)) {
        return false;
    }
    unsigned bad = (unsigned)(p[13] != ':' || p[16] != ':' || (p[10] != ' ' && p[10] != 'T'));
    moment->hour = s2_two(p + 11, &bad);
    moment->minute = s2_two(p + 14, &bad);
    moment->second = s2_two(p + 17, &bad);
    if (S2_UNLIKELY(bad || moment->hour > 23 || moment->minute > 59 || moment->second > 59)) {
        return false;
    }
    return s2_fraction(p + 19, length - 19, &moment->microsecond);
}

/* -?H{1,3}:MM:SS[.f{1,6}], a span of time, in microseconds. */
static inline bool s2_duration(const uint8_t *p, size_t length, int64_t *microseconds)
{
    bool negative = length && *p == '-';
    p += negative;
    length -= negative;
    size_t hours = 0;
    int64_t hour = 0;
    while (hours < 3 && hours < length && (uint8_t)(p[hours] - '0') < 10) {
        hour = hour * 10 + (p[hours++] - '0');
    }
    if (hours == 0 || length < hours + 6) {
        return false;
    }
    p += hours;
    unsigned bad = (unsigned)(p[0] != ':' || p[3] != ':');
    int minute = s2_two(p + 1, &bad);
    int second = s2_two(p + 4, &bad);
    int fraction;
    if (bad || !s2_fraction(p + 6, length - hours - 6, &fraction)) {
        return false;
    }
    int64_t span = ((hour * 60 + minute) * 60 + second) * S2_MICROSECONDS + fraction;
    *microseconds = negative ? -span : span;
    return true;
}

/* 0000-00-00, or with `with_time` also followed by [ T]00:00:00 and a fraction of zeros. */
static inline bool s2_zero_date(const uint8_t *p, size_t length, bool with_time)
{
    if (length < 10 || memcmp(p, "0000-00-00", 10) != 0) {
        return false;
    }
    if (length == 10) {
        return true;
    }
    int microsecond;
    return with_time && length >= 19 && (p[10] == ' ' || p[10] == 'T') &&
           memcmp(p + 11, "00:00:00", 8) == 0 &&
           s2_fraction(p + 19, length - 19, &microsecond) && microsecond == 0;
}

static inline int64_t s2_timestamp(const s2_moment *moment)
{
    int64_t day = s2_days(moment->year, moment->month, moment->day);
    int64_t second = (moment->hour * 60 + moment->minute) * 60 + moment->second;
    return (day * S2_SECONDS_OF_DAY + second) * S2_MICROSECONDS + moment->microsecond;
}

#endif
