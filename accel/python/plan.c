/* Plan: how the columns of a result are decoded. */
#include "module.h"

#include <structmember.h>

static void Plan_dealloc(Plan *self)
{
    PyObject_GC_UnTrack(self);
    if (self->layout) {
        s2_layout_release(self->layout);
    }
    Py_XDECREF(self->keys);
    Py_XDECREF(self->decoders);
    Py_XDECREF(self->convert);
    Py_XDECREF(self->decimal);
    PyMem_Free(self->kinds);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int Plan_traverse(Plan *self, visitproc visit, void *arg)
{
    Py_VISIT(self->keys);
    Py_VISIT(self->decoders);
    Py_VISIT(self->convert);
    Py_VISIT(self->decimal);
    return 0;
}

static int Plan_clear(Plan *self)
{
    Py_CLEAR(self->convert);
    return 0; /* the rest are tuples and a type, which can be in no cycle without `convert` */
}

/* Describe column `index` by `item`, (name, format, item format, wire, row kind).  Clears
 * `self->layout` when there is no Arrow decoder. */
static bool set_column(Plan *self, Py_ssize_t index, PyObject *item)
{
    const char *name, *format, *element;
    int wire, kind;
    if (!PyTuple_Check(item) ||
        !PyArg_ParseTuple(item, "sssii;a column is (name, format, item, wire, kind)", &name,
                          &format, &element, &wire, &kind)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "a column is a tuple");
        }
        return false;
    }
    if (wire < S2_AS_TEXT || wire > S2_AS_JSON || kind < 0 || kind >= ROW_KINDS) {
        PyErr_SetString(PyExc_ValueError, "no such wire form or kind of column");
        return false;
    }
    self->kinds[index] = (uint8_t)kind;
    self->atomic &= kind != ROW_DECODER;
    if (kind == ROW_DECIMAL && !self->decimal) {
        PyObject *module = PyImport_ImportModule("decimal");
        if (!module) {
            return false;
        }
        self->decimal = PyObject_GetAttrString(module, "Decimal");
        Py_DECREF(module);
        if (!self->decimal) {
            return false;
        }
    }
    bool understood;
    if (self->layout && !s2_layout_set(self->layout, (size_t)index, name, format, element,
                                       (s2_wire)wire, &understood)) {
        if (understood) {
            PyErr_NoMemory();
            return false;
        }
        s2_layout_release(self->layout);
        self->layout = NULL;
    }
    return true;
}

static PyObject *Plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"columns", "keys", "decoders", "convert", NULL};
    PyObject *columns, *keys, *decoders, *convert;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O:Plan", names, &PyTuple_Type, &columns,
                                     &PyTuple_Type, &keys, &PyTuple_Type, &decoders, &convert)) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(columns);
    if (PyTuple_GET_SIZE(keys) != count || PyTuple_GET_SIZE(decoders) != count) {
        PyErr_SetString(PyExc_ValueError, "columns, keys and decoders differ in length");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(keys, i))) {
            PyErr_SetString(PyExc_TypeError, "keys must be str");
            return NULL;
        }
    }
    Plan *self = (Plan *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    self->count = count;
    self->failed = -1;
    self->atomic = true;
    self->keys = Py_NewRef(keys);
    self->decoders = Py_NewRef(decoders);
    self->convert = Py_NewRef(convert);
    self->kinds = PyMem_Calloc((size_t)count + 1, 1);
    self->layout = s2_layout_new((size_t)count);
    if (!self->kinds || !self->layout) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!set_column(self, i, PyTuple_GET_ITEM(columns, i))) {
            Py_DECREF(self);
            return NULL;
        }
    }
    return (PyObject *)self;
}

static PyObject *Plan_has_arrow(Plan *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(self->layout != NULL);
}

static PyGetSetDef Plan_getset[] = {
    {"has_arrow", (getter)Plan_has_arrow, NULL, "Whether every column has an Arrow decoder.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef Plan_members[] = {
    {"failed", T_PYSSIZET, offsetof(Plan, failed), READONLY,
     "Column at which the last decoding stopped; -1 when it did not."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject Plan_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel.Plan",
    .tp_doc = "How the columns of a result are decoded.",
    .tp_basicsize = sizeof(Plan),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Plan_new,
    .tp_dealloc = (destructor)Plan_dealloc,
    .tp_traverse = (traverseproc)Plan_traverse,
    .tp_clear = (inquiry)Plan_clear,
    .tp_getset = Plan_getset,
    .tp_members = Plan_members,
};
