/* What reading from a connection and reading kept rows have in common. */
#include "module.h"

bool convert_value(void *context, size_t column, const uint8_t *p, size_t length, s2_value *value)
{
    hook_context *hook = context;
    PyEval_RestoreThread(hook->thread);
    bool made = false;
    PyObject *converted = PyObject_CallFunction(hook->plan->convert, "ny#", (Py_ssize_t)column,
                                                (const char *)p, (Py_ssize_t)length);
    if (converted == Py_None) {
        value->is_null = true;
        made = true;
    } else if (converted && PyBytes_Check(converted)) {
        value->bytes = (const uint8_t *)PyBytes_AS_STRING(converted);
        value->length = (size_t)PyBytes_GET_SIZE(converted);
        made = true;
    } else if (converted) {
        PyErr_Format(PyExc_TypeError, "convert must return bytes or None, not %.100s",
                     Py_TYPE(converted)->tp_name);
    }
    Py_XSETREF(hook->held, converted);
    hook->thread = PyEval_SaveThread();
    return made;
}

void raise_status(s2_status status, Plan *plan, const s2_packets *packets)
{
    switch (status) {
    case S2_BAD_SEQUENCE: {
        PyObject *numbers = Py_BuildValue("(BB)", packets->got, packets->sequence);
        if (numbers) {
            PyErr_SetObject(SequenceError, numbers);
            Py_DECREF(numbers);
        }
        return;
    }
    case S2_MALFORMED:
        PyErr_SetString(RowError, "a row does not have the announced columns");
        return;
    case S2_TOO_LONG:
        PyErr_SetString(PyExc_OverflowError,
                        "a value of 2 GiB or more does not fit an Arrow column");
        return;
    case S2_REFUSED:
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_ValueError, "column %zd: convert gave a value of another width",
                         plan ? plan->failed : -1);
        }
        return;
    case S2_NO_MEMORY:
    case S2_OK:
    case S2_NEED_MORE:
    case S2_LIMIT:
    case S2_END:
        break;
    }
    PyErr_NoMemory();
}

bool read_limit(PyObject *argument, int64_t *limit)
{
    if (argument == Py_None) {
        *limit = INT64_MAX;
        return true;
    }
    long long number = PyLong_AsLongLong(argument);
    if (number == -1 && PyErr_Occurred()) {
        return false;
    }
    if (number < 0) {
        PyErr_SetString(PyExc_ValueError, "a number of rows cannot be negative");
        return false;
    }
    *limit = number;
    return true;
}

bool require_layout(const Plan *plan)
{
    if (!plan->layout) {
        PyErr_SetString(PyExc_RuntimeError, "the plan has a column without an Arrow decoder");
        return false;
    }
    return true;
}
