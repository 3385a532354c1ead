#include "shortest.h"

#include "powers_of_ten.h"

/* The method is Schubfach: R. Giulietti, "The Schubfach way to render doubles", 2020; names follow
 * that paper.  Digits are d * 10^k. */
typedef struct {
    uint64_t d;
    int k;
} decimal;

#define FRACTION_BITS 52
#define BIAS (1023 + FRACTION_BITS)

/* floor(log2(10^e)) for |e| <= 1233 */
static inline int floor_log2_pow10(int e)
{
    return (int)(((int64_t)e * 1741647) >> 19);
}

/* Return the upper bits of g * cp, with the lowest bit set when there are others ("round to odd"). */
static inline uint64_t round_to_odd(const uint64_t *g, uint64_t cp)
{
    s2_u128 x = (s2_u128)g[1] * cp;
    s2_u128 y = (s2_u128)g[0] * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static decimal to_decimal(uint64_t fraction, unsigned exponent)
{
    uint64_t c = fraction;
    int q = 1 - BIAS;
    if (exponent) {
        c |= UINT64_C(1) << FRACTION_BITS;
        q = (int)exponent - BIAS;
        if (q <= 0 && q > -FRACTION_BITS - 1 && !(c & ((UINT64_C(1) << -q) - 1))) {
            return (decimal){c >> -q, 0}; /* a small integer */
        }
    }
    bool is_even = !(c & 1);
    bool is_closer_below = !fraction && exponent > 1;
    uint64_t cbl = 4 * c - 2 + is_closer_below;
    uint64_t cb = 4 * c;
    uint64_t cbr = 4 * c + 2;
    int k = (int)(((int64_t)q * 1262611 - (is_closer_below ? 524031 : 0)) >> 22);
    int h = q + floor_log2_pow10(-k) + 1;
    const uint64_t *g = s2_powers_of_ten[-k - S2_LEAST_POWER_OF_TEN];
    uint64_t vbl = round_to_odd(g, cbl << h);
    uint64_t vb = round_to_odd(g, cb << h);
    uint64_t vbr = round_to_odd(g, cbr << h);
    uint64_t lower = vbl + !is_even;
    uint64_t upper = vbr - !is_even;
    uint64_t s = vb / 4;
    if (s >= 10) {
        uint64_t sp = s / 10;
        bool up_inside = lower <= 40 * sp;
        bool wp_inside = 40 * sp + 40 <= upper;
        if (up_inside != wp_inside) {
            return (decimal){sp + wp_inside, k + 1};
        }
    }
    bool u_inside = lower <= 4 * s;
    bool w_inside = 4 * s + 4 <= upper;
    if (u_inside != w_inside) {
        return (decimal){s + w_inside, k};
    }
    uint64_t middle = 4 * s + 2;
    bool up = vb > middle || (vb == middle && (s & 1));
    return (decimal){s + up, k};
}

size_t s2_shortest(double number, uint8_t *out)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    uint8_t *at = out;
    if (bits >> 63) {
        *at++ = '-';
    }
    uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    unsigned exponent = (unsigned)(bits >> FRACTION_BITS) & 0x7FF;
    if (!fraction && !exponent) {
        *at++ = '0';
        return (size_t)(at - out);
    }
    decimal found = to_decimal(fraction, exponent);
    while (found.d % 10 == 0) {
        found.d /= 10;
        found.k++;
    }
    uint8_t digits[20];
    int count = 0;
    for (uint64_t d = found.d; d; d /= 10) {
        digits[count++] = (uint8_t)('0' + d % 10); /* the last one first */
    }
    int point = count + found.k; /* digits before the point */
    if (point > 16 || point < -3) {
        *at++ = digits[count - 1];
        if (count > 1) {
            *at++ = '.';
            for (int i = count - 2; i >= 0; i--) {
                *at++ = digits[i];
            }
        }
        int power = point - 1;
        *at++ = 'e';
        *at++ = power < 0 ? '-' : '+';
        power = power < 0 ? -power : power;
        if (power >= 100) {
            *at++ = (uint8_t)('0' + power / 100);
        }
        *at++ = (uint8_t)('0' + power / 10 % 10);
        *at++ = (uint8_t)('0' + power % 10);
        return (size_t)(at - out);
    }
    if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        for (int i = point; i < 0; i++) {
            *at++ = '0';
        }
        for (int i = count - 1; i >= 0; i--) {
            *at++ = digits[i];
        }
        return (size_t)(at - out);
    }
    for (int i = 0; i < point; i++) {
        *at++ = i < count ? digits[count - 1 - i] : '0';
        if (i == point - 1 && point < count) {
            *at++ = '.';
        }
    }
    for (int i = point; i < count; i++) {
        *at++ = digits[count - 1 - i];
    }
    return (size_t)(at - out);
}
