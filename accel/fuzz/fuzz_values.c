/* Fuzz target: one value at a time, against an implementation that is slow and plain.
 *
 * Input: u8 which parser, u8 and u8 its parameters, then the value.  What a parser takes must be what
 * the plain one makes of it; what it is there to take it must take.  Anything else aborts.
 */
/* timegm() is not in POSIX. */
#define _DEFAULT_SOURCE 1

#include <stdio.h>
#include <time.h>

#include "../numbers.h"
#include "../packets.h"
#include "../temporal.h"
#include "../text.h"
#include "../vectors.h"

/* Longer values would only be more of the same. */
#define VALUE_MOST 256u

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Count the digits that `p` starts with. */
static size_t digits_at(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *start = p;
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return (size_t)(p - start);
}

/* -- numbers -------------------------------------------------------------------------------- */

static void try_int64(const uint8_t *p, size_t length)
{
    const uint8_t *end = p + length;
    bool negative = length && *p == '-';
    size_t count = digits_at(p + negative, end);
    bool expected = count >= 1 && count <= 19 && p + negative + count == end;
    s2_i128 number = 0;
    for (const uint8_t *at = p + negative; expected && at < end; at++) {
        number = number * 10 + (*at - '0');
    }
    number = negative ? -number : number;
    expected = expected && number >= INT64_MIN && number <= INT64_MAX;
    int64_t value = 0;
    check(s2_int64(p, length, &value) == expected && (!expected || value == number));
}

static void try_uint64(const uint8_t *p, size_t length)
{
    bool digits = length && digits_at(p, p + length) == length;
    uint64_t value = 0;
    if (!s2_uint64(p, length, &value)) {
        check(!digits || length > 19);
        return;
    }
    check(digits && length <= 20);
    s2_u128 number = 0;
    for (size_t i = 0; i < length; i++) {
        number = number * 10 + (uint8_t)(p[i] - '0');
    }
    check(number == value);
}

/* Copy a value to where a NUL is behind it. */
static const char *text_of(const uint8_t *p, size_t length)
{
    static char text[VALUE_MOST + 1];
    check(length < sizeof text);
    memcpy(text, p, length);
    text[length] = 0;
    return text;
}

static void try_double(const uint8_t *p, size_t length)
{
    const uint8_t *end = p + length;
    const uint8_t *at = p + (length && *p == '-');
    size_t whole = digits_at(at, end);
    at += whole;
    bool plain = at == end;
    bool matches = whole > 0;
    size_t fraction = 0;
    if (at < end && *at == '.') {
        fraction = digits_at(++at, end);
        matches = matches && fraction > 0;
        at += fraction;
    }
    bool short_one = at == end && whole + fraction <= 15;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '-' || *at == '+');
        size_t exponent = digits_at(at, end);
        matches = matches && exponent > 0;
        at += exponent;
    }
    matches = matches && at == end;
    double value;
    bool is_integer;
    if (!s2_double(p, length, &value, &is_integer)) {
        check(!matches || !short_one);
        return;
    }
    check(matches && is_integer == plain);
    double expected = strtod(text_of(p, length), NULL);
    check(memcmp(&value, &expected, sizeof value) == 0);
}

/* Compare 256 bits in two's complement with a decimal in digits, its point `scale` digits before the
 * end. */
static void check_words(const uint64_t words[4], const uint8_t *p, size_t length, size_t scale)
{
    uint64_t left[4];
    bool negative = *p == '-';
    uint64_t carry = negative;
    for (int i = 0; i < 4; i++) {
        left[i] = (negative ? ~words[i] : words[i]) + carry;
        carry = carry && left[i] == 0;
    }
    /* The digits, last first: zeros that the fraction lacks, then those that were written. */
    const uint8_t *point = memchr(p, '.', length);
    size_t fraction = point ? (size_t)(p + length - point) - 1 : 0;
    size_t missing = scale - fraction;
    for (size_t i = 0; i < missing + length; i++) {
        uint8_t written = i < missing ? '0' : p[length - 1 - (i - missing)];
        if (written == '.' || written == '-') {
            continue;
        }
        s2_u128 rest = 0;
        for (int word = 3; word >= 0; word--) {
            rest = rest << 64 | left[word];
            left[word] = (uint64_t)(rest / 10);
            rest %= 10;
        }
        check(rest == (s2_u128)(written - '0'));
    }
    check(!(left[0] | left[1] | left[2] | left[3]));
}

static void try_decimal(const uint8_t *p, size_t length, size_t precision, size_t scale)
{
    precision = 1 + precision % 76;
    scale %= precision + 1;
    const uint8_t *end = p + length;
    const uint8_t *at = p + (length && *p == '-');
    size_t whole = digits_at(at, end);
    at += whole;
    size_t fraction = 0;
    if (at < end && *at == '.') {
        fraction = digits_at(++at, end);
        at = fraction ? at + fraction : p; /* a point with nothing behind it */
    }
    bool fits = whole && at == end && fraction <= scale;
    uint64_t words[4];
    bool taken = s2_decimal256(p, length, precision, scale, words);
    check(!taken || fits);
    check(taken || !fits || whole + scale > precision);
    if (taken) {
        check_words(words, p, length, scale);
    }
    uint64_t magnitude;
    bool negative;
    bool in_64 = scale < 18 && s2_decimal64(p, length, scale, &magnitude, &negative);
    if (in_64) {
        check(s2_decimal256(p, length, 76, scale, words));
        check(negative == (*p == '-'));
        check(words[0] == (negative ? 0 - magnitude : magnitude));
    } else {
        check(!fits || fraction < scale || scale >= 18 || whole + scale > 17);
    }
}

/* -- dates and times ------------------------------------------------------------------------ */

/* Whether `p` is what printing gave, with any fraction of a second that means `microsecond`. */
static void check_printed(const char *printed, const uint8_t *p, size_t length, int microsecond)
{
    size_t size = strlen(printed);
    check(length >= size);
    for (size_t i = 0; i < size; i++) {
        check(p[i] == (uint8_t)printed[i] || (printed[i] == ' ' && p[i] == 'T'));
    }
    if (length > size) {
        check(p[size] == '.' && length - size >= 2 && length - size <= 7);
        check(digits_at(p + size + 1, p + length) == length - size - 1);
        int written = 0;
        for (size_t i = 1; i < 7; i++) {
            written = written * 10 + (size + i < length ? p[size + i] - '0' : 0);
        }
        check(written == microsecond);
    } else {
        check(microsecond == 0);
    }
}

/* Seconds since 1970 of a moment that exists. */
static int64_t seconds_of(const s2_moment *moment)
{
    struct tm broken_down = {
        .tm_year = moment->year - 1900,
        .tm_mon = moment->month - 1,
        .tm_mday = moment->day,
        .tm_hour = moment->hour,
        .tm_min = moment->minute,
        .tm_sec = moment->second,
    };
    struct tm wanted = broken_down;
    int64_t seconds = timegm(&broken_down);
    check(broken_down.tm_mday == wanted.tm_mday && broken_down.tm_mon == wanted.tm_mon);
    return seconds;
}

static void try_date(const uint8_t *p, size_t length)
{
    s2_moment moment = {0};
    if (s2_date(p, length, &moment)) {
        char printed[64];
        (void)snprintf(printed, sizeof printed, "%04d-%02d-%02d", moment.year, moment.month,
                       moment.day);
        check_printed(printed, p, length, 0);
        check(length == 10);
        check(s2_days(moment.year, moment.month, moment.day) == seconds_of(&moment) / 86400 -
              (seconds_of(&moment) % 86400 < 0));
    }
    check(!s2_zero_date(p, length, false) || (length == 10 && !memcmp(p, "0000-00-00", 10)));
}

static void try_datetime(const uint8_t *p, size_t length)
{
    s2_moment moment = {0};
    bool is_zero = s2_zero_date(p, length, true);
    if (s2_datetime(p, length, &moment)) {
        check(!is_zero);
        char printed[96];
        (void)snprintf(printed, sizeof printed, "%04d-%02d-%02d %02d:%02d:%02d", moment.year,
                       moment.month, moment.day, moment.hour, moment.minute, moment.second);
        check_printed(printed, p, length, moment.microsecond);
        check(moment.hour < 24 && moment.minute < 60 && moment.second < 60);
        check(s2_timestamp(&moment) == seconds_of(&moment) * 1000000 + moment.microsecond);
    }
    for (size_t i = 0; is_zero && i < length; i++) {
        check(p[i] == '0' || (i != 0 && strchr("-: T.", p[i])));
    }
}

static void try_duration(const uint8_t *p, size_t length)
{
    int64_t span;
    if (!s2_duration(p, length, &span)) {
        return;
    }
    bool negative = *p == '-';
    int64_t microseconds = negative ? -span : span;
    p += negative;
    length -= negative;
    size_t hours = digits_at(p, p + length);
    check(hours >= 1 && hours <= 3 && length >= hours + 6);
    /* Minutes and seconds are as many as two digits say, so add them up as they are written. */
    int64_t hour = 0;
    for (size_t i = 0; i < hours; i++) {
        hour = hour * 10 + (p[i] - '0');
    }
    const uint8_t *m = p + hours + 1;
    const uint8_t *s = m + 3;
    int64_t minute = (m[0] - '0') * 10 + (m[1] - '0');
    int64_t second = (s[0] - '0') * 10 + (s[1] - '0');
    int64_t fraction = microseconds - (hour * 3600 + minute * 60 + second) * 1000000;
    check(fraction >= 0 && fraction < 1000000);
    char printed[64];
    (void)snprintf(printed, sizeof printed, ":%02d:%02d", (int)minute, (int)second);
    check_printed(printed, p + hours, length - hours, (int)fraction);
}

/* -- text, vectors, lengths ----------------------------------------------------------------- */

static bool is_utf8(const uint8_t *p, size_t length)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < length;) {
        uint32_t lead = p[at];
        size_t size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (lead >= 0xF8 || size == 0 || length - at < size) {
            return false;
        }
        uint32_t code = size == 1 ? lead : lead & (0x7Fu >> size);
        for (size_t i = 1; i < size; i++) {
            if ((p[at + i] & 0xC0) != 0x80) {
                return false;
            }
            code = code << 6 | (p[at + i] & 0x3Fu);
        }
        if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
            return false;
        }
        at += size;
    }
    return true;
}

static void try_text(const uint8_t *p, size_t length)
{
    size_t ascii = s2_ascii_prefix(p, length);
    check(ascii == length || (ascii < length && p[ascii] >= 0x80));
    for (size_t i = 0; i < ascii; i++) {
        check(p[i] < 0x80);
    }
    check(s2_utf8(p, length) == is_utf8(p, length));
}

/* The number that 16 bits of IEEE 754 are. */
static double half_to_double(uint16_t bits)
{
    int exponent = bits >> 10 & 31;
    int mantissa = bits & 1023;
    double value = exponent ? mantissa + 1024 : mantissa;
    for (int i = exponent ? exponent : 1; i < 25; i++) {
        value /= 2;
    }
    for (int i = 25; i < exponent; i++) {
        value *= 2;
    }
    return bits & 0x8000 ? -value : value;
}

static double distance(double a, double b)
{
    return a < b ? b - a : a - b;
}

static void check_element(const char *text, char element, const uint8_t *packed, char **behind)
{
    int64_t integer = 0;
    float single;
    double number;
    uint16_t bits;
    switch (element) {
    case 'g':
        memcpy(&number, packed, 8);
        check(number == strtod(text, behind));
        return;
    case 'f':
        memcpy(&single, packed, 4);
        check(single == (float)strtod(text, behind));
        return;
    case 'e':
        memcpy(&bits, packed, 2);
        number = strtod(text, behind);
        double off = distance(number, half_to_double(bits));
        check(off <= distance(number, half_to_double((uint16_t)(bits + 1))));
        check(!(bits & 0x7FFF) || off <= distance(number, half_to_double((uint16_t)(bits - 1))));
        return;
    default:
        memcpy(&integer, packed, s2_element_width(element));
        size_t unused = 64 - 8 * s2_element_width(element);
        integer = (int64_t)((uint64_t)integer << unused) >> unused; /* extends the sign */
        check(integer == strtoll(text, behind, 10));
        return;
    }
}

static void try_vector(const uint8_t *p, size_t length, size_t dimension, size_t kind)
{
    char element = "csilefg"[kind % 7];
    size_t width = s2_element_width(element);
    dimension = 1 + dimension % 16;
    uint8_t *packed = malloc(dimension * width); /* just this: more is a heap overflow */
    check(packed != NULL);
    if (s2_vector_json(p, length, dimension, element, packed)) {
        const char *text = text_of(p, length);
        check(strlen(text) == length);
        for (size_t i = 0; i < dimension; i++) {
            char *behind;
            text = strpbrk(text, "-0123456789");
            check(text != NULL);
            check_element(text, element, packed + i * width, &behind);
            text = behind;
        }
        check(strpbrk(text, "-0123456789,") == NULL && strchr(text, ']') != NULL);
    }
    free(packed);
}

static void try_length(const uint8_t *p, size_t length)
{
    const uint8_t *at = p;
    uint64_t value = 0;
    const size_t none = VALUE_MOST; /* NULL, or no length at all */
    uint8_t first = length ? *p : 255;
    size_t width = first < 251 ? 0 : first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : none;
    bool expected = length > width;
    check(s2_length(&at, p + length, &value) == expected);
    check(at == (expected ? p + 1 + width : p));
    uint64_t number = expected && !width ? first : 0;
    for (size_t i = expected ? width : 0; i > 0; i--) {
        number = number << 8 | p[i];
    }
    check(!expected || value == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    size_t length = size - 3 < VALUE_MOST ? size - 3 : VALUE_MOST;
    /* A block of its own, so that reading beyond the slack is seen; other bytes than zeros in the
     * slack would be read as digits. */
    uint8_t *block = malloc(S2_HEAD_SLACK + length + S2_TAIL_SLACK);
    check(block != NULL);
    memset(block, '7', S2_HEAD_SLACK);
    memset(block + S2_HEAD_SLACK + length, '7', S2_TAIL_SLACK);
    memcpy(block + S2_HEAD_SLACK, data + 3, length);
    const uint8_t *p = block + S2_HEAD_SLACK;
    switch (data[0] % 10) {
    case 0:
        try_int64(p, length);
        break;
    case 1:
        try_uint64(p, length);
        break;
    case 2:
    case 3: /* the largest of them */
        try_double(p, length);
        break;
    case 4:
        try_decimal(p, length, data[1], data[2]);
        break;
    case 5:
        try_date(p, length);
        try_datetime(p, length);
        break;
    case 6:
        try_duration(p, length);
        break;
    case 7:
        try_text(p, length);
        break;
    case 8:
        try_vector(p, length, data[1], data[2]);
        break;
    default:
        try_length(p, length);
        break;
    }
    free(block);
    return 0;
}
