/* Kept: row packets of a buffered result, decoded once, in the shape that is asked for. */
#include "module.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    s2_kept kept;
    bool busy; /* decoding: a decoder may release the GIL, or call back */
} Kept;

/* Rows between two looks for signals while rows are made: about a millisecond. */
#define SIGNAL_ROWS 2048

s2_kept *kept_begin(PyObject *object)
{
    Kept *self = (Kept *)object;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "these rows are being read already");
        return NULL;
    }
    self->busy = true;
    return &self->kept;
}

void kept_end(PyObject *object)
{
    ((Kept *)object)->busy = false;
}

static PyObject *Kept_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Kept", names)) {
        return NULL;
    }
    Kept *self = (Kept *)type->tp_alloc(type, 0);
    if (self) {
        s2_kept_init(&self->kept);
    }
    return (PyObject *)self;
}

static void Kept_dealloc(Kept *self)
{
    s2_kept_clear(&self->kept);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Kept_read_rows(Kept *self, PyObject *args)
{
    Plan *plan;
    PyObject *limit_argument;
    int dicts = 0;
    int64_t limit;
    if (!PyArg_ParseTuple(args, "O!O|p:read_rows", &Plan_Type, &plan, &limit_argument, &dicts) ||
        !read_limit(limit_argument, &limit)) {
        return NULL;
    }
    PyObject *rows = PyList_New(0);
    s2_kept *kept = rows ? kept_begin((PyObject *)self) : NULL;
    if (!kept) {
        Py_XDECREF(rows);
        return NULL;
    }
    plan->failed = -1;
    const uint8_t *payload;
    size_t length;
    for (int64_t made = 0; made < limit && s2_kept_next(kept, &payload, &length);) {
        PyObject *row = make_row(plan, payload, length, dicts);
        int failed = row ? PyList_Append(rows, row) : -1;
        Py_XDECREF(row);
        if (S2_UNLIKELY(failed || (++made % SIGNAL_ROWS == 0 && PyErr_CheckSignals()))) {
            Py_CLEAR(rows);
            break;
        }
    }
    kept_end((PyObject *)self);
    return rows;
}

/* Decode up to `limit` rows in all.  S2_LIMIT when it is time to look for signals; S2_OK when the
 * batches are finished.  Called without the GIL. */
static s2_status decode_some(s2_kept *kept, s2_builder *builder, int64_t limit)
{
    const uint8_t *payload;
    size_t length;
    for (int i = 0; i < SIGNAL_ROWS * 64; i++) {
        if (s2_builder_rows(builder) >= limit || !s2_kept_next(kept, &payload, &length)) {
            return s2_builder_finish(builder);
        }
        s2_status status = s2_builder_row(builder, payload, length);
        if (S2_UNLIKELY(status != S2_OK)) {
            return status;
        }
    }
    return S2_LIMIT;
}

static PyObject *Kept_read_arrow(Kept *self, PyObject *args)
{
    Plan *plan;
    PyObject *limit_argument;
    int64_t limit;
    if (!PyArg_ParseTuple(args, "O!O:read_arrow", &Plan_Type, &plan, &limit_argument) ||
        !read_limit(limit_argument, &limit) || !require_layout(plan)) {
        return NULL;
    }
    s2_kept *kept = kept_begin((PyObject *)self);
    if (!kept) {
        return NULL;
    }
    hook_context context = {plan, NULL, NULL};
    PyObject *batches = NULL;
    s2_builder *builder = s2_builder_new(plan->layout, limit, convert_value, &context);
    s2_status status = builder ? S2_LIMIT : S2_NO_MEMORY;
    plan->failed = -1;
    while (status == S2_LIMIT) {
        context.thread = PyEval_SaveThread();
        status = decode_some(kept, builder, limit);
        PyEval_RestoreThread(context.thread);
        if (status == S2_LIMIT && PyErr_CheckSignals()) {
            break;
        }
    }
    if (status == S2_OK) {
        batches = batches_new(plan->layout, builder);
    } else if (status != S2_LIMIT) {
        plan->failed = status == S2_REFUSED ? (Py_ssize_t)builder->failed : -1;
        raise_status(status, plan, NULL);
    }
    Py_XDECREF(context.held);
    s2_builder_free(builder);
    kept_end((PyObject *)self);
    return batches;
}

static PyObject *Kept_packets(Kept *self, PyObject *limit_argument)
{
    int64_t limit;
    if (!read_limit(limit_argument, &limit)) {
        return NULL;
    }
    PyObject *packets = PyList_New(0);
    s2_kept *kept = packets ? kept_begin((PyObject *)self) : NULL;
    if (!kept) {
        Py_XDECREF(packets);
        return NULL;
    }
    const uint8_t *payload;
    size_t length;
    for (int64_t taken = 0; taken < limit && s2_kept_next(kept, &payload, &length); taken++) {
        PyObject *packet = PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)length);
        int failed = packet ? PyList_Append(packets, packet) : -1;
        Py_XDECREF(packet);
        if (failed) {
            Py_CLEAR(packets);
            break;
        }
    }
    kept_end((PyObject *)self);
    return packets;
}

static PyObject *Kept_seek(Kept *self, PyObject *row_argument)
{
    int64_t row;
    if (!read_limit(row_argument, &row)) {
        return NULL;
    }
    s2_kept *kept = kept_begin((PyObject *)self);
    if (!kept) {
        return NULL;
    }
    s2_kept_seek(kept, row);
    kept_end((PyObject *)self);
    Py_RETURN_NONE;
}

static PyMethodDef Kept_methods[] = {
    {"read_rows", (PyCFunction)Kept_read_rows, METH_VARARGS,
     "read_rows(plan, limit, dicts=False): return the next rows as tuples or dicts."},
    {"read_arrow", (PyCFunction)Kept_read_arrow, METH_VARARGS,
     "read_arrow(plan, limit): return the next rows as Batches."},
    {"packets", (PyCFunction)Kept_packets, METH_O,
     "packets(limit): return the next rows as the payloads they came in."},
    {"seek", (PyCFunction)Kept_seek, METH_O, "seek(row): make the next read start at `row`."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef Kept_members[] = {
    {"num_rows", T_LONGLONG, offsetof(Kept, kept.rows), READONLY, "Rows that are kept."},
    {"position", T_LONGLONG, offsetof(Kept, kept.position), READONLY, "The row to be read next."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject Kept_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel.Kept",
    .tp_doc = "Row packets as they came, to be decoded later.",
    .tp_basicsize = sizeof(Kept),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Kept_new,
    .tp_dealloc = (destructor)Kept_dealloc,
    .tp_methods = Kept_methods,
    .tp_members = Kept_members,
};
