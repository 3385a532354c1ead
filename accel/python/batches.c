/* Batches and Batch: Arrow data behind the PyCapsule interface.
 *
 * https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
 */
#include "module.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    s2_layout *layout; /* a reference */
    s2_slice *slices;  /* references to their batches */
    size_t count;
    long long num_rows;
} Batches;

typedef struct {
    PyObject_HEAD
    s2_slice slice; /* a reference to its batch */
    long long num_rows;
} Batch;

/* -- capsules: each frees its structure, and releases it unless a consumer took it over -- */

static void free_schema(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release) {
        schema->release(schema);
    }
    PyMem_RawFree(schema);
}

static void free_array(PyObject *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array->release) {
        array->release(array);
    }
    PyMem_RawFree(array);
}

static void free_stream(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream->release) {
        stream->release(stream);
    }
    PyMem_RawFree(stream);
}

/* Return a new capsule with the layout's schema. */
static PyObject *schema_capsule(const s2_layout *layout)
{
    struct ArrowSchema *schema = PyMem_RawCalloc(1, sizeof *schema);
    if (!schema || !s2_export_schema(layout, schema)) {
        PyMem_RawFree(schema);
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(schema, "arrow_schema", free_schema);
    if (!capsule) {
        schema->release(schema);
        PyMem_RawFree(schema);
    }
    return capsule;
}

/* Accept the argument of the export methods, which may be left out.  A schema that is asked for is
 * best effort by the protocol; there is one way to give the data, so it is not looked at. */
static bool accept_requested_schema(PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"requested_schema", NULL};
    PyObject *requested = Py_None;
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &requested);
}

/* -- Batches -- */

/* Return a new, empty Batches with room for `count` slices. */
static Batches *batches_alloc(s2_layout *layout, size_t count)
{
    Batches *self = PyObject_New(Batches, &Batches_Type);
    if (!self) {
        return NULL;
    }
    self->layout = s2_layout_retain(layout);
    self->count = 0;
    self->num_rows = 0;
    self->slices = PyMem_RawCalloc(count ? count : 1, sizeof *self->slices);
    if (!self->slices) {
        Py_DECREF(self);
        PyErr_NoMemory();
        return NULL;
    }
    return self;
}

/* Append rows of a batch, taking a reference. */
static void batches_add(Batches *self, s2_batch *batch, int64_t start, int64_t rows)
{
    self->slices[self->count++] = (s2_slice){s2_batch_retain(batch), start, rows};
    self->num_rows += rows;
}

PyObject *batches_new(s2_layout *layout, const s2_builder *builder)
{
    Batches *self = batches_alloc(layout, builder->batch_count);
    if (self) {
        for (size_t i = 0; i < builder->batch_count; i++) {
            batches_add(self, builder->batches[i], 0, builder->batches[i]->rows);
        }
    }
    return (PyObject *)self;
}

static void Batches_dealloc(Batches *self)
{
    for (size_t i = 0; i < self->count; i++) {
        s2_batch_release(self->slices[i].batch);
    }
    PyMem_RawFree(self->slices);
    s2_layout_release(self->layout);
    PyObject_Free(self);
}

static PyObject *Batches_c_schema(Batches *self, PyObject *unused)
{
    (void)unused;
    return schema_capsule(self->layout);
}

static PyObject *Batches_c_stream(Batches *self, PyObject *args, PyObject *kwargs)
{
    if (!accept_requested_schema(args, kwargs)) {
        return NULL;
    }
    struct ArrowArrayStream *stream = PyMem_RawCalloc(1, sizeof *stream);
    if (!stream || !s2_export_stream(self->layout, self->slices, self->count, stream)) {
        PyMem_RawFree(stream);
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(stream, "arrow_array_stream", free_stream);
    if (!capsule) {
        stream->release(stream);
        PyMem_RawFree(stream);
    }
    return capsule;
}

static PyObject *Batches_slice(Batches *self, PyObject *args)
{
    long long start, rows;
    if (!PyArg_ParseTuple(args, "LL:slice", &start, &rows)) {
        return NULL;
    }
    if (start < 0 || rows < 0) {
        PyErr_SetString(PyExc_ValueError, "a slice starts and ends at or behind row 0");
        return NULL;
    }
    Batches *slice = batches_alloc(self->layout, self->count);
    if (!slice) {
        return NULL;
    }
    for (size_t i = 0; i < self->count && rows; i++) {
        const s2_slice *from = &self->slices[i];
        if (start >= from->rows) {
            start -= from->rows;
            continue;
        }
        int64_t taken = from->rows - start < rows ? from->rows - start : rows;
        batches_add(slice, from->batch, from->start + start, taken);
        rows -= taken;
        start = 0;
    }
    return (PyObject *)slice;
}

static PyObject *Batches_batches(Batches *self, PyObject *unused)
{
    (void)unused;
    PyObject *list = PyList_New(0);
    if (!list) {
        return NULL;
    }
    for (size_t i = 0; i < self->count; i++) {
        Batch *batch = PyObject_New(Batch, &Batch_Type);
        if (!batch) {
            Py_DECREF(list);
            return NULL;
        }
        batch->slice = self->slices[i];
        s2_batch_retain(batch->slice.batch);
        batch->num_rows = batch->slice.rows;
        int failed = PyList_Append(list, (PyObject *)batch);
        Py_DECREF(batch);
        if (failed) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *Batches_repr(Batches *self)
{
    return PyUnicode_FromFormat("<Batches: %lld rows in %zu batches>", self->num_rows, self->count);
}

static PyMethodDef Batches_methods[] = {
    {"__arrow_c_schema__", (PyCFunction)Batches_c_schema, METH_NOARGS,
     "Export the schema as a PyCapsule."},
    {"__arrow_c_stream__", (PyCFunction)(void (*)(void))Batches_c_stream,
     METH_VARARGS | METH_KEYWORDS, "Export the batches as a PyCapsule; any number of times."},
    {"slice", (PyCFunction)Batches_slice, METH_VARARGS,
     "slice(start, rows): return at most `rows` rows from row `start` on, without copying."},
    {"batches", (PyCFunction)Batches_batches, METH_NOARGS, "Return the batches one by one."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef Batches_members[] = {
    {"num_rows", T_LONGLONG, offsetof(Batches, num_rows), READONLY, "Rows in all batches."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject Batches_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel.Batches",
    .tp_doc = "Arrow record batches of one result.",
    .tp_basicsize = sizeof(Batches),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Batches_dealloc,
    .tp_repr = (reprfunc)Batches_repr,
    .tp_methods = Batches_methods,
    .tp_members = Batches_members,
};

/* -- Batch -- */

static void Batch_dealloc(Batch *self)
{
    s2_batch_release(self->slice.batch);
    PyObject_Free(self);
}

static PyObject *Batch_c_schema(Batch *self, PyObject *unused)
{
    (void)unused;
    return schema_capsule(self->slice.batch->layout);
}

static PyObject *Batch_c_array(Batch *self, PyObject *args, PyObject *kwargs)
{
    if (!accept_requested_schema(args, kwargs)) {
        return NULL;
    }
    PyObject *schema = schema_capsule(self->slice.batch->layout);
    if (!schema) {
        return NULL;
    }
    struct ArrowArray *array = PyMem_RawCalloc(1, sizeof *array);
    if (!array || !s2_export_array(&self->slice, array)) {
        PyMem_RawFree(array);
        Py_DECREF(schema);
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(array, "arrow_array", free_array);
    if (!capsule) {
        array->release(array);
        PyMem_RawFree(array);
        Py_DECREF(schema);
        return NULL;
    }
    return Py_BuildValue("(NN)", schema, capsule);
}

static PyMethodDef Batch_methods[] = {
    {"__arrow_c_schema__", (PyCFunction)Batch_c_schema, METH_NOARGS,
     "Export the schema as a PyCapsule."},
    {"__arrow_c_array__", (PyCFunction)(void (*)(void))Batch_c_array, METH_VARARGS | METH_KEYWORDS,
     "Export the batch as a pair of PyCapsules, schema and array; any number of times."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef Batch_members[] = {
    {"num_rows", T_LONGLONG, offsetof(Batch, num_rows), READONLY, "Rows of the batch."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject Batch_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel.Batch",
    .tp_doc = "One Arrow record batch.",
    .tp_basicsize = sizeof(Batch),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Batch_dealloc,
    .tp_methods = Batch_methods,
    .tp_members = Batch_members,
};
