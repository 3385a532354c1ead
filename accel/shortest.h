/* Doubles as the shortest digits that give the same double again. */
#ifndef S2_SHORTEST_H
#define S2_SHORTEST_H

#include "common.h"

#define S2_SHORTEST_SIZE 32u

/* Write a finite double as Python's repr() does, but without a closing ".0"; return the length, at
 * most 24.  `out` has room for S2_SHORTEST_SIZE bytes. */
size_t s2_shortest(double number, uint8_t *out);

#endif
