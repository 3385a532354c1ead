/* The module _singlestoredb_accel. */
#include "module.h"

PyObject *SequenceError;
PyObject *RowError;

static PyObject *trim_memory(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    s2_memory_trim();
    Py_RETURN_NONE;
}

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
    {"trim_memory", trim_memory, METH_NOARGS, "Give memory kept for later results back."},
    {"fail_allocation", fail_allocation, METH_O,
     "fail_allocation(n): make the decoder's allocation after n more fail, once (for tests)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_singlestoredb_accel",
    .m_doc = "Decodes results of the MySQL protocol.",
    .m_size = -1,
    .m_methods = methods,
};

/* Add a new reference under a name. */
static bool add(PyObject *module, const char *name, PyObject *object)
{
    if (!object || PyModule_AddObjectRef(module, name, object)) {
        Py_XDECREF(object);
        return false;
    }
    Py_DECREF(object);
    return true;
}

PyMODINIT_FUNC PyInit__singlestoredb_accel(void)
{
    static const struct {
        const char *name;
        int value;
    } constants[] = {
        {"AS_TEXT", S2_AS_TEXT},
        {"AS_BYTES", S2_AS_BYTES},
        {"AS_JSON", S2_AS_JSON},
        {"ROW_DECODER", ROW_DECODER},
        {"ROW_INT", ROW_INT},
        {"ROW_FLOAT", ROW_FLOAT},
        {"ROW_DECIMAL", ROW_DECIMAL},
        {"ROW_DATE", ROW_DATE},
        {"ROW_DATETIME", ROW_DATETIME},
        {"ROW_TIME", ROW_TIME},
        {"ROW_TEXT", ROW_TEXT},
        {"ROW_BYTES", ROW_BYTES},
        {"ROW_NONE", ROW_NONE},
    };
    static PyTypeObject *types[] = {&Plan_Type, &Reader_Type, &Kept_Type, &Batches_Type,
                                    &Batch_Type};
    static bool survives_fork; /* of the process: another interpreter may import this again */
    if (!values_init()) {
        return NULL;
    }
    if (!survives_fork && !(survives_fork = s2_memory_survive_fork())) {
        return PyErr_NoMemory();
    }
    PyObject *module = PyModule_Create(&definition);
    if (!module) {
        return NULL;
    }
    SequenceError = PyErr_NewException(
        "singlestoredb_plugins.mysql_accel._singlestoredb_accel.SequenceError", NULL, NULL);
    RowError = PyErr_NewException("singlestoredb_plugins.mysql_accel._singlestoredb_accel.RowError",
                                  NULL, NULL);
    /* The module's reference and the globals' are two. */
    bool ready = add(module, "SequenceError", Py_XNewRef(SequenceError)) &&
                 add(module, "RowError", Py_XNewRef(RowError));
    for (size_t i = 0; ready && i < sizeof types / sizeof *types; i++) {
        ready = PyModule_AddType(module, types[i]) == 0;
    }
    for (size_t i = 0; ready && i < sizeof constants / sizeof *constants; i++) {
        ready = PyModule_AddIntConstant(module, constants[i].name, constants[i].value) == 0;
    }
    if (!ready) {
        Py_CLEAR(module);
    }
    return module;
}
