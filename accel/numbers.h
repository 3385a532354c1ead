/* Numbers as the server prints them.
 *
 * Each function takes the common spelling of a number and answers false for every other one, be
 * it wrong or merely unusual ("+1", " 1", "1e400", "nan"): the caller then asks its hook, so that
 * only one implementation has to know them.  None depends on the locale.
 *
 * All of them read up to 24 bytes before the value's end; S2_HEAD_SLACK makes that safe.
 */
#ifndef S2_NUMBERS_H
#define S2_NUMBERS_H

#include "common.h"
#include "powers_of_five.h"

static const uint64_t s2_powers_of_ten[20] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

/* Return the bytes of x that are not 0..9 as their top bits. */
static inline uint64_t s2_not_digits(uint64_t x)
{
    return (x | (x + 0x7676767676767676u)) & 0x8080808080808080u;
}

/* Return the number whose eight digits (values 0..9, most significant first in memory) x has:
 * pairs, then fours, then all of them are joined by one multiplication each. */
static inline uint64_t s2_join_digits(uint64_t x)
{
    x = x * 10 + (x >> 8);
    x = (((x & 0x000000FF000000FFu) * 0x000F424000000064u) +
         (((x >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u));
    return x >> 32;
}

/* Return the number of `count` (1..19) digits that end at `end`; `*bad` becomes nonzero when one
 * of them is none. */
static inline uint64_t s2_digits(const uint8_t *end, size_t count, uint64_t *bad)
{
    const uint64_t zeros = 0x3030303030303030u;
    uint64_t low = s2_load64(end - 8) ^ zeros;
    if (count <= 8) {
        low &= ~(uint64_t)0 << (8 * (8 - count));
        *bad |= s2_not_digits(low);
        return s2_join_digits(low);
    }
    uint64_t middle = s2_load64(end - 16) ^ zeros;
    *bad |= s2_not_digits(low);
    if (count <= 16) {
        middle &= ~(uint64_t)0 << (8 * (16 - count));
        *bad |= s2_not_digits(middle);
        return s2_join_digits(low) + s2_join_digits(middle) * 100000000u;
    }
    uint64_t high = s2_load64(end - 24) ^ zeros;
    high &= ~(uint64_t)0 << (8 * (24 - count));
    *bad |= s2_not_digits(middle) | s2_not_digits(high);
    return s2_join_digits(low) + s2_join_digits(middle) * 100000000u +
           s2_join_digits(high) * 10000000000000000u;
}

/* -?[0-9]{1,19} within int64. */
static inline bool s2_int64(const uint8_t *p, size_t length, int64_t *value)
{
    uint64_t negative = length && *p == '-';
    size_t count = length - negative;
    if (S2_UNLIKELY(count - 1 > 18)) {
        return false;
    }
    uint64_t bad = 0;
    uint64_t magnitude = s2_digits(p + length, count, &bad);
    if (S2_UNLIKELY(bad || magnitude > (uint64_t)INT64_MAX + negative)) {
        return false;
    }
    uint64_t bits = negative ? 0 - magnitude : magnitude;
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* [0-9]{1,20} within uint64. */
static inline bool s2_uint64(const uint8_t *p, size_t length, uint64_t *value)
{
    uint64_t bad = 0;
    if (S2_LIKELY(length - 1 < 19)) {
        *value = s2_digits(p + length, length, &bad);
        return !bad;
    }
    if (length != 20 || *p != '1') { /* 2**64 is 18446744073709551616 */
        return false;
    }
    uint64_t low = s2_digits(p + length, 19, &bad);
    return !bad && !__builtin_add_overflow(s2_powers_of_ten[19], low, value);
}

static const double s2_exact_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Set `*value` to significand * 10**exponent, correctly rounded; false when that takes more than
 * 128 bits to decide or the result is not a normal number.  The algorithm is Lemire's, see
 * make_powers.py. */
static inline bool s2_scale(uint64_t significand, int64_t exponent, double *value)
{
    if (significand == 0) {
        *value = 0.0;
        return true;
    }
    if (significand <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
        /* Both factors are exact, so the one operation rounds once. */
        double exact = (double)significand;
        *value = exponent < 0 ? exact / s2_exact_powers[-exponent]
                              : exact * s2_exact_powers[exponent];
        return true;
    }
    if (exponent < S2_LEAST_POWER || exponent > S2_MOST_POWER) {
        return false;
    }
    int leading_zeros = __builtin_clzll(significand);
    uint64_t normalised = significand << leading_zeros;
    const uint64_t *power = s2_powers_of_five[exponent - S2_LEAST_POWER];
    s2_u128 product = (s2_u128)normalised * power[0];
    uint64_t high = (uint64_t)(product >> 64);
    uint64_t low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) { /* the bits to be rounded off may be wrong */
        uint64_t carry = (uint64_t)(((s2_u128)normalised * power[1]) >> 64);
        low += carry;
        high += low < carry;
    }
    if (low == UINT64_MAX && (exponent < -27 || exponent > 55)) {
        return false;
    }
    int upper = (int)(high >> 63);
    int shift = upper + 9; /* 64 bits less 53 of a double less 2 to round by */
    uint64_t mantissa = high >> shift;
    /* floor(log2(10**exponent)), exact in the table's range */
    int binary = (int)((217706 * exponent) >> 16) + 63;
    int biased = binary + upper - leading_zeros + 1023;
    if (biased <= 0) {
        return false;
    }
    if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 &&
        mantissa << shift == high) {
        mantissa &= ~(uint64_t)1; /* exactly half way: to even */
    }
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= (uint64_t)1 << 53) {
        mantissa = (uint64_t)1 << 52;
        biased++;
    }
    if (biased >= 0x7FF) {
        return false;
    }
    uint64_t bits = (mantissa & ~((uint64_t)1 << 52)) | (uint64_t)biased << 52;
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* -?digits[.digits][(e|E)[+-]digits] with at most 19 significant digits.  `*is_integer` says that
 * there was neither point nor exponent. */
static inline bool s2_double(const uint8_t *p, size_t length, double *value, bool *is_integer)
{
    const uint8_t *end = p + length;
    bool negative = p < end && *p == '-';
    p += negative;
    const uint8_t *first = p;
    uint64_t significand = 0;
    while (p < end && (uint8_t)(*p - '0') < 10) {
        significand = significand * 10 + (uint64_t)(*p++ - '0');
    }
    int64_t whole = p - first;
    if (whole == 0) {
        return false;
    }
    int64_t significant = *first == '0' && whole == 1 ? 0 : whole;
    int64_t exponent = 0;
    *is_integer = p == end;
    if (p < end && *p == '.') {
        const uint8_t *fraction = ++p;
        /* Zeros in front count for nothing.  More than 19 digits may have wrapped around to 0. */
        if (!significand && whole <= 19) {
            while (p < end && *p == '0') {
                p++;
            }
            significant = 0;
        }
        const uint8_t *from = p;
        while (end - p >= 8) {
            uint64_t word = s2_load64(p) ^ 0x3030303030303030u;
            if (s2_not_digits(word)) {
                break;
            }
            significand = significand * 100000000u + s2_join_digits(word);
            p += 8;
        }
        while (p < end && (uint8_t)(*p - '0') < 10) {
            significand = significand * 10 + (uint64_t)(*p++ - '0');
        }
        if (p == fraction) {
            return false;
        }
        significant += p - from;
        exponent = fraction - p;
    }
    if (significant > 19) {
        return false; /* `significand` did overflow */
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        bool down = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        const uint8_t *from = p;
        int64_t written = 0;
        while (p < end && (uint8_t)(*p - '0') < 10 && written < 100000) {
            written = written * 10 + (*p++ - '0');
        }
        if (p == from) {
            return false;
        }
        exponent += down ? -written : written;
    }
    if (p != end || !s2_scale(significand, exponent, value)) {
        return false;
    }
    if (negative) {
        *value = -*value;
    }
    return true;
}

/* A decimal as the server prints it, all of the declared scale's digits behind the point, as an
 * integer without the point: -?digits[.digits] of at most 18 digits.  No check of its precision:
 * 18 digits may still be too many. */
static inline bool s2_decimal64(const uint8_t *p, size_t length, size_t scale, uint64_t *magnitude,
                                bool *negative)
{
    *negative = length && *p == '-';
    size_t sign = *negative;
    uint64_t bad = 0;
    if (scale == 0) {
        size_t count = length - sign;
        if (count - 1 > 17) {
            return false;
        }
        *magnitude = s2_digits(p + length, count, &bad);
        return !bad;
    }
    size_t fixed = sign + scale + 1;
    if (length <= fixed || length - sign > 19 || p[length - scale - 1] != '.') {
        return false;
    }
    size_t whole = length - fixed;
    uint64_t high = s2_digits(p + length - scale - 1, whole, &bad);
    uint64_t low = s2_digits(p + length, scale, &bad);
    *magnitude = high * s2_powers_of_ten[scale] + low;
    return !bad;
}

/* The same of up to 76 digits, as 256 bits in four words, least significant first, in two's
 * complement; a fraction shorter than the scale is filled up.  False also when it has more than
 * `precision` digits. */
bool s2_decimal256(const uint8_t *p, size_t length, size_t precision, size_t scale,
                   uint64_t words[4]);

#endif
