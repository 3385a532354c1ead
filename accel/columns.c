#include "columns.h"

#include <float.h>

#include "numbers.h"
#include "temporal.h"
#include "text.h"
#include "vectors.h"

/* Rows that a batch's first buffers are made for: a point query should not touch more memory than
 * it has to. */
#define ROWS_FIRST ((size_t)512)
/* A batch ends at about this many bytes of fixed width, or of one column's data: it then stays in
 * the second-level cache while it is written.  Rows are kept within [8 Ki, 64 Ki]. */
#define BATCH_BYTES ((size_t)2 << 20)
#define BATCH_DATA_BYTES ((size_t)8 << 20)
#define BATCH_ROWS_LEAST ((size_t)8 << 10)
#define BATCH_ROWS_MOST ((size_t)64 << 10)
/* What a value of text is taken to have when the size of batches is chosen. */
#define TEXT_GUESS ((size_t)16)
/* Values up to this length are copied as a whole block, over the end of the value. */
#define SHORT_TEXT ((size_t)32)

/* -- batches ------------------------------------------------------------------------------- */

s2_batch *s2_batch_retain(s2_batch *batch)
{
    atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
    return batch;
}

void s2_batch_release(s2_batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < batch->region_count; i++) {
        s2_region_release(batch->regions[i]);
    }
    s2_free(batch->regions);
    s2_layout_release(batch->layout);
    s2_free(batch);
}

/* -- the builder --------------------------------------------------------------------------- */

static size_t choose_batch_rows(const s2_layout *layout)
{
    /* Bits: every column has one more for its validity. */
    size_t width = s2_add(s2_mul(layout->row_width, 8), layout->count);
    for (size_t i = 0; i < layout->count; i++) {
        width = s2_add(width, s2_has_offsets(layout->columns[i].kind) ? 8 * TEXT_GUESS : 0);
    }
    /* Somewhat less than a whole number of batches to a region of memory. */
    size_t rows = (BATCH_BYTES - BATCH_BYTES / 64) * 8 / (width ? width : 1) & ~(size_t)63;
    if (rows > BATCH_ROWS_MOST) {
        return BATCH_ROWS_MOST;
    }
    if (rows < BATCH_ROWS_LEAST) {
        rows = BATCH_ROWS_LEAST;
        while (rows > 1 && s2_mul(rows, width) > 32 * 8 * BATCH_BYTES) { /* long vectors */
            rows /= 2;
        }
    }
    return rows;
}

s2_builder *s2_builder_new(s2_layout *layout, int64_t limit, s2_hook hook, void *context)
{
    size_t size = s2_add(sizeof(s2_builder), s2_mul(layout->count, sizeof(s2_building)));
    s2_builder *builder = s2_malloc(size);
    if (builder) {
        memset(builder, 0, size);
        builder->layout = s2_layout_retain(layout);
        builder->hook = hook;
        builder->context = context;
        builder->batch_rows = choose_batch_rows(layout);
        bool is_part = limit > 0 && limit <= (int64_t)BATCH_ROWS_MOST;
        builder->first_rows = is_part ? (size_t)limit : ROWS_FIRST;
        s2_arena_init(&builder->arena);
    }
    return builder;
}

void s2_builder_free(s2_builder *builder)
{
    if (!builder) {
        return;
    }
    for (size_t i = 0; i < builder->batch_count; i++) {
        s2_batch_release(builder->batches[i]);
    }
    s2_free(builder->batches);
    s2_arena_clear(&builder->arena);
    s2_layout_release(builder->layout);
    s2_free(builder);
}

static size_t align64(size_t size)
{
    return s2_add(size, 63) & ~(size_t)63;
}

/* Bytes of one column's values (or offsets) for `rows` rows. */
static size_t values_size(const s2_column *column, size_t rows)
{
    size_t width = s2_has_offsets(column->kind) ? sizeof(int32_t) : column->width;
    return align64(s2_mul(s2_add(rows, 1), width));
}

/* Give every column room for `rows` rows, in one block, and take over what is there. */
static bool make_room(s2_builder *builder, size_t rows)
{
    const s2_layout *layout = builder->layout;
    size_t bitmap = align64((rows + 7) / 8);
    size_t total = s2_mul(bitmap, layout->count);
    for (size_t i = 0; i < layout->count; i++) {
        total = s2_add(total, values_size(&layout->columns[i], rows));
    }
    uint8_t *block = s2_arena_take(&builder->arena, total);
    if (!block) {
        return false;
    }
    for (size_t i = 0; i < layout->count; i++) {
        const s2_column *column = &layout->columns[i];
        s2_building *building = &builder->columns[i];
        if (builder->rows) {
            size_t width = s2_has_offsets(column->kind) ? sizeof(int32_t) : column->width;
            size_t used = (builder->rows + s2_has_offsets(column->kind)) * width;
            memcpy(block, building->values, used);
        } else if (s2_has_offsets(column->kind)) {
            memset(block, 0, sizeof(int32_t));
        }
        building->values = block;
        block += values_size(column, rows);
        if (building->validity) {
            size_t used = (builder->rows + 7) / 8;
            memcpy(block, building->validity, used);
            memset(block + used, 0xFF, bitmap - used);
            building->validity = block;
        }
        block += bitmap;
    }
    builder->room = rows;
    return true;
}

/* Where the bitmap of a column lies: behind its values. */
static uint8_t *bitmap_of(const s2_builder *builder, size_t i)
{
    return builder->columns[i].values + values_size(&builder->layout->columns[i], builder->room);
}

/* Begin a batch: a small one at first, else one of the full number of rows. */
static bool begin_batch(s2_builder *builder)
{
    size_t rows = builder->batch_count ? builder->batch_rows : builder->first_rows;
    if (rows > builder->batch_rows) {
        rows = builder->batch_rows;
    }
    if (!make_room(builder, rows)) {
        return false;
    }
    for (size_t i = 0; i < builder->layout->count; i++) {
        s2_building *building = &builder->columns[i];
        building->validity = NULL;
        building->null_count = 0;
        building->data = NULL;
        building->data_used = building->data_room = 0;
        size_t expected = building->data_expected;
        if (s2_has_offsets(builder->layout->columns[i].kind) && expected) {
            building->data = s2_arena_take(&builder->arena, expected);
            if (!building->data) {
                return false;
            }
            building->data_room = expected;
        }
    }
    return true;
}

static __attribute__((noinline)) bool grow_data(s2_builder *builder, s2_building *building,
                                                size_t needed)
{
    size_t room = building->data_room ? s2_mul(building->data_room, 2)
                                      : builder->room * TEXT_GUESS;
    while (room < needed) {
        room = s2_mul(room, 2);
    }
    uint8_t *data = s2_arena_take(&builder->arena, room);
    if (!data) {
        return false;
    }
    if (building->data_used) {
        memcpy(data, building->data, building->data_used);
    }
    building->data = data;
    building->data_room = room;
    return true;
}

/* Append a value of text or bytes.  With `slack`, S2_TAIL_SLACK bytes behind it may be read. */
static inline s2_status append(s2_builder *builder, size_t i, const uint8_t *p, size_t length,
                               bool slack)
{
    s2_building *building = &builder->columns[i];
    size_t used = building->data_used;
    /* Room for a whole block, whatever the length: short values are copied as one. */
    if (S2_UNLIKELY(building->data_room - used < s2_add(length, SHORT_TEXT))) {
        if (length > (size_t)INT32_MAX - used) {
            builder->failed = i;
            return S2_TOO_LONG;
        }
        if (!grow_data(builder, building, used + length + SHORT_TEXT)) {
            return S2_NO_MEMORY;
        }
    }
    if (S2_LIKELY(slack && length <= SHORT_TEXT)) {
        memcpy(building->data + used, p, SHORT_TEXT);
    } else {
        memcpy(building->data + used, p, length);
    }
    used += length;
    if (S2_UNLIKELY(used > BATCH_DATA_BYTES)) {
        builder->full = true;
        if (used > (size_t)INT32_MAX) {
            builder->failed = i;
            return S2_TOO_LONG;
        }
    }
    building->data_used = used;
    int32_t offset = (int32_t)used;
    memcpy(building->values + (builder->rows + 1) * sizeof offset, &offset, sizeof offset);
    return S2_OK;
}

static __attribute__((noinline)) void put_null(s2_builder *builder, size_t i)
{
    s2_building *building = &builder->columns[i];
    const s2_column *column = &builder->layout->columns[i];
    building->null_count++;
    if (column->kind == S2_NULL) {
        return;
    }
    if (!building->validity) {
        building->validity = bitmap_of(builder, i);
        memset(building->validity, 0xFF, align64((builder->room + 7) / 8));
    }
    building->validity[builder->rows / 8] &= (uint8_t) ~(1u << (builder->rows % 8));
    if (s2_has_offsets(column->kind)) {
        int32_t offset = (int32_t)building->data_used;
        memcpy(building->values + (builder->rows + 1) * sizeof offset, &offset, sizeof offset);
    } else {
        memset(building->values + builder->rows * column->width, 0, column->width);
    }
}

/* The slow path: let the hook make a value. */
static __attribute__((noinline)) s2_status put_odd(s2_builder *builder, size_t i, const uint8_t *p,
                                                   size_t length)
{
    const s2_column *column = &builder->layout->columns[i];
    s2_value value = {false, NULL, 0};
    builder->failed = i;
    if (!builder->hook || !builder->hook(builder->context, i, p, length, &value)) {
        return S2_REFUSED;
    }
    if (value.is_null) {
        put_null(builder, i);
        return S2_OK;
    }
    if (s2_has_offsets(column->kind)) {
        return append(builder, i, value.bytes, value.length, false);
    }
    if (value.length != column->width) {
        return S2_REFUSED;
    }
    memcpy(builder->columns[i].values + builder->rows * column->width, value.bytes, column->width);
    return S2_OK;
}

/* Decode a value into its slot of a column of fixed width; false asks for the slow path. */
static inline bool put_fixed(const s2_column *column, uint8_t *values, size_t row, const uint8_t *p,
                             size_t length)
{
    int64_t integer = 0;
    uint64_t natural = 0;
    double number = 0;
    bool is_integer;
    s2_moment moment;
    switch (column->kind) {
    case S2_INT64:
        if (S2_UNLIKELY(!s2_int64(p, length, &integer))) {
            return false;
        }
        memcpy(values + row * 8, &integer, 8);
        return true;
    case S2_INT32: {
        if (S2_UNLIKELY(!s2_int64(p, length, &integer) || integer != (int32_t)integer)) {
            return false;
        }
        memcpy(values + row * 4, &integer, 4);
        return true;
    }
    case S2_INT16:
        if (S2_UNLIKELY(!s2_int64(p, length, &integer) || integer != (int16_t)integer)) {
            return false;
        }
        memcpy(values + row * 2, &integer, 2);
        return true;
    case S2_INT8:
        if (S2_UNLIKELY(!s2_int64(p, length, &integer) || integer != (int8_t)integer)) {
            return false;
        }
        memcpy(values + row, &integer, 1);
        return true;
    case S2_UINT64:
        if (S2_UNLIKELY(!s2_uint64(p, length, &natural))) {
            return false;
        }
        memcpy(values + row * 8, &natural, 8);
        return true;
    case S2_UINT32:
        if (S2_UNLIKELY(!s2_uint64(p, length, &natural) || natural > UINT32_MAX)) {
            return false;
        }
        memcpy(values + row * 4, &natural, 4);
        return true;
    case S2_UINT16:
        if (S2_UNLIKELY(!s2_uint64(p, length, &natural) || natural > UINT16_MAX)) {
            return false;
        }
        memcpy(values + row * 2, &natural, 2);
        return true;
    case S2_UINT8:
        if (S2_UNLIKELY(!s2_uint64(p, length, &natural) || natural > UINT8_MAX)) {
            return false;
        }
        memcpy(values + row, &natural, 1);
        return true;
    case S2_DOUBLE:
        if (S2_UNLIKELY(!s2_double(p, length, &number, &is_integer))) {
            return false;
        }
        memcpy(values + row * 8, &number, 8);
        return true;
    case S2_FLOAT: {
        if (S2_UNLIKELY(!s2_double(p, length, &number, &is_integer) ||
                        number > (double)FLT_MAX || number < -(double)FLT_MAX)) {
            return false;
        }
        float single = (float)number;
        memcpy(values + row * 4, &single, 4);
        return true;
    }
    case S2_DECIMAL128: {
        uint64_t words[4];
        bool negative;
        size_t digits = column->precision < 19 ? column->precision : 19;
        if (S2_LIKELY(column->scale < 18 &&
                      s2_decimal64(p, length, column->scale, &natural, &negative) &&
                      natural < s2_powers_of_ten[digits])) {
            words[0] = negative ? 0 - natural : natural;
            words[1] = negative && natural ? UINT64_MAX : 0;
        } else if (!s2_decimal256(p, length, column->precision, column->scale, words)) {
            return false;
        }
        memcpy(values + row * 16, words, 16);
        return true;
    }
    case S2_DECIMAL256: {
        uint64_t words[4];
        if (!s2_decimal256(p, length, column->precision, column->scale, words)) {
            return false;
        }
        memcpy(values + row * 32, words, 32);
        return true;
    }
    case S2_DATE: {
        if (S2_UNLIKELY(!s2_date(p, length, &moment))) {
            return false;
        }
        int32_t days = s2_days(moment.year, moment.month, moment.day);
        memcpy(values + row * 4, &days, 4);
        return true;
    }
    case S2_TIMESTAMP:
        if (S2_UNLIKELY(!s2_datetime(p, length, &moment))) {
            return false;
        }
        integer = s2_timestamp(&moment);
        memcpy(values + row * 8, &integer, 8);
        return true;
    case S2_DURATION:
        if (S2_UNLIKELY(!s2_duration(p, length, &integer))) {
            return false;
        }
        memcpy(values + row * 8, &integer, 8);
        return true;
    case S2_VECTOR:
        if (length != column->width) {
            return false;
        }
        memcpy(values + row * column->width, p, length);
        return true;
    case S2_VECTOR_JSON:
        return s2_vector_json(p, length, column->dimension, column->element,
                              values + row * column->width);
    case S2_TEXT:
    case S2_BYTES:
    case S2_NULL:
        break;
    }
    return false;
}

static s2_status finish_batch(s2_builder *builder);

/* See s2_builder_row; inlined into the loop over packets. */
static inline s2_status decode_row(s2_builder *builder, const uint8_t *p, size_t length)
{
    if (S2_UNLIKELY(builder->rows == builder->room)) {
        bool ready = builder->rows == 0              ? begin_batch(builder)
                     : builder->rows < builder->batch_rows
                         ? make_room(builder, builder->room * 4 < builder->batch_rows
                                                  ? builder->room * 4
                                                  : builder->batch_rows)
                         : false;
        if (!ready) {
            return S2_NO_MEMORY;
        }
    }
    const uint8_t *end = p + length;
    /* Locals: every store through a byte pointer might otherwise change them. */
    const s2_layout *layout = builder->layout;
    const size_t count = layout->count;
    const size_t row = builder->rows;
    for (size_t i = 0; i < count; i++) {
        const s2_column *column = &layout->columns[i];
        if (S2_UNLIKELY(p == end)) {
            return S2_MALFORMED;
        }
        size_t size = *p;
        if (S2_LIKELY(size < 251)) {
            p++;
        } else if (size == 251) {
            p++;
            put_null(builder, i);
            continue;
        } else {
            uint64_t announced;
            if (!s2_length(&p, end, &announced)) {
                return S2_MALFORMED;
            }
            size = (size_t)announced; /* 64 bits, as common.h demands */
        }
        if (S2_UNLIKELY(size > (size_t)(end - p))) {
            return S2_MALFORMED;
        }
        s2_status status = S2_OK;
        if (column->kind >= S2_TEXT) {
            if (S2_LIKELY(column->kind != S2_NULL)) {
                status = append(builder, i, p, size, true);
            } else {
                put_null(builder, i);
            }
        } else if (S2_UNLIKELY(
                       !put_fixed(column, builder->columns[i].values, row, p, size))) {
            bool has_zero = column->kind == S2_DATE || column->kind == S2_TIMESTAMP;
            if (has_zero && s2_zero_date(p, size, column->kind == S2_TIMESTAMP)) {
                put_null(builder, i);
            } else {
                status = put_odd(builder, i, p, size);
            }
        }
        if (S2_UNLIKELY(status != S2_OK)) {
            return status;
        }
        p += size;
    }
    if (S2_UNLIKELY(p != end)) {
        return S2_MALFORMED;
    }
    builder->rows = row + 1;
    if (S2_UNLIKELY(row + 1 == builder->batch_rows || builder->full)) {
        return finish_batch(builder);
    }
    return S2_OK;
}

s2_status s2_builder_row(s2_builder *builder, const uint8_t *payload, size_t length)
{
    return decode_row(builder, payload, length);
}

s2_status s2_builder_packets(s2_builder *builder, s2_packets *packets, int64_t limit,
                             const uint8_t **end, size_t *end_length)
{
    while (s2_builder_rows(builder) < limit) {
        const uint8_t *payload;
        size_t length;
        s2_status status = s2_packets_next(packets, &payload, &length);
        if (S2_UNLIKELY(status != S2_OK)) {
            return status;
        }
        if (S2_UNLIKELY(s2_ends_rows(payload, length))) {
            *end = payload;
            *end_length = length;
            return S2_END;
        }
        status = decode_row(builder, payload, length);
        if (S2_UNLIKELY(status != S2_OK)) {
            return status;
        }
    }
    return S2_LIMIT;
}

/* -- finishing ----------------------------------------------------------------------------- */

static int32_t offset_at(const uint8_t *offsets, size_t row)
{
    int32_t offset;
    memcpy(&offset, offsets + row * sizeof offset, sizeof offset);
    return offset;
}

/* Whether all values of a column of text are UTF-8: their concatenation is, and none starts within
 * a character. */
static bool text_is_valid(const s2_builder *builder, const s2_building *building)
{
    if (!building->data_used) {
        return true;
    }
    size_t ascii = s2_ascii_prefix(building->data, building->data_used);
    if (ascii == building->data_used) {
        return true;
    }
    if (!s2_utf8(building->data + ascii, building->data_used - ascii)) {
        return false;
    }
    for (size_t row = 1; row < builder->rows; row++) {
        size_t offset = (size_t)offset_at(building->values, row);
        if (offset < building->data_used && (building->data[offset] & 0xC0) == 0x80) {
            return false;
        }
    }
    return true;
}

/* Let the hook replace every value that is not UTF-8. */
static s2_status repair_text(s2_builder *builder, size_t i)
{
    s2_building *building = &builder->columns[i];
    const uint8_t *old_data = building->data;
    const uint8_t *old_offsets = building->values;
    size_t rows = builder->rows;
    /* From here on the column is built again, row after row. */
    building->values = s2_arena_take(&builder->arena, (rows + 1) * sizeof(int32_t));
    if (!building->values) {
        return S2_NO_MEMORY;
    }
    memset(building->values, 0, sizeof(int32_t));
    building->data = NULL;
    building->data_used = building->data_room = 0;
    s2_status status = S2_OK;
    for (size_t row = 0; row < rows && status == S2_OK; row++) {
        const uint8_t *p = old_data + offset_at(old_offsets, row);
        size_t length = (size_t)(offset_at(old_offsets, row + 1) - offset_at(old_offsets, row));
        builder->rows = row;
        bool is_null =
            building->validity && !(building->validity[row / 8] >> (row % 8) & 1);
        if (is_null || s2_utf8(p, length)) {
            status = append(builder, i, p, length, true);
        } else {
            s2_value value = {false, NULL, 0};
            builder->failed = i;
            if (!builder->hook || !builder->hook(builder->context, i, p, length, &value) ||
                value.is_null) {
                return S2_REFUSED;
            }
            status = append(builder, i, value.bytes, value.length, false);
        }
    }
    builder->rows = rows;
    return status;
}

static s2_status push_batch(s2_builder *builder)
{
    size_t count = builder->layout->count;
    if (builder->batch_count == builder->batch_room) {
        size_t room = builder->batch_room ? builder->batch_room * 2 : 4;
        s2_batch **batches = s2_malloc(s2_mul(room, sizeof *batches));
        if (!batches) {
            return S2_NO_MEMORY;
        }
        if (builder->batch_count) {
            memcpy(batches, builder->batches, builder->batch_count * sizeof *batches);
        }
        s2_free(builder->batches);
        builder->batches = batches;
        builder->batch_room = room;
    }
    s2_batch *batch = s2_malloc(s2_add(sizeof *batch, s2_mul(count, sizeof(s2_array))));
    if (!batch) {
        return S2_NO_MEMORY;
    }
    batch->regions = s2_arena_hand_over(&builder->arena, &batch->region_count);
    if (!batch->regions) {
        s2_free(batch);
        return S2_NO_MEMORY;
    }
    atomic_init(&batch->references, 1);
    batch->layout = s2_layout_retain(builder->layout);
    batch->rows = (int64_t)builder->rows;
    for (size_t i = 0; i < count; i++) {
        s2_building *building = &builder->columns[i];
        batch->columns[i] = (s2_array){
            .validity = building->validity,
            .values = building->values,
            .data = building->data ? building->data : building->values,
            .null_count = building->null_count,
        };
        /* An eighth more than this batch had: growing would copy it. */
        building->data_expected =
            building->data_used ? building->data_used + building->data_used / 8 + SHORT_TEXT : 0;
    }
    builder->batches[builder->batch_count++] = batch;
    builder->total_rows += (int64_t)builder->rows;
    builder->rows = builder->room = 0;
    builder->full = false;
    return S2_OK;
}

static s2_status finish_batch(s2_builder *builder)
{
    for (size_t i = 0; i < builder->layout->count; i++) {
        if (builder->layout->columns[i].kind == S2_TEXT &&
            !text_is_valid(builder, &builder->columns[i])) {
            s2_status status = repair_text(builder, i);
            if (status != S2_OK) {
                return status;
            }
        }
    }
    return push_batch(builder);
}

s2_status s2_builder_finish(s2_builder *builder)
{
    return builder->rows ? finish_batch(builder) : S2_OK;
}
