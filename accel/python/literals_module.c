/* The module _singlestoredb_literals: rows of Python values as rows of SQL literals.
 *
 * Values of the common types are written here, exactly as singlestoredb/escaping.py writes them; all
 * others by a callable of its.  Everything runs with the GIL held.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <datetime.h>

#include "../shortest.h"

/* UTF-8 that grows; lone surrogates pass as three bytes. */
typedef struct {
    char *data;
    size_t size;
    size_t room;
} text;

typedef struct {
    PyObject_HEAD
    PyObject *pieces; /* tuple of bytes: what stands before, between and behind the values */
    PyObject *escape; /* callable: value -> literal */
    PyObject *row;    /* callable: row -> text, for rows that are no tuples of the right length */
    text out;         /* rows, with commas between them */
    text next;        /* a row that did not fit, for the next time */
    bool no_backslash;
    bool plain_bytes; /* bytes are X'..' */
    bool is_busy;     /* `rows` or a callable came back here */
} RowWriter;

/* -- writing; failure is false with an exception set -- */

static bool reserve(text *out, size_t more)
{
    if (S2_LIKELY(more <= out->room - out->size)) {
        return true;
    }
    size_t needed = s2_add(out->size, more);
    size_t room = s2_add(needed, needed / 2);
    if (room > PY_SSIZE_T_MAX) {
        PyErr_NoMemory();
        return false;
    }
    char *data = PyMem_Realloc(out->data, room < 4096 ? 4096 : room);
    if (!data) {
        PyErr_NoMemory();
        return false;
    }
    out->data = data;
    out->room = room < 4096 ? 4096 : room;
    return true;
}

static bool put(text *out, const char *bytes, size_t size)
{
    if (!reserve(out, size)) {
        return false;
    }
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return true;
}

/* Put a str as it is. */
static bool put_str(text *out, PyObject *value)
{
    if (PyUnicode_IS_ASCII(value)) {
        return put(out, PyUnicode_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
    }
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    if (!bytes) {
        return false;
    }
    bool done = put(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return done;
}

/* Put what the callable makes of a value. */
static bool put_called(text *out, PyObject *callable, PyObject *value)
{
    PyObject *literal = PyObject_CallOneArg(callable, value);
    if (!literal) {
        return false;
    }
    if (!PyUnicode_Check(literal)) {
        PyErr_Format(PyExc_TypeError, "a literal must be str, not %s", Py_TYPE(literal)->tp_name);
        Py_DECREF(literal);
        return false;
    }
    bool done = put_str(out, literal);
    Py_DECREF(literal);
    return done;
}

static bool put_quoted(text *out, const char *bytes, size_t size, bool no_backslash)
{
    if (!reserve(out, s2_add(s2_mul(2, size), 2))) {
        return false;
    }
    char *at = out->data + out->size;
    *at++ = '\'';
    for (const char *end = bytes + size; bytes < end; bytes++) {
        char letter = *bytes;
        if (no_backslash) {
            if (letter == '\'') {
                *at++ = '\'';
            }
            *at++ = letter;
            continue;
        }
        switch (letter) {
        case '\\':
        case '\'':
        case '"':
            break;
        case '\n':
            letter = 'n';
            break;
        case '\r':
            letter = 'r';
            break;
        case '\0':
            letter = '0';
            break;
        case '\x1a':
            letter = 'Z';
            break;
        default:
            *at++ = letter;
            continue;
        }
        *at++ = '\\';
        *at++ = letter;
    }
    *at++ = '\'';
    out->size = (size_t)(at - out->data);
    return true;
}

static bool put_text(text *out, PyObject *value, bool no_backslash)
{
    if (PyUnicode_IS_ASCII(value)) {
        return put_quoted(out, PyUnicode_DATA(value), (size_t)PyUnicode_GET_LENGTH(value),
                          no_backslash);
    }
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    if (!bytes) {
        return false;
    }
    bool done = put_quoted(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes),
                           no_backslash);
    Py_DECREF(bytes);
    return done;
}

static bool put_bytes(text *out, PyObject *value)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(value);
    size_t size = (size_t)PyBytes_GET_SIZE(value);
    if (!reserve(out, s2_add(s2_mul(2, size), 3))) {
        return false;
    }
    char *at = out->data + out->size;
    *at++ = 'X';
    *at++ = '\'';
    for (size_t i = 0; i < size; i++) {
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
    *at++ = '\'';
    out->size = (size_t)(at - out->data);
    return true;
}

static bool put_float(text *out, PyObject *escape, PyObject *value)
{
    double number = PyFloat_AS_DOUBLE(value);
    if (number - number != 0) { /* NaN, infinities: as the options say */
        return put_called(out, escape, value);
    }
    uint8_t digits[S2_SHORTEST_SIZE];
    size_t size = s2_shortest(number, digits);
    if (!put(out, (const char *)digits, size)) {
        return false;
    }
    if (memchr(digits, 'e', size)) {
        return true;
    }
    return memchr(digits, '.', size) ? put(out, "e0", 2) : put(out, ".0e0", 4);
}

static char *digits_of(char *at, unsigned number, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + width;
}

static char *clock_of(char *at, unsigned minute, unsigned second, unsigned microsecond)
{
    *at++ = ':';
    at = digits_of(at, minute, 2);
    *at++ = ':';
    at = digits_of(at, second, 2);
    if (microsecond) {
        *at++ = '.';
        at = digits_of(at, microsecond, 6);
    }
    return at;
}

static char *day_of(char *at, PyObject *value)
{
    at = digits_of(at, (unsigned)PyDateTime_GET_YEAR(value), 4);
    *at++ = '-';
    at = digits_of(at, (unsigned)PyDateTime_GET_MONTH(value), 2);
    *at++ = '-';
    return digits_of(at, (unsigned)PyDateTime_GET_DAY(value), 2);
}

/* Put a date, datetime, time or timedelta of exactly that type. */
static bool put_moment(text *out, PyObject *value)
{
    if (!reserve(out, 64)) {
        return false;
    }
    PyTypeObject *type = Py_TYPE(value);
    char *at = out->data + out->size;
    *at++ = '\'';
    if (type == PyDateTimeAPI->DateType) {
        at = day_of(at, value);
    } else if (type == PyDateTimeAPI->DateTimeType) {
        at = day_of(at, value);
        *at++ = ' ';
        at = digits_of(at, (unsigned)PyDateTime_DATE_GET_HOUR(value), 2);
        at = clock_of(at, (unsigned)PyDateTime_DATE_GET_MINUTE(value),
                      (unsigned)PyDateTime_DATE_GET_SECOND(value),
                      (unsigned)PyDateTime_DATE_GET_MICROSECOND(value));
    } else if (type == PyDateTimeAPI->TimeType) {
        at = digits_of(at, (unsigned)PyDateTime_TIME_GET_HOUR(value), 2);
        at = clock_of(at, (unsigned)PyDateTime_TIME_GET_MINUTE(value),
                      (unsigned)PyDateTime_TIME_GET_SECOND(value),
                      (unsigned)PyDateTime_TIME_GET_MICROSECOND(value));
    } else {
        int64_t seconds = (int64_t)PyDateTime_DELTA_GET_DAYS(value) * 86400 +
                          PyDateTime_DELTA_GET_SECONDS(value);
        int micros = PyDateTime_DELTA_GET_MICROSECONDS(value);
        if (seconds < 0) {
            *at++ = '-';
            if (micros) { /* the fraction counts upwards from the seconds */
                seconds++;
                micros = 1000000 - micros;
            }
            seconds = -seconds;
        }
        int64_t hours = seconds / 3600;
        int width = 2;
        for (int64_t most = 100; hours >= most; most *= 10) {
            width++;
        }
        char *start = at;
        at += width;
        for (char *digit = at; digit > start; hours /= 10) {
            *--digit = (char)('0' + hours % 10);
        }
        at = clock_of(at, (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
                      (unsigned)micros);
    }
    *at++ = '\'';
    out->size = (size_t)(at - out->data);
    return true;
}

static bool put_integer(text *out, PyObject *escape, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow) {
        return put_called(out, escape, value);
    }
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) {
        *--at = '-';
    }
    return put(out, at, (size_t)(digits + sizeof digits - at));
}

static bool put_value(RowWriter *self, text *out, PyObject *value)
{
    if (value == Py_None) {
        return put(out, "NULL", 4);
    }
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        return put_text(out, value, self->no_backslash);
    }
    if (type == &PyLong_Type) {
        return put_integer(out, self->escape, value);
    }
    if (type == &PyFloat_Type) {
        return put_float(out, self->escape, value);
    }
    if (type == &PyBool_Type) {
        return put(out, value == Py_True ? "1" : "0", 1);
    }
    if (type == &PyBytes_Type && self->plain_bytes) {
        return put_bytes(out, value);
    }
    if (type == PyDateTimeAPI->DateTimeType || type == PyDateTimeAPI->DateType ||
        type == PyDateTimeAPI->TimeType || type == PyDateTimeAPI->DeltaType) {
        return put_moment(out, value);
    }
    return put_called(out, self->escape, value);
}

static bool put_row(RowWriter *self, text *out, PyObject *row)
{
    Py_ssize_t count = PyTuple_GET_SIZE(self->pieces) - 1;
    /* Named tuples are read as tuples; a subclass that iterates in its own way is not. */
    bool is_tuple = PyTuple_Check(row) && Py_TYPE(row)->tp_iter == PyTuple_Type.tp_iter;
    if ((!is_tuple && !PyList_CheckExact(row)) || Py_SIZE(row) != count) {
        return put_called(out, self->row, row);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *piece = PyTuple_GET_ITEM(self->pieces, i);
        if (!put(out, PyBytes_AS_STRING(piece), (size_t)PyBytes_GET_SIZE(piece))) {
            return false;
        }
        /* A callable may change a list meanwhile. */
        if (!is_tuple && i >= PyList_GET_SIZE(row)) {
            PyErr_SetString(PyExc_RuntimeError, "the row changed while it was written");
            return false;
        }
        PyObject *value = is_tuple ? PyTuple_GET_ITEM(row, i) : PyList_GET_ITEM(row, i);
        Py_INCREF(value);
        bool done = put_value(self, out, value);
        Py_DECREF(value);
        if (!done) {
            return false;
        }
    }
    PyObject *piece = PyTuple_GET_ITEM(self->pieces, count);
    return put(out, PyBytes_AS_STRING(piece), (size_t)PyBytes_GET_SIZE(piece));
}

/* Write rows until one does not fit `limit` bytes, which then is in `next`.  A row counts with a
 * comma; the first one always fits. */
static bool fill_rows(RowWriter *self, PyObject *rows, size_t limit)
{
    text *out = &self->out;
    out->size = 0;
    if (self->next.size) {
        if (!put(out, self->next.data, self->next.size)) {
            return false;
        }
        self->next.size = 0;
    }
    PyObject *row;
    while ((row = PyIter_Next(rows))) {
        size_t before = out->size;
        bool done = (!before || put(out, ",", 1)) && put_row(self, out, row);
        Py_DECREF(row);
        if (!done) {
            return false;
        }
        if (before && out->size + 1 > limit) {
            size_t start = before + 1;
            if (!put(&self->next, out->data + start, out->size - start)) {
                return false;
            }
            out->size = before;
            return true;
        }
    }
    return !PyErr_Occurred();
}

static PyObject *RowWriter_fill(RowWriter *self, PyObject *args)
{
    PyObject *rows;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "On:fill", &rows, &limit)) {
        return NULL;
    }
    if (!PyIter_Check(rows)) {
        PyErr_SetString(PyExc_TypeError, "rows must be an iterator");
        return NULL;
    }
    if (self->is_busy) {
        PyErr_SetString(PyExc_RuntimeError, "rows are being written already");
        return NULL;
    }
    self->is_busy = true;
    bool done = fill_rows(self, rows, limit > 0 ? (size_t)limit : 0);
    self->is_busy = false;
    if (!done) {
        return NULL;
    }
    if (!self->out.size) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(self->out.data, (Py_ssize_t)self->out.size, "surrogatepass");
}

static PyObject *RowWriter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"pieces", "escape", "row", "no_backslash", "plain_bytes", NULL};
    PyObject *pieces, *escape, *row;
    int no_backslash, plain_bytes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OOpp:RowWriter", names, &PyTuple_Type,
                                     &pieces, &escape, &row, &no_backslash, &plain_bytes)) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(pieces);
    if (count < 2) {
        PyErr_SetString(PyExc_ValueError, "there must be something on both sides of a value");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyBytes_CheckExact(PyTuple_GET_ITEM(pieces, i))) {
            PyErr_SetString(PyExc_TypeError, "pieces must be bytes");
            return NULL;
        }
    }
    RowWriter *self = (RowWriter *)type->tp_alloc(type, 0);
    if (self) {
        self->pieces = Py_NewRef(pieces);
        self->escape = Py_NewRef(escape);
        self->row = Py_NewRef(row);
        self->no_backslash = no_backslash;
        self->plain_bytes = plain_bytes;
    }
    return (PyObject *)self;
}

static int RowWriter_traverse(RowWriter *self, visitproc visit, void *arg)
{
    Py_VISIT(self->escape);
    Py_VISIT(self->row);
    return 0;
}

static int RowWriter_clear(RowWriter *self)
{
    Py_CLEAR(self->escape);
    Py_CLEAR(self->row);
    return 0;
}

static void RowWriter_dealloc(RowWriter *self)
{
    PyObject_GC_UnTrack(self);
    RowWriter_clear(self);
    Py_CLEAR(self->pieces);
    PyMem_Free(self->out.data);
    PyMem_Free(self->next.data);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef writer_methods[] = {
    {"fill", (PyCFunction)(void (*)(void))RowWriter_fill, METH_VARARGS,
     "Return rows as text, as many as fit; None when there are no more."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject RowWriter_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.literals_accel._singlestoredb_literals.RowWriter",
    .tp_basicsize = sizeof(RowWriter),
    .tp_dealloc = (destructor)RowWriter_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Writes rows of values as rows of literals.",
    .tp_traverse = (traverseproc)RowWriter_traverse,
    .tp_clear = (inquiry)RowWriter_clear,
    .tp_methods = writer_methods,
    .tp_new = RowWriter_new,
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_singlestoredb_literals",
    .m_doc = "Rows of Python values as rows of SQL literals.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__singlestoredb_literals(void)
{
    PyDateTime_IMPORT;
    if (!PyDateTimeAPI) {
        return NULL;
    }
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddType(module, &RowWriter_Type) < 0) {
        Py_CLEAR(module);
    }
    return module;
}
