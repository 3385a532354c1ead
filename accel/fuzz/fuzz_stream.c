/* Fuzz target: a connection's bytes, in pieces, through every path of the decoder.
 *
 * Input: u8 options, u8 number of columns, a byte per column (its kind), with OPTION_NO_MEMORY a
 * byte that says which allocation fails, then
 *   without OPTION_FRAMED the bytes as they come from the server;
 *   with it payloads behind u16 lengths, which are put in packets with the right numbers, so that
 *   rows are reached without the fuzzer having to find out how to count.
 *
 * What is decoded is exported, walked and released; a broken promise of the data aborts.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined accel/fuzz/fuzz_stream.c accel/[a-z]*.c
 */
#include "../arrow_export.h"
#include "../columns.h"
#include "../kept.h"
#include "../text.h"

#define OPTION_FRAMED 1u
#define OPTION_KEEP 2u       /* keep the packets first, decode them then */
#define OPTION_HOOK_NULL 4u  /* the hook gives NULL, else a value or a refusal */
#define OPTION_HOOK_VALUE 8u
#define OPTION_PIECES 16u    /* feed a few bytes at a time */
#define OPTION_LIMIT 32u     /* read few rows at a time */
#define OPTION_NO_MEMORY 64u /* let an allocation fail */

#define MOST_COLUMNS 12u

static const struct {
    const char *format;
    const char *item;
    s2_wire wire;
} kinds[] = {
    {"c", "", S2_AS_TEXT},        {"s", "", S2_AS_TEXT},         {"i", "", S2_AS_TEXT},
    {"l", "", S2_AS_TEXT},        {"C", "", S2_AS_TEXT},         {"S", "", S2_AS_TEXT},
    {"I", "", S2_AS_TEXT},        {"L", "", S2_AS_TEXT},         {"f", "", S2_AS_TEXT},
    {"g", "", S2_AS_TEXT},        {"d:10,2", "", S2_AS_TEXT},    {"d:18,0", "", S2_AS_TEXT},
    {"d:38,10", "", S2_AS_TEXT},  {"d:65,30,256", "", S2_AS_TEXT}, {"tdD", "", S2_AS_TEXT},
    {"tsu:", "", S2_AS_TEXT},     {"tDu", "", S2_AS_TEXT},       {"u", "", S2_AS_TEXT},
    {"z", "", S2_AS_TEXT},        {"z", "", S2_AS_BYTES},        {"n", "", S2_AS_TEXT},
    {"+w:3", "f", S2_AS_BYTES},   {"+w:2", "l", S2_AS_BYTES},    {"+w:3", "f", S2_AS_JSON},
    {"+w:2", "g", S2_AS_JSON},    {"+w:2", "c", S2_AS_JSON},     {"+w:2", "s", S2_AS_JSON},
    {"+w:2", "i", S2_AS_JSON},    {"+w:2", "l", S2_AS_JSON},     {"+w:2", "e", S2_AS_JSON},
};

typedef struct {
    const s2_layout *layout;
    unsigned options;
    uint8_t value[512];
} hook_state;

static bool hook(void *context, size_t column, const uint8_t *p, size_t length, s2_value *value)
{
    hook_state *state = context;
    /* Whatever is handed over must be readable. */
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    if (state->options & OPTION_HOOK_NULL) {
        value->is_null = true;
        return true;
    }
    if (!(state->options & OPTION_HOOK_VALUE)) {
        return false;
    }
    const s2_column *described = &state->layout->columns[column];
    value->bytes = state->value;
    value->length = s2_has_offsets(described->kind) ? 3 : described->width;
    return true;
}

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Touch every byte of a column, and check what Arrow promises of it. */
static void walk_column(const s2_layout *layout, size_t index, const struct ArrowArray *array)
{
    const s2_column *column = &layout->columns[index];
    volatile uint64_t sum = 0;
    int64_t rows = array->length;
    int64_t end = array->offset + rows;
    if (column->kind == S2_NULL) {
        return;
    }
    const uint8_t *validity = array->buffers[0];
    int64_t nulls = 0;
    for (int64_t row = array->offset; validity && row < end; row++) {
        nulls += !(validity[row / 8] >> (row % 8) & 1);
    }
    check(array->null_count == -1 || array->null_count == nulls);
    if (s2_has_offsets(column->kind)) {
        int32_t before = 0;
        memcpy(&before, (const uint8_t *)array->buffers[1] + (size_t)array->offset * 4, 4);
        check(array->offset || before == 0);
        for (int64_t row = array->offset; row < end; row++) {
            int32_t offset;
            memcpy(&offset, (const uint8_t *)array->buffers[1] + (size_t)(row + 1) * 4, 4);
            check(offset >= before);
            const uint8_t *bytes = (const uint8_t *)array->buffers[2] + before;
            check(column->kind != S2_TEXT || s2_utf8(bytes, (size_t)(offset - before)));
            for (int32_t i = 0; i < offset - before; i++) {
                sum += bytes[i];
            }
            before = offset;
        }
        return;
    }
    const uint8_t *values =
        column->dimension ? array->children[0]->buffers[1] : array->buffers[1];
    for (size_t i = (size_t)array->offset * column->width; i < (size_t)end * column->width; i++) {
        sum += values[i];
    }
}

static void walk(s2_builder *builder)
{
    size_t count = builder->batch_count;
    s2_slice *slices = malloc((count + 1) * sizeof *slices);
    check(slices != NULL);
    for (size_t i = 0; i < count; i++) {
        int64_t rows = builder->batches[i]->rows;
        int64_t start = i % 2 && rows > 2 ? 1 : 0;
        slices[i] = (s2_slice){builder->batches[i], start, rows - start};
    }
    struct ArrowArrayStream stream;
    bool exported = s2_export_stream(builder->layout, slices, count, &stream);
    free(slices);
    if (!exported) {
        return;
    }
    struct ArrowSchema schema;
    if (stream.get_schema(&stream, &schema) == 0) {
        check(schema.n_children == (int64_t)builder->layout->count);
        schema.release(&schema);
    }
    struct ArrowArray array;
    while (stream.get_next(&stream, &array) == 0 && array.release) {
        for (size_t i = 0; i < builder->layout->count; i++) {
            check(array.children[i]->length == array.length);
            walk_column(builder->layout, i, array.children[i]);
        }
        array.release(&array);
    }
    stream.release(&stream);
}

static s2_layout *make_layout(const uint8_t *data, size_t count)
{
    s2_layout *layout = s2_layout_new(count);
    for (size_t i = 0; layout && i < count; i++) {
        size_t kind = data[i] % (sizeof kinds / sizeof *kinds);
        bool understood;
        if (!s2_layout_set(layout, i, "c", kinds[kind].format, kinds[kind].item, kinds[kind].wire,
                           &understood)) {
            check(understood);
            s2_layout_release(layout);
            return NULL;
        }
    }
    return layout;
}

/* Decode what has been fed until bytes lack; false when decoding is over. */
static bool decode(s2_builder *builder, s2_kept *kept, s2_packets *packets, unsigned options)
{
    const uint8_t *end = NULL;
    size_t end_length = 0;
    s2_status status;
    if (options & OPTION_KEEP) {
        int64_t limit = options & OPTION_LIMIT ? kept->rows + 2 : INT64_MAX;
        status = s2_kept_packets(kept, packets, limit, &end, &end_length);
    } else {
        int64_t limit = options & OPTION_LIMIT ? s2_builder_rows(builder) + 2 : INT64_MAX;
        status = s2_builder_packets(builder, packets, limit, &end, &end_length);
        if (status == S2_LIMIT && s2_builder_finish(builder) != S2_OK) {
            return false;
        }
    }
    if (status == S2_END) {
        check(end_length >= 1 && end[0] >= S2_EOF);
    }
    return status == S2_NEED_MORE || status == S2_LIMIT;
}

/* Whether a row has as many columns as announced, and nothing else. */
static bool well_formed(const uint8_t *p, size_t length, size_t count)
{
    const uint8_t *end = p + length;
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 0;
        if (p < end && *p == 251) {
            p++;
        } else if (!s2_length(&p, end, &size) || size > (uint64_t)(end - p)) {
            return false;
        }
        p += size;
    }
    return p == end;
}

/* Decode a row from a block of its own, so that reading beyond its slack is seen. */
static s2_status decode_alone(s2_builder *builder, const uint8_t *payload, size_t length)
{
    uint8_t *block = calloc(1, S2_HEAD_SLACK + length + S2_TAIL_SLACK);
    check(block != NULL);
    memcpy(block + S2_HEAD_SLACK, payload, length);
    s2_status status = s2_builder_row(builder, block + S2_HEAD_SLACK, length);
    check(status != S2_OK || well_formed(payload, length, builder->layout->count));
    free(block);
    return status;
}

static void decode_kept(s2_builder *builder, s2_kept *kept, unsigned options)
{
    const uint8_t *payload;
    size_t length;
    if (options & OPTION_LIMIT) {
        s2_kept_seek(kept, kept->rows / 2);
        check(kept->position == kept->rows / 2);
    }
    int64_t left = kept->rows - kept->position;
    while (s2_kept_next(kept, &payload, &length)) {
        left--;
        if (decode_alone(builder, payload, length) != S2_OK) {
            return;
        }
    }
    check(left == 0);
    if (s2_builder_finish(builder) == S2_OK) {
        walk(builder);
    }
}

static void run(const uint8_t *data, size_t size, unsigned options, s2_layout *layout)
{
    hook_state state = {.layout = layout, .options = options};
    s2_packets packets;
    s2_kept kept;
    s2_kept_init(&kept);
    s2_builder *builder = s2_builder_new(layout, options & OPTION_LIMIT ? 2 : INT64_MAX, hook, &state);
    if (builder && s2_packets_init(&packets, 64)) {
        uint8_t sequence = 0;
        bool more = true;
        while (more && size) {
            size_t piece = options & OPTION_PIECES ? 1 + size % 7 : size;
            if (options & OPTION_FRAMED) {
                if (size < 2) {
                    break;
                }
                piece = (size_t)data[0] | (size_t)data[1] << 8;
                data += 2;
                size -= 2;
                piece = piece < size ? piece : size;
                uint8_t header[4] = {(uint8_t)piece, (uint8_t)(piece >> 8), 0, sequence++};
                more = s2_packets_feed(&packets, header, sizeof header);
            }
            piece = piece < size ? piece : size;
            more = more && s2_packets_feed(&packets, data, piece);
            data += piece;
            size -= piece;
            while (more) {
                size_t before = s2_packets_pending(&packets);
                more = decode(builder, &kept, &packets, options);
                if (s2_packets_pending(&packets) == before) {
                    break;
                }
            }
        }
        if (options & OPTION_KEEP) {
            decode_kept(builder, &kept, options);
        } else if (more && s2_builder_finish(builder) == S2_OK) {
            walk(builder);
        }
        s2_packets_clear(&packets);
    }
    s2_builder_free(builder);
    s2_kept_clear(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    unsigned options = data[0];
    size_t count = data[1] % (MOST_COLUMNS + 1);
    data += 2;
    size -= 2;
    if (count > size) {
        return 0;
    }
    s2_layout *layout = make_layout(data, count);
    check(layout != NULL);
    data += count;
    size -= count;
    if (options & OPTION_NO_MEMORY && size) {
        s2_fail_allocation(*data % 64);
        data++;
        size--;
    }
    run(data, size, options, layout);
    s2_fail_allocation(-1);
    s2_layout_release(layout);
    s2_memory_trim(); /* so that a leak is one, and stale memory is not reused */
    return 0;
}
