/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef S2_TEXT_H
#define S2_TEXT_H

#include "common.h"

/* Return how many of the bytes are ASCII before the first that is not. */
size_t s2_ascii_prefix(const uint8_t *p, size_t length);

bool s2_utf8(const uint8_t *p, size_t length);

#endif
