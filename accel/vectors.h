/* VECTOR values that are sent as JSON text. */
#ifndef S2_VECTORS_H
#define S2_VECTORS_H

#include "common.h"

/* Return the bytes of an element: 'c' int8, 's' int16, 'i' int32, 'l' int64, 'e' float16,
 * 'f' float32, 'g' float64 (letters of the Arrow C data interface); 0 for any other letter. */
size_t s2_element_width(char element);

/* Write a JSON array of exactly `dimension` numbers to `out`, packed.  False for anything else:
 * another length, numbers that the element's type cannot hold, and spellings beyond plain numbers.
 * `out` may then be partly written. */
bool s2_vector_json(const uint8_t *p, size_t length, size_t dimension, char element, uint8_t *out);

#endif
