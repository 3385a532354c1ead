/* The module _singlestoredb_tsv: Arrow streams as files for LOAD DATA. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../tsv.h"

/* Borrowed for the module's lifetime. */
static PyObject *Refused;

typedef struct {
    PyObject_HEAD
    struct ArrowArrayStream stream; /* owned; released when `release` is NULL */
    struct ArrowArray batch;        /* owned; none when `release` is NULL */
    s2_tsv tsv;
    int64_t row;                    /* of the batch, to be written next */
    long long rows;                 /* that were given */
    bool is_busy;                   /* a thread reads, without the GIL */
} TsvStream;

/* Take the stream out of its capsule; the capsule then owns nothing. */
static bool take_stream(PyObject *capsule, struct ArrowArrayStream *stream)
{
    struct ArrowArrayStream *given = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (!given) {
        return false;
    }
    if (!given->release) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream was used already");
        return false;
    }
    *stream = *given;
    given->release = NULL;
    return true;
}

/* Set the exception for an error number of the stream's producer. */
static void raise_stream_error(struct ArrowArrayStream *stream, int code)
{
    const char *message = stream->get_last_error(stream);
    PyErr_Format(PyExc_OSError, "%s", message ? message : strerror(code));
}

static PyObject *TsvStream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capsule", "nan_as_null", "inf_as_null", NULL};
    PyObject *capsule;
    int nan_as_null = 0, inf_as_null = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pp:TsvStream", names, &capsule, &nan_as_null,
                                     &inf_as_null)) {
        return NULL;
    }
    TsvStream *self = (TsvStream *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    if (!take_stream(capsule, &self->stream)) {
        Py_DECREF(self);
        return NULL;
    }
    struct ArrowSchema schema = {0};
    int code = self->stream.get_schema(&self->stream, &schema);
    if (code) {
        raise_stream_error(&self->stream, code);
        Py_DECREF(self);
        return NULL;
    }
    s2_status status = s2_tsv_init(&self->tsv, &schema);
    if (schema.release) {
        schema.release(&schema);
    }
    if (status != S2_OK) {
        if (status == S2_NO_MEMORY) {
            PyErr_NoMemory();
        } else {
            PyErr_SetString(PyExc_TypeError, "the schema has a type without a text");
        }
        Py_DECREF(self);
        return NULL;
    }
    self->tsv.nan_as_null = nan_as_null;
    self->tsv.inf_as_null = inf_as_null;
    return (PyObject *)self;
}

static void TsvStream_dealloc(TsvStream *self)
{
    if (self->batch.release) {
        self->batch.release(&self->batch);
    }
    if (self->stream.release) {
        self->stream.release(&self->stream);
    }
    s2_tsv_clear(&self->tsv);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* Write lines until there are `size` bytes or the stream ends.  Called without the GIL.
 * `*code` is the producer's error. */
static s2_status fill(TsvStream *self, size_t size, int *code)
{
    while (self->tsv.out.size < size) {
        if (self->batch.release && self->row >= self->batch.length) {
            self->batch.release(&self->batch);
            self->batch.release = NULL;
        }
        if (!self->batch.release) {
            *code = self->stream.get_next(&self->stream, &self->batch);
            if (*code) {
                self->batch.release = NULL;
                return S2_END;
            }
            if (!self->batch.release) {
                return S2_OK;
            }
            self->row = 0;
            if (!s2_tsv_fits(&self->tsv, &self->batch)) {
                return S2_MALFORMED;
            }
        }
        int64_t before = self->row;
        s2_status status = s2_tsv_rows(&self->tsv, &self->batch, &self->row, size);
        self->rows += self->row - before;
        if (status != S2_OK) {
            return status;
        }
    }
    return S2_OK;
}

static PyObject *TsvStream_read(TsvStream *self, PyObject *args)
{
    Py_ssize_t size = 1 << 18;
    if (!PyArg_ParseTuple(args, "|n:read", &size)) {
        return NULL;
    }
    if (self->is_busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread reads this stream");
        return NULL;
    }
    self->is_busy = true;
    s2_status status;
    int code = 0;
    Py_BEGIN_ALLOW_THREADS
    status = fill(self, size > 0 ? (size_t)size : 1, &code);
    Py_END_ALLOW_THREADS
    self->is_busy = false;
    PyObject *result = NULL;
    switch (status) {
    case S2_OK:
        result = PyBytes_FromStringAndSize((const char *)self->tsv.out.data,
                                           (Py_ssize_t)self->tsv.out.size);
        break;
    case S2_END:
        if (!PyErr_Occurred()) {
            raise_stream_error(&self->stream, code);
        }
        break;
    case S2_REFUSED: {
        PyObject *values =
            Py_BuildValue("inL", (int)self->tsv.reason, (Py_ssize_t)self->tsv.column, self->rows);
        if (values) {
            PyErr_SetObject(Refused, values);
            Py_DECREF(values);
        }
        break;
    }
    case S2_MALFORMED:
        PyErr_SetString(PyExc_ValueError,
                        "an Arrow batch does not have the buffers of its schema");
        break;
    default:
        PyErr_NoMemory();
    }
    self->tsv.out.size = 0;
    return result;
}

static PyObject *TsvStream_rows(TsvStream *self, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(self->rows);
}

static PyMethodDef stream_methods[] = {
    {"read", (PyCFunction)(void (*)(void))TsvStream_read, METH_VARARGS,
     "Return the next lines, about as many bytes as asked for; b\"\" at the end."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_members[] = {
    {"rows", (getter)(void (*)(void))TsvStream_rows, NULL, "Rows that were given so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject TsvStream_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.tsv_accel._singlestoredb_tsv.TsvStream",
    .tp_basicsize = sizeof(TsvStream),
    .tp_dealloc = (destructor)TsvStream_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "An Arrow stream as a file for LOAD DATA.",
    .tp_methods = stream_methods,
    .tp_getset = stream_members,
    .tp_new = TsvStream_new,
};

static PyObject *fail_allocation(PyObject *module, PyObject *argument)
{
    (void)module;
    long long successes = PyLong_AsLongLong(argument);
    if (successes == -1 && PyErr_Occurred()) {
        return NULL;
    }
    s2_fail_allocation(successes);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"fail_allocation", fail_allocation, METH_O,
     "fail_allocation(n): make the allocation after n more fail, once (for tests)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_singlestoredb_tsv",
    .m_doc = "Arrow streams as files for LOAD DATA.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__singlestoredb_tsv(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module) {
        return NULL;
    }
    Refused = PyErr_NewException("singlestoredb_plugins.tsv_accel._singlestoredb_tsv.Refused", NULL,
                                 NULL);
    if (!Refused || PyType_Ready(&TsvStream_Type) < 0 ||
        PyDict_SetItemString(TsvStream_Type.tp_dict, "Refused", Refused) < 0 ||
        PyModule_AddObjectRef(module, "Refused", Refused) < 0 ||
        PyModule_AddType(module, &TsvStream_Type) < 0) {
        Py_CLEAR(module);
    }
    return module;
}
