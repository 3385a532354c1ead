#include "vectors.h"

#include <float.h>

#include "numbers.h"

size_t s2_element_width(char element)
{
    switch (element) {
    case 'c':
        return 1;
    case 's':
    case 'e':
        return 2;
    case 'i':
    case 'f':
        return 4;
    case 'l':
    case 'g':
        return 8;
    default:
        return 0;
    }
}

/* Round a double to IEEE 754 binary16, ties to even; false beyond its range (65504). */
static bool half(double value, uint16_t *out)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    int drop = 42; /* bits of a double's mantissa that a half has no room for */
    uint64_t result;
    if (exponent < -25) {
        *out = sign;
        return true;
    }
    if (exponent < -14) { /* subnormal: the leading one is written out */
        mantissa |= (uint64_t)1 << 52;
        drop += -14 - exponent;
        result = mantissa >> drop;
    } else {
        if (exponent > 15) {
            return false;
        }
        result = (uint64_t)(exponent + 15) << 10 | mantissa >> drop;
    }
    uint64_t rest = mantissa & (((uint64_t)1 << drop) - 1);
    uint64_t tie = (uint64_t)1 << (drop - 1);
    result += rest > tie || (rest == tie && (result & 1)); /* may carry into the exponent: right */
    if (result >= 0x7C00) {
        return false;
    }
    *out = (uint16_t)(sign | result);
    return true;
}

static bool put_integer(const uint8_t *p, size_t length, size_t width, uint8_t *out)
{
    int64_t value;
    if (!s2_int64(p, length, &value)) {
        return false;
    }
    if (width < 8) {
        int64_t limit = (int64_t)1 << (8 * width - 1);
        if (value < -limit || value >= limit) {
            return false;
        }
    }
    memcpy(out, &value, width); /* little-endian: the low bytes come first */
    return true;
}

static bool put_number(const uint8_t *p, size_t length, char element, uint8_t *out)
{
    double value;
    bool is_integer;
    if (!s2_double(p, length, &value, &is_integer)) {
        return false;
    }
    if (is_integer && value == 0) {
        value = 0; /* an integer has no negative zero */
    }
    if (element == 'g') {
        memcpy(out, &value, sizeof value);
        return true;
    }
    if (element == 'f') {
        if (value > (double)FLT_MAX || value < -(double)FLT_MAX) {
            return false;
        }
        float single = (float)value;
        memcpy(out, &single, sizeof single);
        return true;
    }
    uint16_t bits;
    if (!half(value, &bits)) {
        return false;
    }
    memcpy(out, &bits, sizeof bits);
    return true;
}

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

bool s2_vector_json(const uint8_t *p, size_t length, size_t dimension, char element, uint8_t *out)
{
    const uint8_t *end = p + length;
    size_t width = s2_element_width(element);
    bool integers = element == 'c' || element == 's' || element == 'i' || element == 'l';
    p = skip_blanks(p, end);
    if (p == end || *p++ != '[') {
        return false;
    }
    for (size_t i = 0; i < dimension; i++) {
        p = skip_blanks(p, end);
        if (i) {
            if (p == end || *p++ != ',') {
                return false;
            }
            p = skip_blanks(p, end);
        }
        const uint8_t *number = p;
        while (p < end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '.' || *p == '+' ||
                           (*p | 0x20) == 'e')) {
            p++;
        }
        size_t size = (size_t)(p - number);
        size_t sign = size && *number == '-';
        /* JSON has no leading zeros. */
        if (size > sign + 1 && number[sign] == '0' && (uint8_t)(number[sign + 1] - '0') < 10) {
            return false;
        }
        if (integers ? !put_integer(number, size, width, out)
                     : !put_number(number, size, element, out)) {
            return false;
        }
        out += width;
    }
    p = skip_blanks(p, end);
    if (p == end || *p++ != ']') {
        return false;
    }
    return skip_blanks(p, end) == end;
}
