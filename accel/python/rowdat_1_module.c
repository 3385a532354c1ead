/* The module _singlestoredb_rowdat_1: bodies of external functions to columns and back. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../rowdat_1.h"

#define NAN32 UINT64_C(0x7FC00000)
#define NAN64 UINT64_C(0x7FF8000000000000)

/* Borrowed for the module's lifetime. */
static PyObject *Refused;

/* Return new columns for a layout, for PyMem_Free; NULL with an exception set. */
static s2_rowdat_column *make_columns(const char *layout, Py_ssize_t count)
{
    s2_rowdat_column *columns = PyMem_Calloc((size_t)count + 1, sizeof *columns);
    if (!columns) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        s2_rowdat_column *column = &columns[i];
        switch (layout[i]) {
        case '1':
        case '2':
        case '4':
        case '8':
            column->width = (uint8_t)(layout[i] - '0');
            break;
        case 'f':
            column->width = 4;
            column->filler = NAN32;
            break;
        case 'd':
            column->width = 8;
            column->filler = NAN64;
            break;
        case 't':
            column->is_text = true;
            break;
        case 'b':
            break;
        default:
            PyErr_Format(PyExc_ValueError, "the layout has an unknown letter in place %zd", i);
            PyMem_Free(columns);
            return NULL;
        }
    }
    return columns;
}

static void raise_fault(s2_status status, const s2_rowdat_fault *fault)
{
    if (status == S2_NO_MEMORY) {
        PyErr_NoMemory();
        return;
    }
    Py_ssize_t column = fault->column == SIZE_MAX ? -1 : (Py_ssize_t)fault->column;
    PyObject *values = Py_BuildValue("inn", (int)fault->reason, (Py_ssize_t)fault->row, column);
    if (values) {
        PyErr_SetObject(Refused, values);
        Py_DECREF(values);
    }
}

/* Return a new bytearray, its bytes arbitrary; NULL with an exception set. */
static PyObject *make_buffer(size_t count, size_t width, void *bytes)
{
    size_t size = s2_mul(count, width);
    if (size > PY_SSIZE_T_MAX) {
        return PyErr_NoMemory();
    }
    PyObject *made = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (made) {
        uint8_t *start = (uint8_t *)PyByteArray_AS_STRING(made);
        memcpy(bytes, &start, sizeof start);
    }
    return made;
}

/* Return a new tuple (values, offsets or None, nulls) of buffers that `column` points to. */
static PyObject *make_buffers(s2_rowdat_column *column, size_t rows)
{
    PyObject *values, *offsets = NULL, *nulls = NULL, *result = NULL;
    values = make_buffer(column->width ? rows : column->size, column->width ? column->width : 1,
                         &column->values);
    nulls = make_buffer(rows, 1, &column->nulls);
    if (column->width) {
        offsets = Py_NewRef(Py_None);
    } else {
        offsets = make_buffer(s2_add(rows, 1), sizeof(int64_t), &column->offsets);
    }
    if (values && offsets && nulls) {
        result = PyTuple_Pack(3, values, offsets, nulls);
    }
    Py_XDECREF(values);
    Py_XDECREF(offsets);
    Py_XDECREF(nulls);
    return result;
}

static PyObject *load(PyObject *module, PyObject *args)
{
    (void)module;
    const char *layout;
    Py_ssize_t count;
    Py_buffer body;
    if (!PyArg_ParseTuple(args, "y#y*:load", &layout, &count, &body)) {
        return NULL;
    }
    PyObject *row_ids = NULL, *buffers = NULL, *result = NULL;
    s2_rowdat_column *columns = make_columns(layout, count);
    if (!columns) {
        goto done;
    }
    s2_rowdat_fault fault = {0};
    s2_status status;
    size_t rows = 0, size = (size_t)body.len;
    Py_BEGIN_ALLOW_THREADS
    status = s2_rowdat_measure(body.buf, size, columns, (size_t)count, &rows, &fault);
    Py_END_ALLOW_THREADS
    if (status != S2_OK) {
        raise_fault(status, &fault);
        goto done;
    }
    int64_t *ids = NULL;
    row_ids = make_buffer(rows, sizeof(int64_t), &ids);
    buffers = PyList_New(count);
    if (!row_ids || !buffers) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *made = make_buffers(&columns[i], rows);
        if (!made) {
            goto done;
        }
        PyList_SET_ITEM(buffers, i, made);
    }
    Py_BEGIN_ALLOW_THREADS
    status = s2_rowdat_decode(body.buf, size, columns, (size_t)count, rows, ids, &fault);
    Py_END_ALLOW_THREADS
    if (status != S2_OK) {
        raise_fault(status, &fault);
        goto done;
    }
    result = PyTuple_Pack(2, row_ids, buffers);
done:
    Py_XDECREF(row_ids);
    Py_XDECREF(buffers);
    PyMem_Free(columns);
    PyBuffer_Release(&body);
    return result;
}

/* Borrow the bytes of a buffer until `view` is released: `size` of them, or any number when `size`
 * is SIZE_MAX.  False with an exception set. */
static bool borrow(PyObject *object, size_t size, Py_buffer *view, const char *what)
{
    if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0) {
        return false;
    }
    if (size != SIZE_MAX && (size_t)view->len != size) {
        PyErr_Format(PyExc_ValueError, "%s have %zd bytes, not %zu", what, view->len, size);
        return false; /* the caller releases it */
    }
    return true;
}

/* Let a column point to its buffers, an item (values, offsets, nulls); three views, released by the
 * caller. */
static bool borrow_column(PyObject *item, size_t rows, s2_rowdat_column *column, Py_buffer *views)
{
    PyObject *values, *offsets, *nulls;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "a column is a tuple (values, offsets, nulls)");
        return false;
    }
    if (!PyArg_ParseTuple(item, "OOO", &values, &offsets, &nulls)) {
        return false;
    }
    if (!borrow(values, column->width ? s2_mul(rows, column->width) : SIZE_MAX, &views[0],
                "values")) {
        return false;
    }
    column->values = views[0].buf;
    column->size = (size_t)views[0].len;
    if (!column->width) {
        if (!borrow(offsets, s2_mul(s2_add(rows, 1), sizeof(int64_t)), &views[1], "offsets")) {
            return false;
        }
        column->offsets = views[1].buf;
        if ((uintptr_t)column->offsets % _Alignof(int64_t)) {
            PyErr_SetString(PyExc_ValueError, "offsets are not aligned");
            return false;
        }
    }
    if (nulls != Py_None) {
        if (!borrow(nulls, rows, &views[2], "nulls")) {
            return false;
        }
        column->nulls = views[2].buf;
    }
    return true;
}

static PyObject *dump(PyObject *module, PyObject *args)
{
    (void)module;
    const char *layout;
    Py_ssize_t count;
    Py_buffer ids;
    PyObject *given;
    if (!PyArg_ParseTuple(args, "y#y*O!:dump", &layout, &count, &ids, &PyList_Type, &given)) {
        return NULL;
    }
    PyObject *result = NULL;
    Py_buffer *views = PyMem_Calloc((size_t)count + 1, 3 * sizeof *views);
    s2_rowdat_column *columns = make_columns(layout, count);
    size_t rows = (size_t)ids.len / sizeof(int64_t);
    if (!columns) {
        goto done;
    }
    if (!views) {
        PyErr_NoMemory();
        goto done;
    }
    /* Where there are none, they may be anywhere. */
    if ((size_t)ids.len % sizeof(int64_t) || (rows && (uintptr_t)ids.buf % _Alignof(int64_t))) {
        PyErr_SetString(PyExc_ValueError, "row ids are 8 aligned bytes each");
        goto done;
    }
    if (PyList_GET_SIZE(given) != count) {
        PyErr_Format(PyExc_ValueError, "%zd columns are given for %zd types",
                     PyList_GET_SIZE(given), count);
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        /* The list may change while an exporter's code runs. */
        PyObject *item = i < PyList_GET_SIZE(given) ? PyList_GET_ITEM(given, i) : Py_None;
        Py_INCREF(item);
        bool borrowed = borrow_column(item, rows, &columns[i], &views[3 * i]);
        Py_DECREF(item);
        if (!borrowed) {
            goto done;
        }
    }
    s2_rowdat_fault fault = {0};
    s2_status status;
    size_t size = 0;
    Py_BEGIN_ALLOW_THREADS
    status = s2_rowdat_room(columns, (size_t)count, rows, &size, &fault);
    Py_END_ALLOW_THREADS
    if (status == S2_OK) {
        result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
        if (!result) {
            goto done;
        }
        uint8_t *body = (uint8_t *)PyBytes_AS_STRING(result);
        Py_BEGIN_ALLOW_THREADS
        const int64_t *row_ids = rows ? ids.buf : NULL;
        status = s2_rowdat_encode(columns, (size_t)count, rows, row_ids, body, size, &fault);
        Py_END_ALLOW_THREADS
    }
    if (status != S2_OK) {
        Py_CLEAR(result);
        raise_fault(status, &fault);
    }
done:
    for (Py_ssize_t i = 0; views && i < 3 * count; i++) {
        PyBuffer_Release(&views[i]); /* does nothing for those that were not borrowed */
    }
    PyMem_Free(views);
    PyMem_Free(columns);
    PyBuffer_Release(&ids);
    return result;
}

static PyMethodDef methods[] = {
    {"load", load, METH_VARARGS,
     "load(layout, body): return (row ids, [(values, offsets, nulls), ...]) as bytearrays."},
    {"dump", dump, METH_VARARGS,
     "dump(layout, row_ids, [(values, offsets, nulls), ...]): return the body."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_singlestoredb_rowdat_1",
    .m_doc = "Bodies of external functions to columns and back.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__singlestoredb_rowdat_1(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module) {
        return NULL;
    }
    Refused = PyErr_NewException(
        "singlestoredb_plugins.rowdat_accel._singlestoredb_rowdat_1.Refused", NULL, NULL);
    if (!Refused || PyModule_AddObjectRef(module, "Refused", Refused) < 0) {
        Py_CLEAR(module);
    }
    return module;
}
