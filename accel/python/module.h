/* The Python face of the decoder: what its files share.
 *
 * Conventions: "new" references are the caller's to drop, "borrowed" ones are not.  Unless a
 * function says otherwise it is called with the GIL held, and failure is NULL, false or -1 with an
 * exception set.
 */
#ifndef S2_MODULE_H
#define S2_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../arrow_export.h"
#include "../columns.h"
#include "../kept.h"

/* How a column's values become Python objects.  Each takes the common spelling; whatever is not
 * one goes to the column's decoder, a Python callable that knows them all. */
typedef enum {
    ROW_DECODER, /* always the decoder */
    ROW_INT,
    ROW_FLOAT,
    ROW_DECIMAL,
    ROW_DATE,
    ROW_DATETIME,
    ROW_TIME,
    ROW_TEXT, /* UTF-8 */
    ROW_BYTES,
    ROW_NONE,
    ROW_KINDS,
} row_kind;

/* How the rows of a result are decoded; immutable but for `failed`. */
typedef struct {
    PyObject_HEAD
    s2_layout *layout;   /* a reference; NULL when a column has no Arrow decoder */
    PyObject *keys;      /* tuple of str: the keys of a row as a dict */
    PyObject *decoders;  /* tuple of callables: bytes -> value */
    PyObject *convert;   /* callable: (column, bytes) -> bytes as in the Arrow column, or None */
    PyObject *decimal;   /* decimal.Decimal, or NULL when no column needs it */
    Py_ssize_t count;
    Py_ssize_t failed;   /* column at which decoding stopped last; -1: none */
    bool atomic;         /* no value can be part of a reference cycle */
    uint8_t *kinds;      /* row_kind of each column */
} Plan;

extern PyTypeObject Plan_Type;
extern PyTypeObject Reader_Type;
extern PyTypeObject Kept_Type;
extern PyTypeObject Batches_Type;
extern PyTypeObject Batch_Type;

/* Exceptions of the module, borrowed for its lifetime. */
extern PyObject *SequenceError;
extern PyObject *RowError;

/* -- values.c -- */

/* Import what values are made with.  Once, at module initialisation. */
bool values_init(void);

/* Return a new tuple, or a dict with `dicts`, of a row packet's payload. */
PyObject *make_row(Plan *plan, const uint8_t *payload, size_t length, bool dicts);

/* -- batches.c -- */

/* Return a new Batches over what the builder finished; the builder keeps its references. */
PyObject *batches_new(s2_layout *layout, const s2_builder *builder);

/* -- decoding.c -- */

/* What a builder's hook needs: it is called without the GIL. */
typedef struct {
    Plan *plan;            /* borrowed */
    PyObject *held;        /* owned: the bytes that the last value points into */
    PyThreadState *thread; /* saved while the GIL is released */
} hook_context;

/* s2_hook that asks plan->convert.  Called without the GIL, takes it and releases it again. */
bool convert_value(void *context, size_t column, const uint8_t *p, size_t length, s2_value *value);

/* Set the exception for an outcome other than S2_OK, S2_LIMIT, S2_NEED_MORE and S2_END. */
void raise_status(s2_status status, Plan *plan, const s2_packets *packets);

/* Read `limit` from an argument: None means all.  False with an exception for anything else. */
bool read_limit(PyObject *argument, int64_t *limit);

/* Raise NotSupported (a RuntimeError) and return false unless the plan has an Arrow layout. */
bool require_layout(const Plan *plan);

#endif
