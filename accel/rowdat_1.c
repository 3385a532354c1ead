#include "rowdat_1.h"

#include "text.h"

static s2_status refuse(s2_rowdat_fault *fault, s2_rowdat_reason reason, size_t row, size_t column)
{
    *fault = (s2_rowdat_fault){reason, row, column};
    return S2_MALFORMED;
}

static inline int64_t load_int64(const void *p)
{
    int64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* Copy a value; compilers make each case one move. */
static inline void copy(uint8_t *to, const void *from, uint8_t width)
{
    switch (width) {
    case 1:
        memcpy(to, from, 1);
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    default:
        memcpy(to, from, 8);
    }
}

/* Take one cell.  Measuring adds up `size`, storing fills the buffers at `row`. */
static inline s2_rowdat_reason take_cell(const uint8_t **at, const uint8_t *end,
                                         s2_rowdat_column *column, size_t row, bool stores)
{
    const uint8_t *p = *at;
    size_t fixed = column->width ? column->width : 8u;
    /* The byte is looked at first, so that a body that is not of these types is told as such. */
    if (S2_UNLIKELY(p == end)) {
        return S2_ROWDAT_BROKEN_OFF;
    }
    uint8_t null = *p++;
    if (S2_UNLIKELY(null > 1)) {
        return S2_ROWDAT_NULL;
    }
    if (S2_UNLIKELY(fixed > (size_t)(end - p))) {
        return S2_ROWDAT_BROKEN_OFF;
    }
    if (stores) {
        column->nulls[row] = null;
    }
    if (column->width) {
        if (stores) {
            copy(column->values + row * fixed, null ? (const void *)&column->filler : p,
                 column->width);
        }
        *at = p + fixed;
        return S2_ROWDAT_FINE;
    }
    int64_t length = load_int64(p);
    p += 8;
    if (S2_UNLIKELY(length < 0)) {
        return S2_ROWDAT_LENGTH;
    }
    if (S2_UNLIKELY((uint64_t)length > (size_t)(end - p))) {
        return S2_ROWDAT_BROKEN_OFF;
    }
    size_t taken = null ? 0 : (size_t)length;
    if (stores) {
        if (S2_UNLIKELY(taken > column->size - column->used)) {
            return S2_ROWDAT_CHANGED;
        }
        if (taken) {
            memcpy(column->values + column->used, p, taken);
        }
        column->used += taken;
        column->offsets[row + 1] = (int64_t)column->used;
    } else {
        column->size += taken; /* the sum is at most the size of the body */
    }
    *at = p + length;
    return S2_ROWDAT_FINE;
}

s2_status s2_rowdat_measure(const uint8_t *body, size_t size, s2_rowdat_column *columns,
                            size_t count, size_t *rows, s2_rowdat_fault *fault)
{
    const uint8_t *p = body, *end = body + size;
    size_t row = 0;
    for (size_t i = 0; i < count; i++) {
        columns[i].size = 0;
    }
    for (; p != end; row++) {
        if (S2_UNLIKELY((size_t)(end - p) < 8)) {
            return refuse(fault, S2_ROWDAT_BROKEN_OFF, row, SIZE_MAX);
        }
        p += 8;
        for (size_t i = 0; i < count; i++) {
            s2_rowdat_reason reason = take_cell(&p, end, &columns[i], row, false);
            if (S2_UNLIKELY(reason)) {
                return refuse(fault, reason, row, i);
            }
        }
    }
    *rows = row;
    return S2_OK;
}

/* Hold the texts of a column to UTF-8. */
static s2_status check_text(const s2_rowdat_column *column, size_t number, size_t rows,
                            s2_rowdat_fault *fault)
{
    if (s2_ascii_prefix(column->values, column->size) == column->size) {
        return S2_OK;
    }
    for (size_t row = 0; row < rows; row++) {
        int64_t start = column->offsets[row];
        if (!s2_utf8(column->values + start, (size_t)(column->offsets[row + 1] - start))) {
            return refuse(fault, S2_ROWDAT_NOT_UTF8, row, number);
        }
    }
    return S2_OK;
}

s2_status s2_rowdat_decode(const uint8_t *body, size_t size, s2_rowdat_column *columns,
                           size_t count, size_t rows, int64_t *row_ids, s2_rowdat_fault *fault)
{
    const uint8_t *p = body, *end = body + size;
    for (size_t i = 0; i < count; i++) {
        columns[i].used = 0;
        if (!columns[i].width) {
            columns[i].offsets[0] = 0;
        }
    }
    for (size_t row = 0; row < rows; row++) {
        if (S2_UNLIKELY((size_t)(end - p) < 8)) {
            return refuse(fault, S2_ROWDAT_CHANGED, row, SIZE_MAX);
        }
        row_ids[row] = load_int64(p);
        p += 8;
        for (size_t i = 0; i < count; i++) {
            s2_rowdat_reason reason = take_cell(&p, end, &columns[i], row, true);
            if (S2_UNLIKELY(reason)) {
                return refuse(fault, S2_ROWDAT_CHANGED, row, i);
            }
        }
    }
    if (S2_UNLIKELY(p != end)) {
        return refuse(fault, S2_ROWDAT_CHANGED, rows, SIZE_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (S2_UNLIKELY(!columns[i].width && columns[i].used != columns[i].size)) {
            return refuse(fault, S2_ROWDAT_CHANGED, rows, i);
        }
        if (columns[i].is_text && check_text(&columns[i], i, rows, fault) != S2_OK) {
            return S2_MALFORMED;
        }
    }
    return S2_OK;
}

static inline bool is_null(const s2_rowdat_column *column, size_t row)
{
    return column->nulls && column->nulls[row];
}

/* Find the data of a cell that is not NULL; false when its offsets are none. */
static inline bool find_data(const s2_rowdat_column *column, size_t row, const uint8_t **data,
                             size_t *length)
{
    int64_t start = column->offsets[row], stop = column->offsets[row + 1];
    if (S2_UNLIKELY(start < 0 || stop < start || (uint64_t)stop > column->size)) {
        return false;
    }
    *data = column->values + start;
    *length = (size_t)(stop - start);
    return true;
}

s2_status s2_rowdat_room(const s2_rowdat_column *columns, size_t count, size_t rows, size_t *size,
                         s2_rowdat_fault *fault)
{
    size_t stride = 8, data = 0;
    for (size_t i = 0; i < count; i++) {
        stride = s2_add(stride, 1u + (columns[i].width ? columns[i].width : 8u));
        for (size_t row = 0; !columns[i].width && row < rows; row++) {
            const uint8_t *start;
            size_t length = 0;
            if (is_null(&columns[i], row)) {
                continue;
            }
            if (!find_data(&columns[i], row, &start, &length)) {
                return refuse(fault, S2_ROWDAT_OFFSETS, row, i);
            }
            data = s2_add(data, length);
        }
    }
    *size = s2_add(s2_mul(stride, rows), data);
    return *size > PTRDIFF_MAX ? S2_NO_MEMORY : S2_OK;
}

s2_status s2_rowdat_encode(const s2_rowdat_column *columns, size_t count, size_t rows,
                           const int64_t *row_ids, uint8_t *body, size_t size,
                           s2_rowdat_fault *fault)
{
    uint8_t *p = body, *end = body + size;
    for (size_t row = 0; row < rows; row++) {
        if (S2_UNLIKELY((size_t)(end - p) < 8)) {
            return refuse(fault, S2_ROWDAT_CHANGED, row, SIZE_MAX);
        }
        memcpy(p, &row_ids[row], 8);
        p += 8;
        for (size_t i = 0; i < count; i++) {
            const s2_rowdat_column *column = &columns[i];
            uint8_t width = column->width;
            bool null = is_null(column, row);
            const uint8_t *data = NULL;
            size_t length = 0;
            if (!width && !null && !find_data(column, row, &data, &length)) {
                return refuse(fault, S2_ROWDAT_OFFSETS, row, i);
            }
            size_t fixed = 1u + (width ? width : 8u);
            if (S2_UNLIKELY(s2_add(fixed, length) > (size_t)(end - p))) {
                return refuse(fault, S2_ROWDAT_CHANGED, row, i);
            }
            *p++ = null;
            if (width) {
                const uint64_t nothing = 0;
                copy(p, null ? (const void *)&nothing : column->values + row * width, width);
                p += width;
                continue;
            }
            int64_t announced = (int64_t)length;
            memcpy(p, &announced, 8);
            p += 8;
            if (length) {
                memcpy(p, data, length);
                p += length;
            }
        }
    }
    return p == end ? S2_OK : refuse(fault, S2_ROWDAT_CHANGED, rows, SIZE_MAX);
}
