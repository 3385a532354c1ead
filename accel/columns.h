/* Rows to columns: one pass from the payload of a row packet into the buffers of Arrow arrays. */
#ifndef S2_COLUMNS_H
#define S2_COLUMNS_H

#include "layout.h"
#include "memory.h"
#include "packets.h"

/* A column of a finished batch.  The buffers belong to the batch's regions. */
typedef struct {
    const uint8_t *validity; /* bitmap, least significant bit first; NULL without NULLs */
    const uint8_t *values;   /* fixed width: the values; else int32 offsets, rows + 1 of them */
    const uint8_t *data;     /* behind offsets: the bytes */
    int64_t null_count;
} s2_array;

typedef struct {
    atomic_size_t references;
    s2_layout *layout; /* a reference */
    int64_t rows;
    s2_region **regions; /* references */
    size_t region_count;
    s2_array columns[];
} s2_batch;

s2_batch *s2_batch_retain(s2_batch *batch);
void s2_batch_release(s2_batch *batch);

/* What a hook made of a value that is not of its column's common form. */
typedef struct {
    bool is_null;
    const uint8_t *bytes; /* as they stand in the column; valid until the hook's next call */
    size_t length;        /* of columns of fixed width: the width */
} s2_value;

/* Make the value of column `column` from what the server sent.  False refuses it, which ends
 * decoding with S2_REFUSED; the hook's owner knows why. */
typedef bool (*s2_hook)(void *context, size_t column, const uint8_t *p, size_t length,
                        s2_value *value);

/* A column that is being built. */
typedef struct {
    uint8_t *validity;
    uint8_t *values;
    uint8_t *data;
    size_t data_used;
    size_t data_room;
    size_t data_expected; /* by the batch before */
    int64_t null_count;
} s2_building;

typedef struct {
    s2_layout *layout; /* a reference */
    s2_hook hook;
    void *context;
    s2_arena arena;
    size_t rows;       /* of the batch that is being built */
    size_t room;       /* rows that it has buffers for */
    size_t first_rows; /* rows that the first batch gets buffers for, to begin with */
    size_t batch_rows; /* rows at which it is finished */
    bool full;         /* or it is as long as it may be */
    size_t failed;     /* column of S2_REFUSED and S2_TOO_LONG */
    s2_batch **batches;
    size_t batch_count;
    size_t batch_room;
    int64_t total_rows; /* of the finished batches */
    s2_building columns[];
} s2_builder;

/* Return a builder that holds a reference to `layout`; NULL when memory is short.  It will get at
 * most `limit` rows, whose buffers are made at once if they are few. */
s2_builder *s2_builder_new(s2_layout *layout, int64_t limit, s2_hook hook, void *context);
void s2_builder_free(s2_builder *builder);

/* Decode one row.  S2_OK, S2_MALFORMED, S2_TOO_LONG, S2_REFUSED or S2_NO_MEMORY; after a failure
 * the builder can only be freed. */
s2_status s2_builder_row(s2_builder *builder, const uint8_t *payload, size_t length);

/* Decode row packets until `limit` rows are there in all (S2_LIMIT), bytes lack (S2_NEED_MORE), or
 * an EOF or ERR packet comes (S2_END: it is left in `*end`, `*end_length` bytes).  Otherwise as
 * s2_builder_row and s2_packets_next. */
s2_status s2_builder_packets(s2_builder *builder, s2_packets *packets, int64_t limit,
                             const uint8_t **end, size_t *end_length);

/* Finish the last batch.  S2_OK, S2_REFUSED, S2_TOO_LONG or S2_NO_MEMORY. */
s2_status s2_builder_finish(s2_builder *builder);

static inline int64_t s2_builder_rows(const s2_builder *builder)
{
    return builder->total_rows + (int64_t)builder->rows;
}

#endif
