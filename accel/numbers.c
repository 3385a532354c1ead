#include "numbers.h"

/* Multiply 256 bits by `factor` and add `term`; the caller knows that it fits. */
static void multiply_add(uint64_t words[4], uint64_t factor, uint64_t term)
{
    s2_u128 carry = term;
    for (int i = 0; i < 4; i++) {
        carry += (s2_u128)words[i] * factor;
        words[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

bool s2_decimal256(const uint8_t *p, size_t length, size_t precision, size_t scale,
                   uint64_t words[4])
{
    const uint8_t *end = p + length;
    bool negative = p < end && *p == '-';
    p += negative;
    if (p == end || *p == '.') {
        return false;
    }
    size_t digits = 0; /* significant ones */
    size_t fraction = 0;
    bool behind = false;
    memset(words, 0, 4 * sizeof *words);
    for (; p < end; p++) {
        if (*p == '.' && !behind && p + 1 < end) {
            behind = true;
            continue;
        }
        uint8_t digit = (uint8_t)(*p - '0');
        if (digit > 9) {
            return false;
        }
        fraction += behind;
        digits += digits || digit;
        if (digits > precision || fraction > scale) {
            return false;
        }
        multiply_add(words, 10, digit);
    }
    for (; fraction < scale; fraction++) {
        digits += digits != 0;
        if (digits > precision) {
            return false;
        }
        multiply_add(words, 10, 0);
    }
    if (negative) {
        uint64_t carry = 1;
        for (int i = 0; i < 4; i++) {
            words[i] = ~words[i] + carry;
            carry = carry && words[i] == 0;
        }
    }
    return true;
}
