/* The columns of a result: what arrives, and the Arrow column that it becomes. */
#ifndef S2_LAYOUT_H
#define S2_LAYOUT_H

#include <stdatomic.h>

#include "common.h"

typedef enum {
    S2_INT8,
    S2_INT16,
    S2_INT32,
    S2_INT64,
    S2_UINT8,
    S2_UINT16,
    S2_UINT32,
    S2_UINT64,
    S2_FLOAT,
    S2_DOUBLE,
    S2_DECIMAL128,
    S2_DECIMAL256,
    S2_DATE,
    S2_TIMESTAMP,
    S2_DURATION,
    S2_VECTOR,      /* packed elements */
    S2_VECTOR_JSON, /* elements as a JSON array */
    S2_TEXT,        /* UTF-8, to be verified; from here on columns have offsets */
    S2_BYTES,
    S2_NULL, /* no values at all */
} s2_kind;

/* How a column's values arrive where its Arrow format leaves that open. */
typedef enum {
    S2_AS_TEXT,  /* UTF-8 */
    S2_AS_BYTES, /* anything; packed elements of a vector */
    S2_AS_JSON,  /* a vector as JSON text */
} s2_wire;

typedef struct {
    s2_kind kind;
    size_t width;     /* bytes of a value in the column's data; 0 with offsets and for S2_NULL */
    size_t precision; /* of a decimal */
    size_t scale;
    size_t dimension; /* of a vector */
    char element;
    char *name;   /* UTF-8 */
    char *format; /* of the Arrow C data interface */
} s2_column;

typedef struct {
    atomic_size_t references;
    size_t count;
    size_t row_width; /* bytes of a row's values of fixed width, offsets included */
    bool has_offsets;
    s2_column columns[];
} s2_layout;

/* Return a layout of `count` columns, all S2_NULL, one reference; NULL when memory is short. */
s2_layout *s2_layout_new(size_t count);

/* Describe column `index`.  `item` is the format of a vector's elements, else "".  False, with
 * `*understood` set accordingly, when there is no decoder for the format or memory is short. */
bool s2_layout_set(s2_layout *layout, size_t index, const char *name, const char *format,
                   const char *item, s2_wire wire, bool *understood);

s2_layout *s2_layout_retain(s2_layout *layout);
void s2_layout_release(s2_layout *layout);

static inline bool s2_has_offsets(s2_kind kind)
{
    return kind == S2_TEXT || kind == S2_BYTES;
}

#endif
