/* Row packets that are kept as they came, to be decoded later, once, in whatever shape. */
#ifndef S2_KEPT_H
#define S2_KEPT_H

#include "memory.h"
#include "packets.h"

/* Packets that lie one behind the other. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    int64_t rows;
    bool bare; /* one payload without its header: those of several packets are joined */
} s2_span;

typedef struct {
    s2_arena arena;
    s2_span *spans;
    size_t count;
    size_t room;
    int64_t rows;     /* in all */
    int64_t position; /* the next row to be read */
    size_t span;      /* in which it is */
    size_t offset;    /* and where there */
} s2_kept;

void s2_kept_init(s2_kept *kept);
void s2_kept_clear(s2_kept *kept);

/* Keep row packets until there are `limit` in all.  Outcomes as s2_builder_packets. */
s2_status s2_kept_packets(s2_kept *kept, s2_packets *packets, int64_t limit, const uint8_t **end,
                          size_t *end_length);

/* Return the next row's payload, or false behind the last. */
bool s2_kept_next(s2_kept *kept, const uint8_t **payload, size_t *length);

/* Make `row` the next one; beyond the last, there is none. */
void s2_kept_seek(s2_kept *kept, int64_t row);

#endif
