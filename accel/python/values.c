/* From the bytes of a value to a Python object, and from a row packet to a tuple or a dict. */
#include "module.h"

#include <datetime.h>

#include "../numbers.h"
#include "../temporal.h"
#include "../text.h"

/* Dates repeat within a result; making one costs more than finding it.  Direct-mapped: a date has
 * one place, where the latest of those that share it stays. */
#define DATE_CACHE_BITS 12
static struct {
    int key;
    PyObject *date; /* owned; NULL in an empty place */
} date_cache[1 << DATE_CACHE_BITS];

bool values_init(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI != NULL;
}

/* Return a new reference to what the column's decoder makes of the value. */
static PyObject *call_decoder(Plan *plan, Py_ssize_t i, const uint8_t *p, size_t length)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)length);
    if (!bytes) {
        return NULL;
    }
    PyObject *value = PyObject_CallOneArg(PyTuple_GET_ITEM(plan->decoders, i), bytes);
    Py_DECREF(bytes);
    return value;
}

/* Whether all bytes are ASCII.  Reads up to 7 bytes beyond them. */
static inline bool is_ascii(const uint8_t *p, size_t length)
{
    const uint64_t high_bits = 0x8080808080808080u;
    uint64_t any = 0;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        any |= s2_load64(p + i);
    }
    if (i < length) {
        any |= s2_load64(p + i) & (((uint64_t)1 << (8 * (length - i))) - 1);
    }
    return !(any & high_bits);
}

/* Return a new str of ASCII bytes. */
static inline PyObject *ascii_str(const uint8_t *p, size_t length)
{
    if (length == 1) {
        return PyUnicode_FromOrdinal(*p); /* which are kept by the interpreter */
    }
    PyObject *text = PyUnicode_New((Py_ssize_t)length, 127);
    if (text) {
        memcpy(PyUnicode_1BYTE_DATA(text), p, length);
    }
    return text;
}

/* Decode valid UTF-8 to code points of one width. */
#define DEFINE_DECODE(name, type)                                                                  \
    static void name(const uint8_t *p, const uint8_t *end, type *out)                              \
    {                                                                                              \
        while (p < end) {                                                                          \
            uint32_t lead = *p;                                                                    \
            if (lead < 0x80) {                                                                     \
                *out++ = (type)lead;                                                               \
                p += 1;                                                                            \
            } else if (lead < 0xE0) {                                                              \
                *out++ = (type)((lead & 0x1F) << 6 | (p[1] & 0x3Fu));                              \
                p += 2;                                                                            \
            } else if (lead < 0xF0) {                                                              \
                *out++ = (type)((lead & 0x0F) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu));       \
                p += 3;                                                                            \
            } else {                                                                               \
                *out++ = (type)((lead & 0x07) << 18 | (p[1] & 0x3Fu) << 12 |                       \
                                (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu));                             \
                p += 4;                                                                            \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_DECODE(decode_ucs1, Py_UCS1)
DEFINE_DECODE(decode_ucs2, Py_UCS2)
DEFINE_DECODE(decode_ucs4, Py_UCS4)

/* Return a new str of UTF-8 that has more than ASCII.  Knowing the number of characters and the
 * largest in advance, it is written once; CPython's own decoder widens and moves it on the way. */
static PyObject *wide_str(const uint8_t *p, size_t length)
{
    size_t characters = 0;
    uint8_t most = 0;
    for (size_t i = 0; i < length; i++) {
        characters += (p[i] & 0xC0) != 0x80;
        most = p[i] > most ? p[i] : most;
    }
    /* Lead bytes: C2 and C3 begin U+0080 to U+00FF, up to EF is below U+10000. */
    Py_UCS4 largest = most < 0xC4 ? 0xFF : most < 0xF0 ? 0xFFFF : 0x10FFFF;
    PyObject *text = PyUnicode_New((Py_ssize_t)characters, largest);
    if (!text) {
        return NULL;
    }
    if (most < 0xC4) {
        decode_ucs1(p, p + length, PyUnicode_1BYTE_DATA(text));
    } else if (most < 0xF0) {
        decode_ucs2(p, p + length, PyUnicode_2BYTE_DATA(text));
    } else {
        decode_ucs4(p, p + length, PyUnicode_4BYTE_DATA(text));
    }
    return text;
}

static PyObject *make_text(Plan *plan, Py_ssize_t i, const uint8_t *p, size_t length)
{
    if (S2_LIKELY(is_ascii(p, length))) {
        return ascii_str(p, length);
    }
    return s2_utf8(p, length) ? wide_str(p, length) : call_decoder(plan, i, p, length);
}

static PyObject *make_decimal(Plan *plan, Py_ssize_t i, const uint8_t *p, size_t length)
{
    if (!is_ascii(p, length)) {
        return call_decoder(plan, i, p, length);
    }
    PyObject *text = ascii_str(p, length);
    if (!text) {
        return NULL;
    }
    PyObject *value = PyObject_CallOneArg(plan->decimal, text);
    Py_DECREF(text);
    return value;
}

static PyObject *make_date(const s2_moment *moment)
{
    int key = (moment->year * 16 + moment->month) * 32 + moment->day;
    size_t place = ((uint32_t)key * UINT32_C(2654435761)) >> (32 - DATE_CACHE_BITS);
    if (date_cache[place].key == key && date_cache[place].date) {
        return Py_NewRef(date_cache[place].date);
    }
    PyObject *date = PyDate_FromDate(moment->year, moment->month, moment->day);
    if (date) {
        date_cache[place].key = key;
        Py_XSETREF(date_cache[place].date, Py_NewRef(date));
    }
    return date;
}

/* Return a new reference to the value of column `i`. */
static inline PyObject *make_value(Plan *plan, Py_ssize_t i, const uint8_t *p, size_t length)
{
    s2_moment moment;
    switch ((row_kind)plan->kinds[i]) {
    case ROW_INT: {
        int64_t integer;
        uint64_t natural = 0;
        if (S2_LIKELY(s2_int64(p, length, &integer))) {
            return PyLong_FromLongLong(integer);
        }
        if (s2_uint64(p, length, &natural)) {
            return PyLong_FromUnsignedLongLong(natural);
        }
        break;
    }
    case ROW_FLOAT: {
        double number;
        bool is_integer;
        if (S2_LIKELY(s2_double(p, length, &number, &is_integer))) {
            return PyFloat_FromDouble(number);
        }
        break;
    }
    case ROW_DECIMAL:
        return make_decimal(plan, i, p, length);
    case ROW_DATE:
        if (S2_LIKELY(s2_date(p, length, &moment))) {
            return make_date(&moment);
        }
        if (s2_zero_date(p, length, false)) {
            Py_RETURN_NONE;
        }
        break;
    case ROW_DATETIME:
        if (S2_LIKELY(s2_datetime(p, length, &moment))) {
            return PyDateTime_FromDateAndTime(moment.year, moment.month, moment.day, moment.hour,
                                              moment.minute, moment.second, moment.microsecond);
        }
        if (s2_zero_date(p, length, true)) {
            Py_RETURN_NONE;
        }
        break;
    case ROW_TIME: {
        int64_t span;
        if (S2_LIKELY(s2_duration(p, length, &span))) {
            return PyDelta_FromDSU(0, (int)(span / S2_MICROSECONDS), (int)(span % S2_MICROSECONDS));
        }
        break;
    }
    case ROW_TEXT:
        return make_text(plan, i, p, length);
    case ROW_BYTES:
        return PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)length);
    case ROW_NONE:
        Py_RETURN_NONE;
    case ROW_DECODER:
    case ROW_KINDS:
        break;
    }
    return call_decoder(plan, i, p, length);
}

/* Find the value of the next column: `*p` and `*length` on success, `*p` NULL for NULL.  `*at`
 * moves behind it.  False, without an exception, when the row ends before it. */
static inline bool next_value(const uint8_t **at, const uint8_t *end, const uint8_t **p,
                              size_t *length)
{
    if (S2_UNLIKELY(*at == end)) {
        return false;
    }
    if (S2_UNLIKELY(**at == 251)) {
        (*at)++;
        *p = NULL;
        return true;
    }
    uint64_t announced;
    if (S2_UNLIKELY(!s2_length(at, end, &announced) || announced > (uint64_t)(end - *at))) {
        return false;
    }
    *p = *at;
    *length = (size_t)announced;
    *at += announced;
    return true;
}

PyObject *make_row(Plan *plan, const uint8_t *payload, size_t length, bool dicts)
{
    const uint8_t *at = payload;
    const uint8_t *end = payload + length;
    const Py_ssize_t count = plan->count;
    PyObject *row = dicts ? PyDict_New() : PyTuple_New(count);
    if (!row) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const uint8_t *p;
        size_t size;
        if (S2_UNLIKELY(!next_value(&at, end, &p, &size))) {
            raise_status(S2_MALFORMED, plan, NULL);
            Py_DECREF(row);
            return NULL;
        }
        PyObject *value = p ? make_value(plan, i, p, size) : Py_NewRef(Py_None);
        if (S2_UNLIKELY(!value)) {
            plan->failed = i;
            Py_DECREF(row);
            return NULL;
        }
        if (!dicts) {
            PyTuple_SET_ITEM(row, i, value);
        } else {
            int failed = PyDict_SetItem(row, PyTuple_GET_ITEM(plan->keys, i), value);
            Py_DECREF(value);
            if (S2_UNLIKELY(failed)) {
                Py_DECREF(row);
                return NULL;
            }
        }
    }
    if (S2_UNLIKELY(at != end)) {
        raise_status(S2_MALFORMED, plan, NULL);
        Py_DECREF(row);
        return NULL;
    }
    if (plan->atomic && !dicts && count) {
        /* No collection needs to look at it.  (The empty tuple is shared, and untracked.) */
        PyObject_GC_UnTrack(row);
    }
    return row;
}
