/* Reader: the packets of one connection, decoded as they arrive.
 *
 * Every method that reads does so until it has what was asked for.  Without a source, a reader
 * decodes what feed() gave it, and says by what it returns that bytes are lacking.
 */
#include "module.h"
#include "source.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    s2_packets packets;
    source from;
    PyObject *end; /* owned: payload of the packet that ended the rows, or None */
    bool busy;     /* a method is at work: the GIL may be released, or Python code be called */
    bool closed;
} Reader;

s2_kept *kept_begin(PyObject *object);
void kept_end(PyObject *object);

/* Columns that a result can have: a prepared statement's answer counts them in 16 bits. */
#define MOST_COLUMNS 65535

/* Rows between two looks for signals while rows are made: about a millisecond. */
#define SIGNAL_ROWS 2048

static bool begin(Reader *self)
{
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the connection is being read already");
        return false;
    }
    self->busy = true;
    return true;
}

static bool has_source(const Reader *self)
{
    return self->from.fd >= 0 || self->from.receive_into;
}

/* Whether to do without a source.  False with an exception when there was one: it was closed,
 * perhaps by another thread while this one waited. */
static bool is_fed(const Reader *self)
{
    if (self->closed) {
        PyErr_SetString(PyExc_ConnectionError, "the connection was closed");
    }
    return !self->closed;
}

/* Receive once.  1: bytes may have come; 0: there is no source; -1: an exception is set. */
static int fill(Reader *self)
{
    if (!has_source(self)) {
        return is_fed(self) ? 0 : -1;
    }
    if (self->from.fd < 0) {
        return source_call(&self->from, &self->packets) ? 1 : -1;
    }
    receive_outcome outcome;
    Py_BEGIN_ALLOW_THREADS
    outcome = source_receive(&self->from, &self->packets);
    Py_END_ALLOW_THREADS
    return source_settle(&self->from, outcome) ? 1 : -1;
}

/* A step of decoding what has arrived, called without the GIL. */
typedef s2_status (*step_function)(void *state, s2_packets *packets);

/* Repeat a step, receiving in between, until it has another outcome than S2_NEED_MORE (which is
 * returned when there is no source).  False with an exception when receiving fails.  `*thread` is
 * the saved thread state while the step runs. */
static bool drive(Reader *self, step_function step, void *state, PyThreadState **thread,
                  s2_status *status)
{
    while (true) {
        receive_outcome outcome = RECEIVED;
        *thread = PyEval_SaveThread();
        do {
            *status = step(state, &self->packets);
            if (*status == S2_NEED_MORE && self->from.fd >= 0) {
                outcome = source_receive(&self->from, &self->packets);
            } else {
                break;
            }
        } while (outcome == RECEIVED);
        PyEval_RestoreThread(*thread);
        if (*status != S2_NEED_MORE) {
            return true;
        }
        if (!has_source(self)) {
            return is_fed(self);
        }
        if (self->from.fd < 0 ? !source_call(&self->from, &self->packets)
                              : !source_settle(&self->from, outcome)) {
            return false;
        }
    }
}

static bool set_end(Reader *self, const uint8_t *payload, size_t length)
{
    PyObject *end = PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)length);
    if (!end) {
        return false;
    }
    Py_SETREF(self->end, end);
    return true;
}

static void clear_end(Reader *self)
{
    Py_SETREF(self->end, Py_NewRef(Py_None));
}

/* -- construction -------------------------------------------------------------------------- */

static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", "receive_into", "timeout", NULL};
    int fd = -1;
    PyObject *receive_into = Py_None;
    PyObject *timeout = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iOO:Reader", names, &fd, &receive_into,
                                     &timeout)) {
        return NULL;
    }
    int64_t nanoseconds = -1;
    if (timeout != Py_None) {
        double seconds = PyFloat_AsDouble(timeout);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return NULL;
        }
        if (!(seconds >= 0 && seconds < 1e9)) {
            PyErr_SetString(PyExc_ValueError, "timeout must be a number of seconds, at least 0");
            return NULL;
        }
        nanoseconds = (int64_t)(seconds * 1e9);
    }
    Reader *self = (Reader *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    self->end = Py_NewRef(Py_None);
    self->from.fd = fd;
    self->from.timeout = nanoseconds;
    self->from.receive_into = receive_into == Py_None ? NULL : Py_NewRef(receive_into);
    if (!s2_packets_init(&self->packets, RECEIVE_LEAST)) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static int Reader_traverse(Reader *self, visitproc visit, void *arg)
{
    Py_VISIT(self->from.receive_into);
    return 0;
}

static int Reader_clear(Reader *self)
{
    Py_CLEAR(self->from.receive_into);
    return 0;
}

static void Reader_dealloc(Reader *self)
{
    PyObject_GC_UnTrack(self);
    s2_packets_clear(&self->packets);
    Py_XDECREF(self->from.receive_into);
    Py_XDECREF(self->end);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* -- bytes --------------------------------------------------------------------------------- */

static PyObject *Reader_feed(Reader *self, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)) {
        return NULL;
    }
    bool fed = false;
    if (begin(self)) {
        fed = s2_packets_feed(&self->packets, view.buf, (size_t)view.len);
        self->busy = false;
        if (!fed) {
            PyErr_NoMemory();
        }
    }
    PyBuffer_Release(&view);
    if (!fed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *Reader_start(Reader *self, PyObject *sequence)
{
    long number = PyLong_AsLong(sequence);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!begin(self)) {
        return NULL;
    }
    bool ready = true;
    if (self->packets.capacity > RECEIVE_MOST && s2_packets_pending(&self->packets) == 0) {
        /* One large packet is no reason to keep its memory. */
        s2_packets_clear(&self->packets);
        ready = s2_packets_init(&self->packets, RECEIVE_LEAST);
    }
    self->packets.sequence = (uint8_t)number;
    self->from.filled = false;
    self->from.deadline = 0;
    clear_end(self);
    self->busy = false;
    if (!ready) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

static PyObject *Reader_close(Reader *self, PyObject *unused)
{
    (void)unused;
    self->closed = true;
    self->from.fd = -1;
    Py_CLEAR(self->from.receive_into);
    if (!self->busy) {
        self->packets.start = self->packets.end = 0;
    }
    Py_RETURN_NONE;
}

/* -- packets ------------------------------------------------------------------------------- */

/* Wait for the next payload.  1: it is there; 0: bytes lack; -1: an exception is set. */
static int next_payload(Reader *self, const uint8_t **payload, size_t *length)
{
    while (true) {
        s2_status status = s2_packets_next(&self->packets, payload, length);
        if (status == S2_OK) {
            return 1;
        }
        if (status != S2_NEED_MORE) {
            raise_status(status, NULL, &self->packets);
            return -1;
        }
        int filled = fill(self);
        if (filled <= 0) {
            return filled;
        }
    }
}

static PyObject *Reader_read_packet(Reader *self, PyObject *unused)
{
    (void)unused;
    const uint8_t *payload;
    size_t length;
    if (!begin(self)) {
        return NULL;
    }
    int there = next_payload(self, &payload, &length);
    PyObject *packet = NULL;
    if (there > 0) {
        packet = PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)length);
    } else if (there == 0) {
        packet = Py_NewRef(Py_None);
    }
    self->busy = false;
    return packet;
}

typedef struct {
    s2_kept *kept;
    int64_t limit;
    const uint8_t *end;
    size_t end_length;
} keep_state;

static s2_status keep_step(void *state, s2_packets *packets)
{
    keep_state *keep = state;
    return s2_kept_packets(keep->kept, packets, keep->limit, &keep->end, &keep->end_length);
}

/* Keep rows until there are `limit` in all or they end. */
static bool keep_rows(Reader *self, PyObject *object, int64_t limit)
{
    keep_state state = {.kept = kept_begin(object), .limit = limit};
    if (!state.kept) {
        return false;
    }
    PyThreadState *thread;
    s2_status status;
    bool done = drive(self, keep_step, &state, &thread, &status);
    kept_end(object);
    if (!done) {
        return false;
    }
    if (status == S2_END) {
        return set_end(self, state.end, state.end_length);
    }
    if (status != S2_LIMIT && status != S2_NEED_MORE) {
        raise_status(status, NULL, &self->packets);
        return false;
    }
    return true;
}

static PyObject *Reader_keep_rows(Reader *self, PyObject *args)
{
    PyObject *kept, *limit_argument;
    int64_t limit;
    if (!PyArg_ParseTuple(args, "O!O:keep_rows", &Kept_Type, &kept, &limit_argument) ||
        !read_limit(limit_argument, &limit) || !begin(self)) {
        return NULL;
    }
    clear_end(self);
    bool done = keep_rows(self, kept, limit);
    self->busy = false;
    if (!done) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Find `count` column definitions and the packet behind them at the start of what has arrived.
 * S2_OK: `*size` bytes of definitions, `*all` with the last packet.  S2_END: an ERR packet came
 * instead, `*size` bytes before it.  Otherwise S2_NEED_MORE, S2_BAD_SEQUENCE or S2_MALFORMED. */
static s2_status find_definitions(s2_packets *packets, uint64_t count, size_t *size, size_t *all)
{
    const uint8_t *first = s2_packets_bytes(packets) + packets->start;
    size_t available = s2_packets_pending(packets);
    size_t at = 0;
    uint8_t sequence = packets->sequence;
    for (uint64_t i = 0;; i++) {
        if (available - at < S2_HEADER) {
            return S2_NEED_MORE;
        }
        const uint8_t *header = first + at;
        if (header[3] != sequence) {
            packets->got = header[3];
            packets->sequence = sequence;
            return S2_BAD_SEQUENCE;
        }
        size_t length = s2_payload_length(header);
        if (length == S2_MAX_PAYLOAD) {
            return S2_MALFORMED;
        }
        if (available - at - S2_HEADER < length) {
            return S2_NEED_MORE;
        }
        *size = at;
        at += S2_HEADER + length;
        sequence++;
        if (length && header[S2_HEADER] == S2_ERR) {
            return S2_END;
        }
        bool is_eof = length && header[S2_HEADER] == S2_EOF;
        if (is_eof != (i == count) || (is_eof && length > S2_EOF_LONGEST)) {
            return S2_MALFORMED; /* there are more or fewer columns than were announced */
        }
        if (i == count) {
            *all = at;
            return S2_OK;
        }
    }
}

/* Return a new reference to the packets that define the columns, one behind the other with their
 * headers, and go past them and the packet behind them.  None when bytes lack. */
static PyObject *read_definitions(Reader *self, uint64_t count, bool *is_error)
{
    size_t size, all;
    s2_status status;
    s2_packets *packets = &self->packets;
    while ((status = find_definitions(packets, count, &size, &all)) == S2_NEED_MORE) {
        int filled = fill(self);
        if (filled < 0) {
            return NULL;
        }
        if (filled == 0) {
            return Py_NewRef(Py_None);
        }
    }
    if (status == S2_END) {
        /* The server failed amid the definitions: its error is the answer. */
        packets->sequence = s2_packets_bytes(packets)[packets->start + size + 3];
        packets->start += size;
        const uint8_t *payload;
        size_t length;
        *is_error = true;
        if (next_payload(self, &payload, &length) < 0) {
            return NULL;
        }
        return PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)length);
    }
    if (status != S2_OK) {
        raise_status(status, NULL, packets);
        return NULL;
    }
    const char *first = (const char *)s2_packets_bytes(packets) + packets->start;
    PyObject *definitions = PyBytes_FromStringAndSize(first, (Py_ssize_t)size);
    if (definitions) {
        packets->start += all;
        packets->sequence = (uint8_t)(packets->sequence + count + 1);
    }
    return definitions;
}

/* Return (definitions, True) or (payload, False), or None when bytes lack. */
static PyObject *read_answer(Reader *self, PyObject *kept)
{
    s2_packets before = self->packets;
    const uint8_t *payload;
    size_t length;
    int there = next_payload(self, &payload, &length);
    if (there <= 0) {
        return there < 0 ? NULL : Py_NewRef(Py_None);
    }
    const uint8_t *at = payload;
    uint64_t count = 0;
    /* OK, LOCAL INFILE, EOF and ERR; anything else is the number of columns. */
    bool other = !length || *payload == 0 || *payload == 251 || *payload >= S2_EOF;
    other = other || !s2_length(&at, payload + length, &count) || at != payload + length;
    if (other || count == 0 || count > MOST_COLUMNS) {
        PyObject *packet = PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)length);
        return packet ? Py_BuildValue("(NO)", packet, Py_False) : NULL;
    }
    bool is_error = false;
    PyObject *definitions = read_definitions(self, count, &is_error);
    if (!definitions) {
        return NULL;
    }
    if (definitions == Py_None) { /* without a source only: give the header back */
        self->packets.start = before.start;
        self->packets.sequence = before.sequence;
        return definitions;
    }
    if (!is_error && kept != Py_None && !keep_rows(self, kept, INT64_MAX)) {
        Py_DECREF(definitions);
        return NULL;
    }
    return Py_BuildValue("(NO)", definitions, is_error ? Py_False : Py_True);
}

static PyObject *Reader_read_answer(Reader *self, PyObject *args)
{
    PyObject *kept = Py_None;
    if (!PyArg_ParseTuple(args, "|O:read_answer", &kept)) {
        return NULL;
    }
    if (kept != Py_None && !PyObject_TypeCheck(kept, &Kept_Type)) {
        PyErr_SetString(PyExc_TypeError, "kept must be a Kept or None");
        return NULL;
    }
    if (!begin(self)) {
        return NULL;
    }
    clear_end(self);
    PyObject *answer = read_answer(self, kept);
    self->busy = false;
    return answer;
}

static PyObject *Reader_skip_rows(Reader *self, PyObject *limit_argument)
{
    int64_t limit;
    if (!read_limit(limit_argument, &limit) || !begin(self)) {
        return NULL;
    }
    clear_end(self);
    const uint8_t *payload;
    size_t length;
    int64_t skipped = 0;
    int there = 1;
    while (skipped < limit && (there = next_payload(self, &payload, &length)) > 0) {
        if (s2_ends_rows(payload, length)) {
            if (!set_end(self, payload, length)) {
                there = -1;
            }
            break;
        }
        skipped++;
    }
    self->busy = false;
    return there < 0 ? NULL : PyLong_FromLongLong(skipped);
}

/* -- decoding ------------------------------------------------------------------------------ */

/* Append rows to a list.  The GIL is released only while receiving. */
static bool append_rows(Reader *self, Plan *plan, int64_t limit, bool dicts, PyObject *rows)
{
    for (int64_t made = 0; made < limit;) {
        const uint8_t *payload;
        size_t length;
        int there = next_payload(self, &payload, &length);
        if (there <= 0) {
            return there == 0;
        }
        if (S2_UNLIKELY(s2_ends_rows(payload, length))) {
            return set_end(self, payload, length);
        }
        PyObject *row = make_row(plan, payload, length, dicts);
        int failed = row ? PyList_Append(rows, row) : -1;
        Py_XDECREF(row);
        if (S2_UNLIKELY(failed || (++made % SIGNAL_ROWS == 0 && PyErr_CheckSignals()))) {
            return false;
        }
    }
    return true;
}

static PyObject *Reader_read_rows(Reader *self, PyObject *args)
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
    if (!rows || !begin(self)) {
        Py_XDECREF(rows);
        return NULL;
    }
    clear_end(self);
    plan->failed = -1;
    bool done = append_rows(self, plan, limit, dicts, rows);
    self->busy = false;
    if (!done) {
        Py_CLEAR(rows);
    }
    return rows;
}

typedef struct {
    s2_builder *builder;
    int64_t limit;
    const uint8_t *end;
    size_t end_length;
    bool ended;
} arrow_state;

static s2_status arrow_step(void *state, s2_packets *packets)
{
    arrow_state *arrow = state;
    s2_status status = s2_builder_packets(arrow->builder, packets, arrow->limit, &arrow->end,
                                          &arrow->end_length);
    if (status == S2_END || status == S2_LIMIT) {
        arrow->ended = status == S2_END;
        status = s2_builder_finish(arrow->builder);
    }
    return status;
}

static PyObject *Reader_read_arrow(Reader *self, PyObject *args)
{
    Plan *plan;
    PyObject *limit_argument;
    int64_t limit;
    if (!PyArg_ParseTuple(args, "O!O:read_arrow", &Plan_Type, &plan, &limit_argument) ||
        !read_limit(limit_argument, &limit) || !require_layout(plan) || !begin(self)) {
        return NULL;
    }
    clear_end(self);
    hook_context context = {plan, NULL, NULL};
    arrow_state state = {.limit = limit};
    PyObject *batches = NULL;
    plan->failed = -1;
    state.builder = s2_builder_new(plan->layout, limit, convert_value, &context);
    if (!state.builder) {
        PyErr_NoMemory();
    } else {
        s2_status status;
        bool done = drive(self, arrow_step, &state, &context.thread, &status);
        if (done && status == S2_NEED_MORE) { /* without a source: what there is */
            context.thread = PyEval_SaveThread();
            status = s2_builder_finish(state.builder);
            PyEval_RestoreThread(context.thread);
        }
        /* Whatever became of the values: the rows have ended, and the owner must know. */
        if (done && state.ended && !set_end(self, state.end, state.end_length)) {
            PyErr_Clear();
            status = S2_NO_MEMORY;
        }
        if (done && status == S2_OK) {
            batches = batches_new(plan->layout, state.builder);
        } else if (done) {
            plan->failed = status == S2_REFUSED ? (Py_ssize_t)state.builder->failed : -1;
            raise_status(status, plan, &self->packets);
        }
    }
    Py_XDECREF(context.held);
    s2_builder_free(state.builder);
    self->busy = false;
    return batches;
}

/* -- the type ------------------------------------------------------------------------------ */

static PyObject *Reader_pending(Reader *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(s2_packets_pending(&self->packets));
}

static PyObject *Reader_capacity(Reader *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->packets.capacity);
}

static PyGetSetDef Reader_getset[] = {
    {"pending", (getter)Reader_pending, NULL, "Bytes that were received and not yet read.", NULL},
    {"capacity", (getter)Reader_capacity, NULL, "Bytes that the receive buffer holds.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef Reader_members[] = {
    {"sequence", T_UBYTE, offsetof(Reader, packets.sequence), 0,
     "Number that the next packet must have."},
    {"end", T_OBJECT, offsetof(Reader, end), READONLY,
     "Payload of the EOF or ERR packet that ended the rows; None while they go on."},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef Reader_methods[] = {
    {"feed", (PyCFunction)Reader_feed, METH_O, "feed(data): append received bytes."},
    {"start", (PyCFunction)Reader_start, METH_O,
     "start(sequence): expect an answer whose first packet has this number."},
    {"close", (PyCFunction)Reader_close, METH_NOARGS,
     "Forget the source and what was received from it; reading is then a ConnectionError."},
    {"read_packet", (PyCFunction)Reader_read_packet, METH_NOARGS,
     "Return the next payload, whole; None when bytes lack."},
    {"read_answer", (PyCFunction)Reader_read_answer, METH_VARARGS,
     "read_answer(kept=None): return (definitions, True), or (payload, False) of any other packet."},
    {"keep_rows", (PyCFunction)Reader_keep_rows, METH_VARARGS,
     "keep_rows(kept, limit): add rows until there are `limit` in all or they end."},
    {"skip_rows", (PyCFunction)Reader_skip_rows, METH_O,
     "skip_rows(limit): drop rows and return how many."},
    {"read_rows", (PyCFunction)Reader_read_rows, METH_VARARGS,
     "read_rows(plan, limit, dicts=False): return the next rows as tuples or dicts."},
    {"read_arrow", (PyCFunction)Reader_read_arrow, METH_VARARGS,
     "read_arrow(plan, limit): return the next rows as Batches."},
    {NULL, NULL, 0, NULL},
};

PyTypeObject Reader_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel.Reader",
    .tp_doc = "Reader(fd=-1, receive_into=None, timeout=None): packets of one connection.",
    .tp_basicsize = sizeof(Reader),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Reader_new,
    .tp_dealloc = (destructor)Reader_dealloc,
    .tp_traverse = (traverseproc)Reader_traverse,
    .tp_clear = (inquiry)Reader_clear,
    .tp_getset = Reader_getset,
    .tp_members = Reader_members,
    .tp_methods = Reader_methods,
};
