#include "text.h"

#define HIGH_BITS 0x8080808080808080u

size_t s2_ascii_prefix(const uint8_t *p, size_t length)
{
    const uint8_t *start = p;
    const uint8_t *end = p + length;
    while (end - p >= 32) {
        uint64_t any = s2_load64(p) | s2_load64(p + 8) | s2_load64(p + 16) | s2_load64(p + 24);
        if (any & HIGH_BITS) {
            break;
        }
        p += 32;
    }
    while (p < end && *p < 0x80) {
        p++;
    }
    return (size_t)(p - start);
}

static inline bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

bool s2_utf8(const uint8_t *p, size_t length)
{
    const uint8_t *end = p + length;
    while (true) {
        p += s2_ascii_prefix(p, (size_t)(end - p));
        /* Text that is not ASCII seldom is for one character only. */
        while (p < end && *p >= 0x80) {
            uint8_t lead = *p;
            size_t left = (size_t)(end - p);
            if (lead < 0xC2) {
                return false;
            }
            if (lead < 0xE0) {
                if (left < 2 || !continues(p[1])) {
                    return false;
                }
                p += 2;
            } else if (lead < 0xF0) {
                if (left < 3 || !continues(p[1]) || !continues(p[2]) ||
                    (lead == 0xE0 && p[1] < 0xA0) || (lead == 0xED && p[1] > 0x9F)) {
                    return false;
                }
                p += 3;
            } else {
                if (lead > 0xF4 || left < 4 || !continues(p[1]) || !continues(p[2]) ||
                    !continues(p[3]) || (lead == 0xF0 && p[1] < 0x90) ||
                    (lead == 0xF4 && p[1] > 0x8F)) {
                    return false;
                }
                p += 4;
            }
        }
        if (p == end) {
            return true;
        }
    }
}
