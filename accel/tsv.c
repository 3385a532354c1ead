#include "tsv.h"

#include "shortest.h"
#include "text.h"

#define MOST_DEPTH 64
#define SECONDS_PER_DAY 86400

typedef enum {
    NODE_NULL,
    NODE_BOOL,
    NODE_I8,
    NODE_U8,
    NODE_I16,
    NODE_U16,
    NODE_I32,
    NODE_U32,
    NODE_I64,
    NODE_U64,
    NODE_HALF,
    NODE_FLOAT,
    NODE_DOUBLE,
    NODE_DECIMAL,
    NODE_DATE32,
    NODE_DATE64,
    NODE_TIMESTAMP,
    NODE_SPAN32,
    NODE_SPAN64,
    NODE_STRING,
    NODE_LARGE_STRING,
    NODE_STRING_VIEW,
    NODE_BINARY,
    NODE_LARGE_BINARY,
    NODE_BINARY_VIEW,
    NODE_FIXED_BINARY,
    NODE_STRUCT,
    NODE_LIST,
    NODE_LARGE_LIST,
    NODE_LIST_VIEW,
    NODE_LARGE_LIST_VIEW,
    NODE_FIXED_LIST,
    NODE_MAP,
} node_kind;

struct s2_tsv_node {
    node_kind kind;       /* of a dictionary-encoded column: of its indices */
    int scale;            /* of a decimal */
    int64_t width;        /* bytes of a fixed-size value, or elements of a fixed-size list */
    int64_t per_second;   /* units of a time */
    int64_t buffers;      /* that an array has at least */
    s2_tsv_node *dictionary;
    s2_tsv_node *children;
    size_t count;
    uint8_t *key;         /* as a member of a JSON object: its name, quoted, and a colon */
    size_t key_size;
};

/* -- growing text -- */

void s2_text_free(s2_text *text)
{
    s2_free(text->data);
    *text = (s2_text){0};
}

/* Have room for `more` bytes. */
static inline bool reserve(s2_text *text, size_t more)
{
    if (S2_LIKELY(more <= text->room - text->size)) {
        return true;
    }
    size_t needed = s2_add(text->size, more);
    size_t room = s2_add(needed, needed / 2);
    uint8_t *data = s2_malloc(room < 4096 ? 4096 : room);
    if (!data) {
        return false;
    }
    if (text->size) {
        memcpy(data, text->data, text->size);
    }
    s2_free(text->data);
    text->data = data;
    text->room = room < 4096 ? 4096 : room;
    return true;
}

static inline bool put(s2_text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size)) {
        return false;
    }
    if (size) {
        memcpy(text->data + text->size, bytes, size);
        text->size += size;
    }
    return true;
}

static inline bool put_byte(s2_text *text, uint8_t byte)
{
    if (!reserve(text, 1)) {
        return false;
    }
    text->data[text->size++] = byte;
    return true;
}

/* Put bytes with those escaped that end fields and lines. */
static bool put_field(s2_text *text, const uint8_t *p, size_t size)
{
    if (!reserve(text, s2_mul(2, size))) {
        return false;
    }
    uint8_t *at = text->data + text->size;
    const uint8_t *end = p + size;
    while (p < end) {
        /* Sixteen bytes at a time while none of them needs it; compilers make this two or three
         * vector instructions. */
        while (end - p >= 16) {
            uint8_t special = 0;
            for (int i = 0; i < 16; i++) {
                special |= (uint8_t)((p[i] < 0x0E) | (p[i] == '\\'));
            }
            if (special) {
                break;
            }
            memcpy(at, p, 16);
            at += 16;
            p += 16;
        }
        const uint8_t *stop = end - p >= 16 ? p + 16 : end;
        for (; p < stop; p++) {
            uint8_t letter = *p;
            switch (*p) {
            case '\\':
                break;
            case '\t':
                letter = 't';
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
            default:
                *at++ = letter;
                continue;
            }
            *at++ = '\\';
            *at++ = letter;
        }
    }
    text->size = (size_t)(at - text->data);
    return true;
}

/* Put a JSON string, as Python's json.dumps(ensure_ascii=False) writes it. */
static bool put_json(s2_text *text, const uint8_t *p, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    if (!reserve(text, s2_add(s2_mul(6, size), 2))) {
        return false;
    }
    uint8_t *at = text->data + text->size;
    *at++ = '"';
    for (const uint8_t *end = p + size; p < end; p++) {
        uint8_t letter = 0;
        switch (*p) {
        case '"':
        case '\\':
            letter = *p;
            break;
        case '\b':
            letter = 'b';
            break;
        case '\f':
            letter = 'f';
            break;
        case '\n':
            letter = 'n';
            break;
        case '\r':
            letter = 'r';
            break;
        case '\t':
            letter = 't';
            break;
        default:
            if (*p >= 0x20) {
                *at++ = *p;
                continue;
            }
            memcpy(at, "\\u00", 4);
            at[4] = (uint8_t)hex[*p >> 4];
            at[5] = (uint8_t)hex[*p & 15];
            at += 6;
            continue;
        }
        *at++ = '\\';
        *at++ = letter;
    }
    *at++ = '"';
    text->size = (size_t)(at - text->data);
    return true;
}

static bool put_hex(s2_text *text, const uint8_t *p, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    if (!reserve(text, s2_mul(2, size))) {
        return false;
    }
    uint8_t *at = text->data + text->size;
    for (size_t i = 0; i < size; i++) {
        *at++ = (uint8_t)hex[p[i] >> 4];
        *at++ = (uint8_t)hex[p[i] & 15];
    }
    text->size = (size_t)(at - text->data);
    return true;
}

/* -- digits; each writes to memory with room enough and returns the end -- */

static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static inline uint8_t *pair(uint8_t *at, unsigned number)
{
    memcpy(at, PAIRS + 2 * number, 2);
    return at + 2;
}

/* At most 20 digits. */
static uint8_t *natural(uint8_t *at, uint64_t number)
{
    uint8_t digits[20];
    uint8_t *first = digits + sizeof digits;
    while (number >= 100) {
        first -= 2;
        memcpy(first, PAIRS + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        first -= 2;
        memcpy(first, PAIRS + 2 * number, 2);
    } else {
        *--first = (uint8_t)('0' + number);
    }
    size_t count = (size_t)(digits + sizeof digits - first);
    memcpy(at, first, count);
    return at + count;
}

static inline uint64_t magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

static uint8_t *integer(uint8_t *at, int64_t number)
{
    if (number < 0) {
        *at++ = '-';
    }
    return natural(at, magnitude(number));
}

/* YYYY-MM-DD of days after 1970-01-01; NULL outside the years 1 to 9999.
 * The algorithm is civil_from_days of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static uint8_t *calendar(uint8_t *at, int64_t days)
{
    if (days < -719162 || days > 2932896) {
        return NULL;
    }
    uint32_t shifted = (uint32_t)(days + 719468); /* after 0000-03-01 */
    uint32_t era = shifted / 146097;
    uint32_t day_of_era = shifted % 146097;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted_month = (5 * day_of_year + 2) / 153; /* from March */
    uint32_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    uint32_t year = year_of_era + era * 400 + (month <= 2);
    at = pair(at, year / 100);
    at = pair(at, year % 100);
    *at++ = '-';
    at = pair(at, month);
    *at++ = '-';
    return pair(at, day);
}

static inline uint8_t *minutes_and_seconds(uint8_t *at, unsigned second_of_hour, uint32_t micros)
{
    *at++ = ':';
    at = pair(at, second_of_hour / 60);
    *at++ = ':';
    at = pair(at, second_of_hour % 60);
    if (micros) {
        *at++ = '.';
        at = pair(at, micros / 10000);
        at = pair(at, micros / 100 % 100);
        at = pair(at, micros % 100);
    }
    return at;
}

/* Take units of time apart, rounding the seconds down.  False: there are nanoseconds. */
static inline bool take_apart(int64_t value, int64_t per_second, int64_t *seconds, uint32_t *micros)
{
    int64_t whole = value / per_second;
    int64_t rest = value % per_second;
    if (rest < 0) {
        rest += per_second;
        whole--;
    }
    *seconds = whole;
    if (per_second == 1000000000) {
        *micros = (uint32_t)(rest / 1000);
        return rest % 1000 == 0;
    }
    *micros = (uint32_t)(rest * (1000000 / per_second));
    return true;
}

/* Write a decimal of up to 256 bits, given as limbs, least significant first. */
#define DECIMAL_ROOM 96u

static size_t big_digits(uint64_t *limbs, size_t count, uint8_t *out)
{
    /* 19 digits at a time, the last ones first. */
    uint8_t digits[80];
    size_t written = 0;
    while (count && !limbs[count - 1]) {
        count--;
    }
    while (count) {
        s2_u128 rest = 0;
        for (size_t i = count; i-- > 0;) {
            s2_u128 part = (rest << 64) | limbs[i];
            limbs[i] = (uint64_t)(part / UINT64_C(10000000000000000000));
            rest = part % UINT64_C(10000000000000000000);
        }
        while (count && !limbs[count - 1]) {
            count--;
        }
        uint64_t piece = (uint64_t)rest;
        for (int i = 0; i < 19 && (count || piece); i++) {
            digits[written++] = (uint8_t)('0' + piece % 10);
            piece /= 10;
        }
    }
    for (size_t i = 0; i < written; i++) {
        out[i] = digits[written - 1 - i];
    }
    return written;
}

/* Put unscaled / 10^scale in fixed notation. */
static bool put_decimal(s2_text *text, const uint8_t *p, int64_t width, int scale)
{
    uint64_t limbs[4] = {0, 0, 0, 0};
    bool negative;
    size_t count = 1;
    if (width == 4) {
        int32_t value;
        memcpy(&value, p, 4);
        negative = value < 0;
        limbs[0] = magnitude(value);
    } else if (width == 8) {
        int64_t value;
        memcpy(&value, p, 8);
        negative = value < 0;
        limbs[0] = magnitude(value);
    } else {
        count = (size_t)width / 8;
        memcpy(limbs, p, (size_t)width);
        negative = limbs[count - 1] >> 63;
        bool carry = negative;
        for (size_t i = 0; negative && i < count; i++) {
            limbs[i] = ~limbs[i] + carry;
            carry = carry && !limbs[i];
        }
    }
    uint8_t digits[80];
    size_t size;
    bool small = true;
    for (size_t i = 1; i < count; i++) {
        small = small && !limbs[i];
    }
    if (small) {
        size = limbs[0] ? (size_t)(natural(digits, limbs[0]) - digits) : 0;
    } else {
        size = big_digits(limbs, count, digits);
    }
    size_t decimals = scale > 0 ? (size_t)scale : 0;
    size_t zeros = scale < 0 && size ? (size_t)-scale : 0;
    if (!reserve(text, size + decimals + zeros + 4)) {
        return false;
    }
    uint8_t *at = text->data + text->size;
    if (negative) {
        *at++ = '-';
    }
    size_t whole = size > decimals ? size - decimals : 0;
    if (!whole) {
        *at++ = '0';
    }
    memcpy(at, digits, whole);
    at += whole;
    memset(at, '0', zeros);
    at += zeros;
    if (decimals) {
        *at++ = '.';
        size_t missing = size < decimals ? decimals - size : 0;
        memset(at, '0', missing);
        at += missing;
        memcpy(at, digits + whole, size - whole);
        at += size - whole;
    }
    text->size = (size_t)(at - text->data);
    return true;
}

static double half(uint16_t bits)
{
    uint64_t sign = (uint64_t)(bits >> 15) << 63;
    uint64_t exponent = (bits >> 10) & 31;
    uint64_t fraction = bits & 1023;
    if (!exponent) { /* 0 and subnormal: a multiple of 2^-24 */
        double value = (double)fraction / 16777216.0;
        return sign ? -value : value;
    }
    exponent = exponent == 31 ? 2047 : exponent - 15 + 1023;
    uint64_t wide = sign | exponent << 52 | fraction << 42;
    double value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* -- the schema -- */

static void clear_node(s2_tsv_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        clear_node(&node->children[i]);
    }
    s2_free(node->children);
    if (node->dictionary) {
        clear_node(node->dictionary);
        s2_free(node->dictionary);
    }
    s2_free(node->key);
}

static int64_t units(char letter)
{
    switch (letter) {
    case 's':
        return 1;
    case 'm':
        return 1000;
    case 'u':
        return 1000000;
    default:
        return 1000000000;
    }
}

/* Read a number of at most 9 digits; NULL when there is none. */
static const char *read_number(const char *p, int *number)
{
    bool negative = *p == '-';
    p += negative;
    if (*p < '0' || *p > '9') {
        return NULL;
    }
    *number = 0;
    for (int i = 0; *p >= '0' && *p <= '9'; i++) {
        if (i == 9) {
            return NULL;
        }
        *number = *number * 10 + (*p++ - '0');
    }
    *number = negative ? -*number : *number;
    return p;
}

/* Fill in the kind of a format without children.  False when it has no text. */
static bool read_scalar(s2_tsv_node *node, const char *format)
{
    static const char letters[] = "nbcCsSiIlLefguUzZ";
    static const node_kind kinds[] = {
        NODE_NULL,   NODE_BOOL,   NODE_I8,           NODE_U8,     NODE_I16,         NODE_U16,
        NODE_I32,    NODE_U32,    NODE_I64,          NODE_U64,    NODE_HALF,        NODE_FLOAT,
        NODE_DOUBLE, NODE_STRING, NODE_LARGE_STRING, NODE_BINARY, NODE_LARGE_BINARY};
    const char *found = *format ? strchr(letters, *format) : NULL;
    if (found && !format[1]) {
        node->kind = kinds[found - letters];
        node->buffers = *format == 'n' ? 0 : strchr("uUzZ", *format) ? 3 : 2;
        return true;
    }
    node->buffers = 2;
    if (!strncmp(format, "d:", 2)) {
        int precision, bits = 128;
        const char *p = read_number(format + 2, &precision);
        p = p && *p == ',' ? read_number(p + 1, &node->scale) : NULL;
        if (p && *p == ',') {
            p = read_number(p + 1, &bits);
        }
        node->kind = NODE_DECIMAL;
        node->width = bits / 8;
        return p && !*p && node->scale >= -1000 && node->scale <= 1000 &&
               (bits == 32 || bits == 64 || bits == 128 || bits == 256);
    }
    if (!strcmp(format, "vu") || !strcmp(format, "vz")) {
        node->kind = format[1] == 'u' ? NODE_STRING_VIEW : NODE_BINARY_VIEW;
        node->buffers = 3;
        return true;
    }
    int width;
    if (!strncmp(format, "w:", 2)) {
        const char *p = read_number(format + 2, &width);
        node->kind = NODE_FIXED_BINARY;
        node->width = p ? width : 0;
        return p && !*p && width >= 0;
    }
    if (!strcmp(format, "tdD")) {
        node->kind = NODE_DATE32;
        return true;
    }
    if (!strcmp(format, "tdm")) {
        node->kind = NODE_DATE64;
        return true;
    }
    if (format[0] != 't' || !format[1] || !format[2] || !strchr("smun", format[2])) {
        return false;
    }
    node->per_second = units(format[2]);
    if (format[1] == 's' && format[3] == ':') {
        node->kind = NODE_TIMESTAMP;
        return true;
    }
    if ((format[1] == 't' || format[1] == 'D') && !format[3]) {
        bool narrow = format[1] == 't' && node->per_second <= 1000;
        node->kind = narrow ? NODE_SPAN32 : NODE_SPAN64;
        return true;
    }
    return false;
}

static bool is_index(node_kind kind)
{
    return kind >= NODE_I8 && kind <= NODE_U64;
}

static bool is_binary(const s2_tsv_node *node)
{
    return node->kind >= NODE_BINARY && node->kind <= NODE_FIXED_BINARY;
}

/* Fill in a node; `is_json` inside of nested types.  What was filled in is for clear_node. */
static s2_status read_schema(s2_tsv_node *node, const struct ArrowSchema *schema, int depth)
{
    if (depth > MOST_DEPTH) {
        return S2_REFUSED;
    }
    const char *format = schema->format;
    int size;
    if (read_scalar(node, format)) {
        if (is_binary(node) && depth > 1) {
            return S2_REFUSED; /* there is no JSON for it */
        }
        if (!schema->dictionary) {
            return S2_OK;
        }
        if (!is_index(node->kind)) {
            return S2_REFUSED;
        }
        s2_tsv_node *dictionary = s2_malloc(sizeof *dictionary);
        if (!dictionary) {
            return S2_NO_MEMORY;
        }
        *dictionary = (s2_tsv_node){0};
        node->dictionary = dictionary;
        return read_schema(dictionary, schema->dictionary, depth);
    }
    size_t expected = 1;
    node->buffers = 2;
    if (!strcmp(format, "+s")) {
        node->kind = NODE_STRUCT;
        node->buffers = 1;
        expected = (size_t)schema->n_children;
    } else if (!strcmp(format, "+l")) {
        node->kind = NODE_LIST;
    } else if (!strcmp(format, "+L")) {
        node->kind = NODE_LARGE_LIST;
    } else if (!strcmp(format, "+vl") || !strcmp(format, "+vL")) {
        node->kind = format[2] == 'l' ? NODE_LIST_VIEW : NODE_LARGE_LIST_VIEW;
        node->buffers = 3;
    } else if (!strcmp(format, "+m")) {
        node->kind = NODE_MAP;
    } else if (!strncmp(format, "+w:", 3)) {
        const char *p = read_number(format + 3, &size);
        if (!p || *p || size < 0) {
            return S2_REFUSED;
        }
        node->kind = NODE_FIXED_LIST;
        node->width = size;
        node->buffers = 1;
    } else {
        return S2_REFUSED;
    }
    if (schema->n_children < 0 || (size_t)schema->n_children != expected) {
        return S2_REFUSED;
    }
    node->children = s2_malloc(s2_mul(expected ? expected : 1, sizeof *node->children));
    if (!node->children) {
        return S2_NO_MEMORY;
    }
    memset(node->children, 0, expected * sizeof *node->children);
    node->count = expected;
    for (size_t i = 0; i < expected; i++) {
        s2_tsv_node *child = &node->children[i];
        s2_status status = read_schema(child, schema->children[i], depth + 1);
        if (status != S2_OK) {
            return status;
        }
        if (node->kind == NODE_STRUCT) {
            const char *name = schema->children[i]->name;
            s2_text key = {0};
            if (!put_json(&key, (const uint8_t *)(name ? name : ""), name ? strlen(name) : 0) ||
                !put_byte(&key, ':')) {
                s2_text_free(&key);
                return S2_NO_MEMORY;
            }
            child->key = key.data;
            child->key_size = key.size;
        }
    }
    if (node->kind == NODE_MAP &&
        (node->children[0].kind != NODE_STRUCT || node->children[0].count != 2)) {
        return S2_REFUSED;
    }
    return S2_OK;
}

s2_status s2_tsv_init(s2_tsv *tsv, const struct ArrowSchema *schema)
{
    *tsv = (s2_tsv){0};
    tsv->root = s2_malloc(sizeof *tsv->root);
    if (!tsv->root) {
        return S2_NO_MEMORY;
    }
    *tsv->root = (s2_tsv_node){0};
    s2_status status = read_schema(tsv->root, schema, 0);
    if (status == S2_OK && (tsv->root->kind != NODE_STRUCT || tsv->root->dictionary)) {
        status = S2_REFUSED;
    }
    tsv->is_single = tsv->root->count == 1;
    return status;
}

void s2_tsv_clear(s2_tsv *tsv)
{
    if (tsv->root) {
        clear_node(tsv->root);
        s2_free(tsv->root);
    }
    s2_text_free(&tsv->out);
    s2_text_free(&tsv->scratch);
    *tsv = (s2_tsv){0};
}

static bool fits(const s2_tsv_node *node, const struct ArrowArray *array)
{
    if (array->length < 0 || array->offset < 0 || array->n_buffers < node->buffers ||
        array->n_children < 0 || (size_t)array->n_children != node->count ||
        (node->dictionary && !array->dictionary)) {
        return false;
    }
    for (int64_t i = 1; array->length && i < node->buffers && i < 2; i++) {
        if (!array->buffers[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!fits(&node->children[i], array->children[i])) {
            return false;
        }
    }
    return !node->dictionary || fits(node->dictionary, array->dictionary);
}

bool s2_tsv_fits(const s2_tsv *tsv, const struct ArrowArray *batch)
{
    return fits(tsv->root, batch);
}

/* -- values -- */

/* How writing a value ended. */
typedef enum {
    CELL_DONE,
    CELL_NULL, /* nothing was written */
    CELL_REFUSED,
    CELL_NO_MEMORY,
} cell;

static inline bool is_set(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i >> 3] >> (i & 7) & 1;
}

#define LOAD(type, array, row)                                                                     \
    __extension__({                                                                                \
        type loaded;                                                                               \
        memcpy(&loaded, (const uint8_t *)(array)->buffers[1] + (size_t)(row) * sizeof(type),       \
               sizeof loaded);                                                                     \
        loaded;                                                                                    \
    })

static inline cell refuse(s2_tsv *tsv, s2_tsv_reason reason)
{
    tsv->reason = reason;
    return CELL_REFUSED;
}

static cell put_number(s2_tsv *tsv, s2_text *text, double number)
{
    if (S2_UNLIKELY(number != number)) {
        return tsv->nan_as_null ? CELL_NULL : refuse(tsv, S2_TSV_NAN);
    }
    if (S2_UNLIKELY(number - number != 0)) {
        return tsv->inf_as_null ? CELL_NULL : refuse(tsv, S2_TSV_INFINITE);
    }
    if (!reserve(text, S2_SHORTEST_SIZE)) {
        return CELL_NO_MEMORY;
    }
    text->size += s2_shortest(number, text->data + text->size);
    return CELL_DONE;
}

/* Put a date or a time, in quotes for JSON. */
static cell put_moment(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                       const struct ArrowArray *array, int64_t row, bool json)
{
    if (!reserve(text, 64)) {
        return CELL_NO_MEMORY;
    }
    uint8_t *at = text->data + text->size;
    if (json) {
        *at++ = '"';
    }
    int64_t seconds;
    uint32_t micros;
    switch (node->kind) {
    case NODE_DATE32:
        at = calendar(at, LOAD(int32_t, array, row));
        break;
    case NODE_DATE64: {
        int64_t millis = LOAD(int64_t, array, row);
        int64_t days = millis / 86400000;
        at = calendar(at, days - (millis % 86400000 < 0));
        break;
    }
    case NODE_TIMESTAMP: {
        if (!take_apart(LOAD(int64_t, array, row), node->per_second, &seconds, &micros)) {
            return refuse(tsv, S2_TSV_LOSSY);
        }
        int64_t days = seconds / SECONDS_PER_DAY;
        int64_t clock = seconds % SECONDS_PER_DAY;
        if (clock < 0) {
            clock += SECONDS_PER_DAY;
            days--;
        }
        at = calendar(at, days);
        if (at) {
            *at++ = ' ';
            at = pair(at, (unsigned)clock / 3600);
            at = minutes_and_seconds(at, (unsigned)clock % 3600, micros);
        }
        break;
    }
    default: {
        int64_t value = node->kind == NODE_SPAN32 ? LOAD(int32_t, array, row)
                                                  : LOAD(int64_t, array, row);
        uint64_t size = magnitude(value);
        uint64_t per_second = (uint64_t)node->per_second;
        uint64_t whole = size / per_second;
        uint64_t rest = size % per_second;
        if (per_second == 1000000000) {
            if (rest % 1000) {
                return refuse(tsv, S2_TSV_LOSSY);
            }
            rest /= 1000;
        } else {
            rest *= 1000000 / per_second;
        }
        if (value < 0) {
            *at++ = '-';
        }
        uint64_t hours = whole / 3600;
        at = hours < 100 ? pair(at, (unsigned)hours) : natural(at, hours);
        at = minutes_and_seconds(at, (unsigned)(whole % 3600), (uint32_t)rest);
    }
    }
    if (!at) {
        return refuse(tsv, S2_TSV_RANGE);
    }
    if (json) {
        *at++ = '"';
    }
    text->size = (size_t)(at - text->data);
    return CELL_DONE;
}

/* Find the bytes of a text or binary value.  False: its offsets point backwards. */
static bool find_bytes(const s2_tsv_node *node, const struct ArrowArray *array, int64_t row,
                       const uint8_t **p, size_t *size)
{
    int64_t first, end;
    const uint8_t *values = array->buffers[1];
    switch (node->kind) {
    case NODE_STRING:
    case NODE_BINARY:
        first = LOAD(int32_t, array, row);
        end = LOAD(int32_t, array, row + 1);
        break;
    case NODE_LARGE_STRING:
    case NODE_LARGE_BINARY:
        first = LOAD(int64_t, array, row);
        end = LOAD(int64_t, array, row + 1);
        break;
    case NODE_FIXED_BINARY:
        *p = values + (size_t)row * (size_t)node->width;
        *size = (size_t)node->width;
        return true;
    default: {
        const uint8_t *view = values + (size_t)row * 16;
        int32_t length, buffer, offset;
        memcpy(&length, view, 4);
        if (length < 0) {
            return false;
        }
        *size = (size_t)length;
        if (length <= 12) {
            *p = view + 4;
            return true;
        }
        memcpy(&buffer, view + 8, 4);
        memcpy(&offset, view + 12, 4);
        /* The last buffer has the sizes of the others. */
        if (buffer < 0 || offset < 0 || buffer >= array->n_buffers - 3) {
            return false;
        }
        *p = (const uint8_t *)array->buffers[2 + buffer] + offset;
        return true;
    }
    }
    if (first < 0 || end < first) {
        return false;
    }
    *size = (size_t)(end - first);
    *p = *size ? (const uint8_t *)array->buffers[2] + first : values;
    return true;
}

static cell put_value(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                      const struct ArrowArray *array, int64_t row, bool json);

/* Put a value inside of JSON. */
static cell put_member(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                       const struct ArrowArray *array, int64_t row)
{
    cell done = put_value(tsv, text, node, array, row, true);
    if (done == CELL_NULL) {
        return put(text, "null", 4) ? CELL_DONE : CELL_NO_MEMORY;
    }
    return done;
}

static cell put_struct(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                       const struct ArrowArray *array, int64_t row)
{
    bool fine = put_byte(text, '{');
    for (size_t i = 0; fine && i < node->count; i++) {
        const s2_tsv_node *child = &node->children[i];
        const struct ArrowArray *values = array->children[i];
        fine = (!i || put_byte(text, ',')) && put(text, child->key, child->key_size);
        if (fine) {
            cell done = put_member(tsv, text, child, values, values->offset + row);
            if (done != CELL_DONE) {
                return done;
            }
        }
    }
    return fine && put_byte(text, '}') ? CELL_DONE : CELL_NO_MEMORY;
}

static cell put_entry(s2_tsv *tsv, s2_text *text, const s2_tsv_node *entry,
                      const struct ArrowArray *entries, int64_t row)
{
    const struct ArrowArray *keys = entries->children[0];
    const struct ArrowArray *values = entries->children[1];
    size_t start = text->size;
    if (!put_byte(text, '"')) {
        return CELL_NO_MEMORY;
    }
    cell done = put_member(tsv, text, &entry->children[0], keys, keys->offset + row);
    if (done != CELL_DONE) {
        return done;
    }
    if (text->data[start + 1] == '"') { /* text brings its own quotes */
        memmove(text->data + start, text->data + start + 1, text->size - start - 1);
        text->size--;
    } else if (!put_byte(text, '"')) {
        return CELL_NO_MEMORY;
    }
    if (!put_byte(text, ':')) {
        return CELL_NO_MEMORY;
    }
    return put_member(tsv, text, &entry->children[1], values, values->offset + row);
}

static cell put_list(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                     const struct ArrowArray *array, int64_t row)
{
    int64_t first, count;
    switch (node->kind) {
    case NODE_FIXED_LIST:
        first = row * node->width;
        count = node->width;
        break;
    case NODE_LARGE_LIST:
        first = LOAD(int64_t, array, row);
        count = LOAD(int64_t, array, row + 1) - first;
        break;
    case NODE_LIST_VIEW: {
        int32_t size;
        memcpy(&size, (const uint8_t *)array->buffers[2] + (size_t)row * 4, 4);
        first = LOAD(int32_t, array, row);
        count = size;
        break;
    }
    case NODE_LARGE_LIST_VIEW:
        first = LOAD(int64_t, array, row);
        memcpy(&count, (const uint8_t *)array->buffers[2] + (size_t)row * 8, 8);
        break;
    default:
        first = LOAD(int32_t, array, row);
        count = (int64_t)LOAD(int32_t, array, row + 1) - first;
    }
    if (first < 0 || count < 0) {
        return refuse(tsv, S2_TSV_MALFORMED);
    }
    const s2_tsv_node *child = &node->children[0];
    const struct ArrowArray *values = array->children[0];
    bool is_map = node->kind == NODE_MAP;
    bool fine = put_byte(text, is_map ? '{' : '[');
    for (int64_t i = 0; fine && i < count; i++) {
        fine = !i || put_byte(text, ',');
        if (fine) {
            int64_t at = values->offset + first + i;
            cell done = is_map ? put_entry(tsv, text, child, values, at)
                               : put_member(tsv, text, child, values, at);
            if (done != CELL_DONE) {
                return done;
            }
        }
    }
    return fine && put_byte(text, is_map ? '}' : ']') ? CELL_DONE : CELL_NO_MEMORY;
}

static bool index_of(const s2_tsv_node *node, const struct ArrowArray *array, int64_t row,
                     int64_t *index)
{
    switch (node->kind) {
    case NODE_I8:
        *index = LOAD(int8_t, array, row);
        break;
    case NODE_U8:
        *index = LOAD(uint8_t, array, row);
        break;
    case NODE_I16:
        *index = LOAD(int16_t, array, row);
        break;
    case NODE_U16:
        *index = LOAD(uint16_t, array, row);
        break;
    case NODE_I32:
        *index = LOAD(int32_t, array, row);
        break;
    case NODE_U32:
        *index = LOAD(uint32_t, array, row);
        break;
    default:
        *index = LOAD(int64_t, array, row);
    }
    return *index >= 0 && *index < array->dictionary->length;
}

/* Put the value at a row of the array's buffers, its offset included. */
static cell put_value(s2_tsv *tsv, s2_text *text, const s2_tsv_node *node,
                      const struct ArrowArray *array, int64_t row, bool json)
{
    if (node->kind == NODE_NULL) {
        return CELL_NULL;
    }
    if (array->null_count && array->buffers[0] && !is_set(array->buffers[0], row)) {
        return CELL_NULL;
    }
    if (node->dictionary) {
        int64_t index;
        if (!index_of(node, array, row, &index)) {
            return refuse(tsv, S2_TSV_MALFORMED);
        }
        const struct ArrowArray *words = array->dictionary;
        return put_value(tsv, text, node->dictionary, words, words->offset + index, json);
    }
    uint8_t digits[24];
    uint8_t *end;
    switch (node->kind) {
    case NODE_BOOL: {
        bool value = is_set(array->buffers[1], row);
        if (json) {
            return put(text, value ? "true" : "false", value ? 4 : 5) ? CELL_DONE : CELL_NO_MEMORY;
        }
        return put_byte(text, value ? '1' : '0') ? CELL_DONE : CELL_NO_MEMORY;
    }
    case NODE_I8:
        end = integer(digits, LOAD(int8_t, array, row));
        break;
    case NODE_U8:
        end = natural(digits, LOAD(uint8_t, array, row));
        break;
    case NODE_I16:
        end = integer(digits, LOAD(int16_t, array, row));
        break;
    case NODE_U16:
        end = natural(digits, LOAD(uint16_t, array, row));
        break;
    case NODE_I32:
        end = integer(digits, LOAD(int32_t, array, row));
        break;
    case NODE_U32:
        end = natural(digits, LOAD(uint32_t, array, row));
        break;
    case NODE_I64:
        end = integer(digits, LOAD(int64_t, array, row));
        break;
    case NODE_U64:
        end = natural(digits, LOAD(uint64_t, array, row));
        break;
    case NODE_HALF:
        return put_number(tsv, text, half(LOAD(uint16_t, array, row)));
    case NODE_FLOAT:
        return put_number(tsv, text, (double)LOAD(float, array, row));
    case NODE_DOUBLE:
        return put_number(tsv, text, LOAD(double, array, row));
    case NODE_DECIMAL: {
        const uint8_t *value =
            (const uint8_t *)array->buffers[1] + (size_t)row * (size_t)node->width;
        return put_decimal(text, value, node->width, node->scale) ? CELL_DONE : CELL_NO_MEMORY;
    }
    case NODE_DATE32:
    case NODE_DATE64:
    case NODE_TIMESTAMP:
    case NODE_SPAN32:
    case NODE_SPAN64:
        return put_moment(tsv, text, node, array, row, json);
    case NODE_STRING:
    case NODE_LARGE_STRING:
    case NODE_STRING_VIEW: {
        const uint8_t *p;
        size_t size;
        if (!find_bytes(node, array, row, &p, &size)) {
            return refuse(tsv, S2_TSV_MALFORMED);
        }
        if (!s2_utf8(p, size)) {
            return refuse(tsv, S2_TSV_NOT_UTF8);
        }
        return (json ? put_json(text, p, size) : put_field(text, p, size)) ? CELL_DONE
                                                                           : CELL_NO_MEMORY;
    }
    case NODE_BINARY:
    case NODE_LARGE_BINARY:
    case NODE_BINARY_VIEW:
    case NODE_FIXED_BINARY: {
        const uint8_t *p;
        size_t size;
        if (!find_bytes(node, array, row, &p, &size)) {
            return refuse(tsv, S2_TSV_MALFORMED);
        }
        return put_hex(text, p, size) ? CELL_DONE : CELL_NO_MEMORY;
    }
    case NODE_STRUCT:
        return put_struct(tsv, text, node, array, row);
    default:
        return put_list(tsv, text, node, array, row);
    }
    return put(text, digits, (size_t)(end - digits)) ? CELL_DONE : CELL_NO_MEMORY;
}

/* Put a column's value as a field. */
static inline cell put_cell(s2_tsv *tsv, const s2_tsv_node *node, const struct ArrowArray *array,
                            int64_t row)
{
    const s2_tsv_node *values = node->dictionary ? node->dictionary : node;
    if (S2_LIKELY(values->kind < NODE_STRUCT)) {
        return put_value(tsv, &tsv->out, node, array, row, false);
    }
    tsv->scratch.size = 0;
    cell done = put_value(tsv, &tsv->scratch, node, array, row, true);
    if (done != CELL_DONE) {
        return done;
    }
    return put_field(&tsv->out, tsv->scratch.data, tsv->scratch.size) ? CELL_DONE : CELL_NO_MEMORY;
}

s2_status s2_tsv_rows(s2_tsv *tsv, const struct ArrowArray *batch, int64_t *row, size_t size)
{
    const s2_tsv_node *root = tsv->root;
    while (*row < batch->length && tsv->out.size < size) {
        for (size_t i = 0; i < root->count; i++) {
            const struct ArrowArray *array = batch->children[i];
            int64_t at = array->offset + batch->offset + *row;
            cell done = put_cell(tsv, &root->children[i], array, at);
            if (S2_UNLIKELY(done != CELL_DONE)) {
                if (done == CELL_REFUSED) {
                    tsv->column = i;
                    return S2_REFUSED;
                }
                if (done == CELL_NO_MEMORY || !put(&tsv->out, "\\N", 2)) {
                    return S2_NO_MEMORY;
                }
            }
            if (!put_byte(&tsv->out, i + 1 < root->count || tsv->is_single ? '\t' : '\n')) {
                return S2_NO_MEMORY;
            }
        }
        if (tsv->is_single && !put_byte(&tsv->out, '\n')) {
            return S2_NO_MEMORY;
        }
        ++*row;
    }
    return S2_OK;
}
