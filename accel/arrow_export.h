/* Batches as structures of the Arrow C data interface.
 *
 * What is exported holds references of its own: it outlives the result, may be released on any
 * thread, and may be exported again.
 */
#ifndef S2_ARROW_EXPORT_H
#define S2_ARROW_EXPORT_H

#include "arrow_abi.h"
#include "columns.h"

/* Rows of a batch. */
typedef struct {
    s2_batch *batch; /* a reference */
    int64_t start;
    int64_t rows;
} s2_slice;

/* Fill `out` with a struct of the layout's columns.  False when memory is short; `out` is then
 * released. */
bool s2_export_schema(const s2_layout *layout, struct ArrowSchema *out);

/* Fill `out` with the rows of a slice; takes a reference of its own. */
bool s2_export_array(const s2_slice *slice, struct ArrowArray *out);

/* Fill `out` with a stream over `count` slices; takes references of its own. */
bool s2_export_stream(s2_layout *layout, const s2_slice *slices, size_t count,
                      struct ArrowArrayStream *out);

#endif
