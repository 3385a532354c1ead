/* Where a reader's bytes come from: a socket, a Python callable, or feed(). */
#ifndef S2_SOURCE_H
#define S2_SOURCE_H

#include "module.h"

typedef struct {
    int fd;                 /* of a plain socket, borrowed; -1: none */
    PyObject *receive_into; /* owned callable as socket.recv_into, for TLS; or NULL */
    int64_t timeout;        /* nanoseconds to wait for the next byte; -1 waits for ever */
    int64_t deadline;       /* of the wait that is going on; 0: none is */
    int64_t looked;         /* when signals were last looked for */
    bool filled;            /* the last receive filled all the room there was */
    int error;              /* errno of RECEIVE_FAILED */
} source;

typedef enum {
    RECEIVED,
    RECEIVE_LOOK, /* look for signals, then carry on; bytes may have arrived or not */
    RECEIVE_CLOSED,
    RECEIVE_TIMEOUT,
    RECEIVE_FAILED,
    RECEIVE_NO_MEMORY,
} receive_outcome;

/* Bytes that the first buffer holds: enough for a point query's answer. */
#define RECEIVE_LEAST ((size_t)32 << 10)
/* Up to which it grows while answers fill it; beyond, only a single packet makes it grow. */
#define RECEIVE_MOST ((size_t)1 << 20)

/* Receive from the socket.  Called without the GIL.  Waits no longer than it takes to serve
 * signals in time. */
receive_outcome source_receive(source *from, s2_packets *packets);

/* Act on an outcome: serve signals, or set the exception and return false. */
bool source_settle(source *from, receive_outcome outcome);

/* Receive through the callable. */
bool source_call(source *from, s2_packets *packets);

#endif
