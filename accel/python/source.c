#include "source.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

/* Signals are served at least this often, waiting or not: Ctrl-C is felt within 100 ms even when
 * another thread was interrupted by it, or when data keep coming. */
#define LOOK_EVERY INT64_C(50000000)
#define MILLISECOND INT64_C(1000000)
/* TLS records have at most 16 KiB, and SSLSocket gives one at a time. */
#define CALL_ROOM ((size_t)256 << 10)

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Make room in the buffer, which grows once an answer has filled it. */
static size_t make_room(source *from, s2_packets *packets, uint8_t **room)
{
    size_t capacity = packets->capacity;
    if (from->filled && capacity < RECEIVE_MOST) {
        capacity *= 2;
    }
    return s2_packets_room(packets, capacity, room);
}

receive_outcome source_receive(source *from, s2_packets *packets)
{
    uint8_t *room;
    size_t size = make_room(from, packets, &room);
    if (size == 0) {
        return RECEIVE_NO_MEMORY;
    }
    while (true) {
        /* Python's sockets with a time-out are non-blocking ones, those without are not. */
        ssize_t got = recv(from->fd, room, size, MSG_DONTWAIT);
        if (got > 0) {
            s2_packets_received(packets, (size_t)got);
            from->filled = (size_t)got == size;
            from->deadline = 0;
            return now() - from->looked > LOOK_EVERY ? RECEIVE_LOOK : RECEIVED;
        }
        if (got == 0) {
            return RECEIVE_CLOSED;
        }
        if (errno == EINTR) {
            return RECEIVE_LOOK;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            from->error = errno;
            return RECEIVE_FAILED;
        }
        int64_t start = now();
        if (!from->deadline && from->timeout >= 0) {
            from->deadline = start + from->timeout;
        }
        int64_t wait = LOOK_EVERY;
        if (from->deadline && from->deadline - start < wait) {
            wait = from->deadline - start;
            if (wait <= 0) {
                from->deadline = 0;
                return RECEIVE_TIMEOUT;
            }
        }
        struct pollfd watched = {.fd = from->fd, .events = POLLIN};
        /* Rounded up: waiting 0 ms would spin. */
        if (poll(&watched, 1, (int)((wait + MILLISECOND - 1) / MILLISECOND)) <= 0) {
            return RECEIVE_LOOK; /* interrupted, or nothing came for now */
        }
    }
}

bool source_settle(source *from, receive_outcome outcome)
{
    switch (outcome) {
    case RECEIVED:
        return true;
    case RECEIVE_LOOK:
        from->looked = now();
        return PyErr_CheckSignals() == 0;
    case RECEIVE_CLOSED:
        PyErr_SetString(PyExc_ConnectionError, "the server closed the connection");
        return false;
    case RECEIVE_TIMEOUT:
        PyErr_SetString(PyExc_TimeoutError, "timed out");
        return false;
    case RECEIVE_FAILED:
        errno = from->error;
        PyErr_SetFromErrno(PyExc_OSError);
        return false;
    case RECEIVE_NO_MEMORY:
        break;
    }
    PyErr_NoMemory();
    return false;
}

bool source_call(source *from, s2_packets *packets)
{
    uint8_t *room;
    size_t size = make_room(from, packets, &room);
    if (size == 0) {
        PyErr_NoMemory();
        return false;
    }
    if (size > CALL_ROOM) {
        size = CALL_ROOM;
    }
    PyObject *view = PyMemoryView_FromMemory((char *)room, (Py_ssize_t)size, PyBUF_WRITE);
    if (!view) {
        return false;
    }
    PyObject *result = PyObject_CallOneArg(from->receive_into, view);
    Py_ssize_t got = result ? PyLong_AsSsize_t(result) : -1;
    Py_XDECREF(result);
    /* The room is ours again: whoever kept the view cannot use it. */
    PyObject *error_type, *error, *trace;
    PyErr_Fetch(&error_type, &error, &trace);
    PyObject *released = PyObject_CallMethod(view, "release", NULL);
    Py_DECREF(view);
    if (error_type) {
        PyErr_Restore(error_type, error, trace);
    }
    if (!released) {
        return false;
    }
    Py_DECREF(released);
    if (got < 0 || (size_t)got > size) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "receive_into returned an impossible size");
        }
        return false;
    }
    if (got == 0) {
        return source_settle(from, RECEIVE_CLOSED);
    }
    s2_packets_received(packets, (size_t)got);
    /* At most one record comes at a time; four in a row without a pause are much. */
    from->filled = packets->capacity < RECEIVE_LEAST * 8;
    return true;
}
