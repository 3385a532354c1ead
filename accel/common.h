/* What every file of the decoder shares: outcomes, limits, checked arithmetic.
 *
 * The decoder proper (this directory) is plain C11 and knows nothing of Python: it can be driven by
 * a fuzzer at full speed.  python/ wraps it.
 */
#ifndef S2_COMMON_H
#define S2_COMMON_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__SIZEOF_INT128__) || SIZE_MAX != UINT64_MAX
#error "the decoder needs 64-bit sizes and 128-bit integers; elsewhere the SDK runs in pure Python"
#endif
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the decoder is written for little-endian machines; elsewhere the SDK runs in pure Python"
#endif

#define S2_LIKELY(x) __builtin_expect(!!(x), 1)
#define S2_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* GCC and clang spell 128-bit integers as an extension. */
__extension__ typedef unsigned __int128 s2_u128;
__extension__ typedef __int128 s2_i128;

/* How a step of the decoder ended. */
typedef enum {
    S2_OK = 0,
    S2_NEED_MORE,      /* the next packet is not complete: receive, then call again */
    S2_LIMIT,          /* as many rows as were asked for */
    S2_END,            /* an EOF or ERR packet ended the rows */
    S2_BAD_SEQUENCE,   /* a packet has the wrong number */
    S2_MALFORMED,      /* a row, or a result, does not have the announced columns */
    S2_TOO_LONG,       /* a value does not fit 32-bit offsets */
    S2_NO_MEMORY,
    S2_REFUSED,        /* the owner's hook could not make a value; the hook knows why */
} s2_status;

/* Bytes that may be read before and after a row's payload.  Numbers are read as words that end at
 * the value's end (up to 24 bytes before it), short strings are copied 32 bytes at a time. */
#define S2_HEAD_SLACK 32u
#define S2_TAIL_SLACK 64u

/* Return a + b, or SIZE_MAX when that does not fit; allocations of SIZE_MAX fail. */
static inline size_t s2_add(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* Return a * b, or SIZE_MAX when that does not fit. */
static inline size_t s2_mul(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline uint64_t s2_load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* Every allocation of the decoder goes through here, so that a test can make the n-th one fail. */
void *s2_malloc(size_t size);
void s2_free(void *block);

/* Make the allocation after next `successes` ones fail, once; a negative count never fails.
 * Not thread-safe; for tests. */
void s2_fail_allocation(int64_t successes);

#endif
