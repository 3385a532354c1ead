/* Bodies of external functions in SingleStore's format ROWDAT_1: little-endian rows without a
 * header, each an int64 row id and per column a byte that is 1 for NULL and 0 for a value, then a
 * value of fixed width, or an int64 length and so many bytes.  What stands behind a NULL means
 * nothing, but is there.
 *
 * singlestoredb/columnar/rowdat_1.py is the same in Python: both write the same bytes, read the
 * same values and refuse the same.
 *
 * Nothing is allocated here.  Bodies and columns may be memory that others write to meanwhile (a
 * mapped file, an array of another thread): what was measured is checked again when it is used.
 */
#ifndef S2_ROWDAT_1_H
#define S2_ROWDAT_1_H

#include "common.h"

/* What is wrong; the numbers are those of columnar/rowdat_1.py. */
typedef enum {
    S2_ROWDAT_FINE = 0,
    S2_ROWDAT_BROKEN_OFF = 1, /* the body ends within the cell */
    S2_ROWDAT_LENGTH = 2,     /* a length below 0 */
    S2_ROWDAT_NULL = 3,       /* the byte for NULL is neither 0 nor 1 */
    S2_ROWDAT_NOT_UTF8 = 4,
    S2_ROWDAT_OFFSETS = 5,    /* offsets that point backwards or outside of the data */
    S2_ROWDAT_CHANGED = 6,    /* somebody wrote to it since it was measured */
} s2_rowdat_reason;

typedef struct {
    s2_rowdat_reason reason;
    size_t row;
    size_t column; /* SIZE_MAX: the row's id */
} s2_rowdat_fault;

typedef struct {
    uint8_t width;    /* bytes of a value: 1, 2, 4 or 8; 0 for a length and so many bytes */
    bool is_text;     /* must be UTF-8 */
    uint64_t filler;  /* what decoding puts in the place of a NULL; its first `width` bytes */
    size_t size;      /* of the data of a column without a width */
    size_t used;      /* of it; scratch */
    uint8_t *values;  /* rows × width, or `size` bytes */
    int64_t *offsets; /* rows + 1, where there is no width */
    uint8_t *nulls;   /* rows; encoding takes NULL for no NULLs */
} s2_rowdat_column;

/* Count the rows of a body, and of each column the `size` of its data, NULLs without.  S2_OK or
 * S2_MALFORMED. */
s2_status s2_rowdat_measure(const uint8_t *body, size_t size, s2_rowdat_column *columns,
                            size_t count, size_t *rows, s2_rowdat_fault *fault);

/* Fill the buffers of a body that was measured.  S2_OK or S2_MALFORMED. */
s2_status s2_rowdat_decode(const uint8_t *body, size_t size, s2_rowdat_column *columns,
                           size_t count, size_t rows, int64_t *row_ids, s2_rowdat_fault *fault);

/* Give the size of the body of columns.  S2_OK, S2_MALFORMED, or S2_NO_MEMORY when it does not fit
 * a size_t. */
s2_status s2_rowdat_room(const s2_rowdat_column *columns, size_t count, size_t rows, size_t *size,
                         s2_rowdat_fault *fault);

/* Write the body, which must come to `size` bytes.  S2_OK or S2_MALFORMED. */
s2_status s2_rowdat_encode(const s2_rowdat_column *columns, size_t count, size_t rows,
                           const int64_t *row_ids, uint8_t *body, size_t size,
                           s2_rowdat_fault *fault);

#endif
