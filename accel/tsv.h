/* Arrow record batches as a file for LOAD DATA: tabs between fields, a line feed behind each row,
 * backslash escapes, \N for NULL.
 *
 * singlestoredb/columnar/text.py is the same in Python and says what the text of each value is;
 * both write the same bytes.
 *
 * Arrays are the producer's: as every consumer of the Arrow C data interface, which does not tell
 * the sizes of buffers, this one trusts lengths and offsets, except where looking costs nothing.
 */
#ifndef S2_TSV_H
#define S2_TSV_H

#include "arrow_abi.h"
#include "common.h"

/* Why a value has no text; the numbers are those of columnar/text.py. */
typedef enum {
    S2_TSV_FINE = 0,
    S2_TSV_NAN = 1,
    S2_TSV_INFINITE = 2,
    S2_TSV_RANGE = 3,
    S2_TSV_LOSSY = 4,
    S2_TSV_NOT_UTF8 = 5,
    S2_TSV_MALFORMED = 6,
} s2_tsv_reason;

/* Text that grows. */
typedef struct {
    uint8_t *data;
    size_t size;
    size_t room;
} s2_text;

void s2_text_free(s2_text *text);

typedef struct s2_tsv_node s2_tsv_node;

typedef struct {
    s2_tsv_node *root;     /* the struct whose members are the columns */
    s2_text out;           /* the lines; the owner takes them and sets `size` to 0 */
    s2_text scratch;       /* JSON before it is escaped */
    bool nan_as_null;
    bool inf_as_null;
    bool is_single;        /* one column: a second, empty field follows it */
    s2_tsv_reason reason;  /* why the last value was refused */
    size_t column;         /* where it is */
} s2_tsv;

/* Make an encoder for batches of a schema.  S2_REFUSED when a type has no text. */
s2_status s2_tsv_init(s2_tsv *tsv, const struct ArrowSchema *schema);

void s2_tsv_clear(s2_tsv *tsv);

/* Return whether a batch has the buffers and children that the schema announced. */
bool s2_tsv_fits(const s2_tsv *tsv, const struct ArrowArray *batch);

/* Write rows from `*row` on, until `out` has `size` bytes or the batch ends.  `*row` moves to the
 * first row that was not written.  S2_REFUSED: that row has a value without a text. */
s2_status s2_tsv_rows(s2_tsv *tsv, const struct ArrowArray *batch, int64_t *row, size_t size);

#endif
