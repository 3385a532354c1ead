#include "arrow_export.h"

#include <errno.h>

/* -- schema -------------------------------------------------------------------------------- */

/* A schema, its strings and its children's pointers are one block each. */
typedef struct {
    struct ArrowSchema **children;
    struct ArrowSchema *nodes;
} schema_private;

static void release_schema(struct ArrowSchema *schema)
{
    schema_private *own = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child->release) { /* a consumer may have moved it out */
            child->release(child);
        }
    }
    if (own) {
        s2_free(own->children);
        s2_free(own->nodes);
        s2_free(own);
    }
    schema->release = NULL;
}

/* Fill `out` with a copy of both strings behind its private block. */
static bool schema_node(struct ArrowSchema *out, const char *format, const char *name,
                        int64_t flags, size_t children)
{
    memset(out, 0, sizeof *out);
    size_t format_size = strlen(format) + 1;
    size_t name_size = strlen(name) + 1;
    schema_private *own = s2_malloc(s2_add(sizeof *own, s2_add(format_size, name_size)));
    if (!own) {
        return false;
    }
    memset(own, 0, sizeof *own);
    char *strings = (char *)(own + 1);
    memcpy(strings, format, format_size);
    memcpy(strings + format_size, name, name_size);
    out->format = strings;
    out->name = strings + format_size;
    out->flags = flags;
    out->private_data = own;
    out->release = release_schema;
    if (children) {
        own->children = s2_malloc(s2_mul(children, sizeof *own->children));
        own->nodes = s2_malloc(s2_mul(children, sizeof *own->nodes));
        if (!own->children || !own->nodes) {
            out->release(out);
            return false;
        }
        memset(own->nodes, 0, children * sizeof *own->nodes);
        for (size_t i = 0; i < children; i++) {
            own->children[i] = &own->nodes[i];
        }
        out->children = own->children;
        out->n_children = (int64_t)children;
    }
    return true;
}

bool s2_export_schema(const s2_layout *layout, struct ArrowSchema *out)
{
    if (!schema_node(out, "+s", "", 0, layout->count)) {
        return false;
    }
    for (size_t i = 0; i < layout->count; i++) {
        const s2_column *column = &layout->columns[i];
        struct ArrowSchema *child = out->children[i];
        bool is_list = column->dimension != 0;
        char item[2] = {column->element, 0};
        if (!schema_node(child, column->format, column->name, ARROW_FLAG_NULLABLE, is_list) ||
            (is_list && !schema_node(child->children[0], item, "item", 0, 0))) {
            out->release(out);
            return false;
        }
    }
    return true;
}

/* -- arrays -------------------------------------------------------------------------------- */

typedef struct {
    s2_batch *batch; /* a reference, in every array: children may be moved out */
    struct ArrowArray **children;
    struct ArrowArray *nodes;
    const void *buffers[3];
} array_private;

static void release_array(struct ArrowArray *array)
{
    array_private *own = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child->release) {
            child->release(child);
        }
    }
    s2_batch_release(own->batch);
    s2_free(own->children);
    s2_free(own->nodes);
    s2_free(own);
    array->release = NULL;
}

static bool array_node(struct ArrowArray *out, s2_batch *batch, int64_t start, int64_t rows,
                       int64_t nulls, size_t buffers, size_t children)
{
    memset(out, 0, sizeof *out);
    array_private *own = s2_malloc(sizeof *own);
    if (!own) {
        return false;
    }
    memset(own, 0, sizeof *own);
    own->batch = s2_batch_retain(batch);
    out->length = rows;
    out->null_count = nulls;
    out->offset = start;
    out->n_buffers = (int64_t)buffers;
    out->buffers = own->buffers;
    out->private_data = own;
    out->release = release_array;
    if (children) {
        own->children = s2_malloc(s2_mul(children, sizeof *own->children));
        own->nodes = s2_malloc(s2_mul(children, sizeof *own->nodes));
        if (!own->children || !own->nodes) {
            out->release(out);
            return false;
        }
        memset(own->nodes, 0, children * sizeof *own->nodes);
        for (size_t i = 0; i < children; i++) {
            own->children[i] = &own->nodes[i];
        }
        out->children = own->children;
        out->n_children = (int64_t)children;
    }
    return true;
}

static bool export_column(const s2_slice *slice, size_t i, struct ArrowArray *out)
{
    s2_batch *batch = slice->batch;
    const s2_column *column = &batch->layout->columns[i];
    const s2_array *array = &batch->columns[i];
    bool whole = slice->rows == batch->rows;
    if (column->kind == S2_NULL) {
        return array_node(out, batch, slice->start, slice->rows, slice->rows, 0, 0);
    }
    int64_t nulls = array->null_count == 0 || whole ? array->null_count : -1;
    size_t buffers = column->dimension ? 1 : s2_has_offsets(column->kind) ? 3 : 2;
    if (!array_node(out, batch, slice->start, slice->rows, nulls, buffers,
                    column->dimension != 0)) {
        return false;
    }
    array_private *own = out->private_data;
    own->buffers[0] = array->validity;
    if (!column->dimension) {
        own->buffers[1] = array->values;
        own->buffers[2] = array->data;
        return true;
    }
    int64_t items = (slice->start + slice->rows) * (int64_t)column->dimension;
    if (!array_node(out->children[0], batch, 0, items, 0, 2, 0)) {
        return false;
    }
    ((array_private *)out->children[0]->private_data)->buffers[1] = array->values;
    return true;
}

bool s2_export_array(const s2_slice *slice, struct ArrowArray *out)
{
    size_t count = slice->batch->layout->count;
    if (!array_node(out, slice->batch, 0, slice->rows, 0, 1, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!export_column(slice, i, out->children[i])) {
            out->release(out);
            return false;
        }
    }
    return true;
}

/* -- streams ------------------------------------------------------------------------------- */

typedef struct {
    s2_layout *layout;
    size_t count;
    size_t next;
    s2_slice slices[];
} stream_private;

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    stream_private *own = stream->private_data;
    return s2_export_schema(own->layout, out) ? 0 : ENOMEM;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    stream_private *own = stream->private_data;
    if (own->next == own->count) {
        memset(out, 0, sizeof *out); /* released: the end */
        return 0;
    }
    if (!s2_export_array(&own->slices[own->next], out)) {
        return ENOMEM;
    }
    own->next++;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "out of memory";
}

static void release_stream(struct ArrowArrayStream *stream)
{
    stream_private *own = stream->private_data;
    for (size_t i = 0; i < own->count; i++) {
        s2_batch_release(own->slices[i].batch);
    }
    s2_layout_release(own->layout);
    s2_free(own);
    stream->release = NULL;
}

bool s2_export_stream(s2_layout *layout, const s2_slice *slices, size_t count,
                      struct ArrowArrayStream *out)
{
    memset(out, 0, sizeof *out);
    stream_private *own = s2_malloc(s2_add(sizeof *own, s2_mul(count, sizeof *slices)));
    if (!own) {
        return false;
    }
    own->layout = s2_layout_retain(layout);
    own->count = count;
    own->next = 0;
    for (size_t i = 0; i < count; i++) {
        own->slices[i] = slices[i];
        s2_batch_retain(slices[i].batch);
    }
    out->get_schema = stream_schema;
    out->get_next = stream_next;
    out->get_last_error = stream_error;
    out->release = release_stream;
    out->private_data = own;
    return true;
}
