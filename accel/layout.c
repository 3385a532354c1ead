#include "layout.h"

#include "vectors.h"

/* Arrow's decimal types have at most 38 and 76 digits. */
#define DECIMAL128_DIGITS 38
#define DECIMAL256_DIGITS 76
/* A vector of more bytes is not laid out: its rows would not fit a batch. */
#define VECTOR_BYTES_MOST ((size_t)1 << 20)

s2_layout *s2_layout_new(size_t count)
{
    size_t size = s2_add(sizeof(s2_layout), s2_mul(count, sizeof(s2_column)));
    s2_layout *layout = s2_malloc(size);
    if (layout) {
        memset(layout, 0, size);
        atomic_init(&layout->references, 1);
        layout->count = count;
        for (size_t i = 0; i < count; i++) {
            layout->columns[i].kind = S2_NULL;
        }
    }
    return layout;
}

s2_layout *s2_layout_retain(s2_layout *layout)
{
    atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
    return layout;
}

void s2_layout_release(s2_layout *layout)
{
    if (atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < layout->count; i++) {
        s2_free(layout->columns[i].name);
        s2_free(layout->columns[i].format);
    }
    s2_free(layout);
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = s2_malloc(size);
    if (copy) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* Read digits at `*p`, at most `most`; false when there are none or they are more. */
static bool read_number(const char **p, size_t most, size_t *value)
{
    const char *start = *p;
    size_t number = 0;
    while (**p >= '0' && **p <= '9') {
        number = number * 10 + (size_t)(*(*p)++ - '0');
        if (number > most) {
            return false;
        }
    }
    *value = number;
    return *p != start;
}

/* d:precision,scale or d:precision,scale,256 */
static bool set_decimal(s2_column *column, const char *format)
{
    const char *p = format + 2;
    if (!read_number(&p, DECIMAL256_DIGITS, &column->precision) || *p++ != ',' ||
        !read_number(&p, column->precision, &column->scale) || column->precision == 0) {
        return false;
    }
    bool wide = strcmp(p, ",256") == 0;
    if (!wide && (*p || column->precision > DECIMAL128_DIGITS)) {
        return false;
    }
    column->kind = wide ? S2_DECIMAL256 : S2_DECIMAL128;
    column->width = wide ? 32 : 16;
    return true;
}

/* +w:dimension */
static bool set_vector(s2_column *column, const char *format, const char *item, s2_wire wire)
{
    const char *p = format + 3;
    size_t width = item[0] && !item[1] ? s2_element_width(item[0]) : 0;
    if (!width || wire == S2_AS_TEXT || !read_number(&p, VECTOR_BYTES_MOST, &column->dimension) ||
        *p || column->dimension == 0) {
        return false;
    }
    column->element = item[0];
    column->width = column->dimension * width;
    column->kind = wire == S2_AS_JSON ? S2_VECTOR_JSON : S2_VECTOR;
    return column->width <= VECTOR_BYTES_MOST;
}

static bool set_kind(s2_column *column, const char *format, const char *item, s2_wire wire)
{
    static const struct {
        char format[5];
        s2_kind kind;
        size_t width;
    } plain[] = {
        {"c", S2_INT8, 1},     {"s", S2_INT16, 2},       {"i", S2_INT32, 4},
        {"l", S2_INT64, 8},    {"C", S2_UINT8, 1},       {"S", S2_UINT16, 2},
        {"I", S2_UINT32, 4},   {"L", S2_UINT64, 8},      {"f", S2_FLOAT, 4},
        {"g", S2_DOUBLE, 8},   {"tdD", S2_DATE, 4},      {"tsu:", S2_TIMESTAMP, 8},
        {"tDu", S2_DURATION, 8}, {"n", S2_NULL, 0},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(format, plain[i].format) == 0) {
            column->kind = plain[i].kind;
            column->width = plain[i].width;
            return true;
        }
    }
    if (strcmp(format, "u") == 0 || strcmp(format, "z") == 0) {
        column->kind = wire == S2_AS_TEXT ? S2_TEXT : S2_BYTES;
        return wire == S2_AS_TEXT || *format == 'z';
    }
    if (strncmp(format, "d:", 2) == 0) {
        return set_decimal(column, format);
    }
    if (strncmp(format, "+w:", 3) == 0) {
        return set_vector(column, format, item, wire);
    }
    return false;
}

bool s2_layout_set(s2_layout *layout, size_t index, const char *name, const char *format,
                   const char *item, s2_wire wire, bool *understood)
{
    s2_column *column = &layout->columns[index];
    *understood = set_kind(column, format, item, wire);
    if (!*understood) {
        return false;
    }
    column->name = copy_of(name);
    column->format = copy_of(format);
    if (!column->name || !column->format) {
        return false;
    }
    bool offsets = s2_has_offsets(column->kind);
    layout->has_offsets |= offsets;
    layout->row_width = s2_add(layout->row_width, offsets ? sizeof(int32_t) : column->width);
    return true;
}
