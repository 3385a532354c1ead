/* Fuzz target: bodies of ROWDAT_1.
 *
 * Input: u8 flags and number of columns, a letter of `layout` per column, then the body.  With
 * CHANGES, what was measured is the first half and what is decoded the second one, as when somebody
 * writes to the memory meanwhile; with LIES, 8 bytes of the body become one of the offsets that are
 * encoded.  What was decoded is encoded, and must be decoded to the same again.
 */
#include "../rowdat_1.h"
#include "../text.h"

#define COLUMNS_MOST 15u
#define CHANGES 0x10u
#define LIES 0x20u

static const char layout[] = "1248tbtb";

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A block of just this size, so that writing beyond it is seen. */
static void *block(size_t size)
{
    void *made = malloc(size ? size : 1);
    check(made != NULL);
    return made;
}

static void make_buffers(s2_rowdat_column *column, size_t rows)
{
    column->values = block(column->width ? rows * column->width : column->size);
    column->offsets = block((rows + 1) * sizeof(int64_t));
    column->nulls = block(rows);
}

static void free_buffers(s2_rowdat_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(columns[i].values);
        free(columns[i].offsets);
        free(columns[i].nulls);
    }
}

static void same(const void *a, const void *b, size_t size)
{
    check(size == 0 || memcmp(a, b, size) == 0);
}

/* Encode columns and decode them again. */
static void go_back(s2_rowdat_column *columns, size_t count, size_t rows, int64_t *ids, bool lies)
{
    s2_rowdat_column again[COLUMNS_MOST];
    s2_rowdat_fault fault;
    size_t size = 0, found = 0;
    s2_status status = s2_rowdat_room(columns, count, rows, &size, &fault);
    if (status != S2_OK) {
        check(lies && status == S2_MALFORMED);
        return;
    }
    uint8_t *body = block(size);
    check(s2_rowdat_encode(columns, count, rows, ids, body, size, &fault) == S2_OK);
    /* As when offsets or NULLs change after they were measured: too small, and too large. */
    if (size) {
        uint8_t *less = block(size - 1), *more = block(size + 1);
        check(s2_rowdat_encode(columns, count, rows, ids, less, size - 1, &fault) == S2_MALFORMED);
        check(s2_rowdat_encode(columns, count, rows, ids, more, size + 1, &fault) == S2_MALFORMED);
        free(less);
        free(more);
    }
    memcpy(again, columns, sizeof again);
    check(s2_rowdat_measure(body, size, again, count, &found, &fault) == S2_OK && found == rows);
    for (size_t i = 0; i < count; i++) {
        make_buffers(&again[i], rows);
    }
    int64_t *ids_again = block(rows * sizeof *ids);
    status = s2_rowdat_decode(body, size, again, count, rows, ids_again, &fault);
    check(status == S2_OK || (lies && fault.reason == S2_ROWDAT_NOT_UTF8));
    if (!lies) {
        same(ids, ids_again, rows * sizeof *ids);
    }
    for (size_t i = 0; i < count && !lies; i++) {
        same(columns[i].nulls, again[i].nulls, rows);
        if (columns[i].width) {
            same(columns[i].values, again[i].values, rows * columns[i].width);
        } else {
            check(columns[i].size == again[i].size);
            same(columns[i].values, again[i].values, columns[i].size);
            same(columns[i].offsets, again[i].offsets, (rows + 1) * sizeof(int64_t));
        }
    }
    free_buffers(again, count);
    free(ids_again);
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    s2_rowdat_column columns[COLUMNS_MOST] = {0};
    s2_rowdat_fault fault = {0};
    if (!size) {
        return 0;
    }
    uint8_t flags = *data++;
    size_t count = flags & COLUMNS_MOST, rows = 0;
    if (--size < count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char letter = layout[data[i] % 8];
        columns[i].width = letter > '8' ? 0 : (uint8_t)(letter - '0');
        columns[i].is_text = letter == 't';
        columns[i].filler = UINT64_C(0x7FF8000000000000);
    }
    data += count;
    size -= count;
    bool changes = flags & CHANGES;
    size_t length = changes ? size / 2 : size;
    /* Blocks of their own, so that reading beyond the first half is seen. */
    uint8_t *measured = block(length), *decoded = block(length);
    if (length) {
        memcpy(measured, data, length);
        memcpy(decoded, data + (changes ? length : 0), length);
    }
    if (s2_rowdat_measure(measured, length, columns, count, &rows, &fault) == S2_OK) {
        for (size_t i = 0; i < count; i++) {
            make_buffers(&columns[i], rows);
        }
        int64_t *ids = block(rows * sizeof *ids);
        s2_status status = s2_rowdat_decode(decoded, length, columns, count, rows, ids, &fault);
        check(status == S2_OK || changes || fault.reason == S2_ROWDAT_NOT_UTF8);
        for (size_t i = 0; status == S2_OK && i < count; i++) {
            const int64_t *at = columns[i].offsets;
            for (size_t row = 0; columns[i].is_text && row < rows; row++) {
                check(s2_utf8(columns[i].values + at[row], (size_t)(at[row + 1] - at[row])));
            }
        }
        if (status == S2_OK) {
            bool lies = (flags & LIES) && rows && length >= 8;
            for (size_t i = 0; i < count && lies; i++) {
                memcpy(&columns[i].offsets[rows / 2], decoded + length - 8, 8);
            }
            go_back(columns, count, rows, ids, lies);
        }
        free_buffers(columns, count);
        free(ids);
    }
    free(measured);
    free(decoded);
    return 0;
}
