#include "kept.h"

void s2_kept_init(s2_kept *kept)
{
    memset(kept, 0, sizeof *kept);
    s2_arena_init(&kept->arena);
}

void s2_kept_clear(s2_kept *kept)
{
    s2_arena_clear(&kept->arena);
    s2_free(kept->spans);
    s2_kept_init(kept);
}

/* Copy `length` bytes that hold `rows` rows; false when memory is short. */
static bool keep(s2_kept *kept, const uint8_t *bytes, size_t length, int64_t rows, bool bare)
{
    if (rows == 0) {
        return true;
    }
    if (kept->count == kept->room) {
        size_t room = kept->room ? kept->room * 2 : 4;
        s2_span *spans = s2_malloc(s2_mul(room, sizeof *spans));
        if (!spans) {
            return false;
        }
        if (kept->count) {
            memcpy(spans, kept->spans, kept->count * sizeof *spans);
        }
        s2_free(kept->spans);
        kept->spans = spans;
        kept->room = room;
    }
    uint8_t *copy = s2_arena_take(&kept->arena, length);
    if (!copy) {
        return false;
    }
    memcpy(copy, bytes, length);
    kept->spans[kept->count++] = (s2_span){copy, length, rows, bare};
    kept->rows += rows;
    return true;
}

s2_status s2_kept_packets(s2_kept *kept, s2_packets *packets, int64_t limit, const uint8_t **end,
                          size_t *end_length)
{
    const uint8_t *from = s2_packets_bytes(packets) + packets->start;
    int64_t rows = 0;
    s2_status status = S2_LIMIT;
    const uint8_t *behind = from;
    while (kept->rows + rows < limit) {
        const uint8_t *payload;
        size_t length;
        status = s2_packets_next(packets, &payload, &length);
        if (S2_UNLIKELY(status != S2_OK)) {
            break;
        }
        if (S2_UNLIKELY(s2_ends_rows(payload, length))) {
            *end = payload;
            *end_length = length;
            status = S2_END;
            break;
        }
        if (S2_UNLIKELY(length >= S2_MAX_PAYLOAD)) {
            if (!keep(kept, from, (size_t)(behind - from), rows, false) ||
                !keep(kept, payload, length, 1, true)) {
                return S2_NO_MEMORY;
            }
            from = s2_packets_bytes(packets) + packets->start;
            behind = from;
            rows = 0;
        } else {
            behind = payload + length;
            rows++;
        }
        status = S2_LIMIT;
    }
    return keep(kept, from, (size_t)(behind - from), rows, false) ? status : S2_NO_MEMORY;
}

bool s2_kept_next(s2_kept *kept, const uint8_t **payload, size_t *length)
{
    if (kept->span == kept->count) {
        return false;
    }
    const s2_span *span = &kept->spans[kept->span];
    if (span->bare) {
        *payload = span->bytes;
        *length = span->length;
        kept->offset = span->length;
    } else {
        const uint8_t *header = span->bytes + kept->offset;
        *payload = header + S2_HEADER;
        *length = s2_payload_length(header);
        kept->offset += S2_HEADER + *length;
    }
    if (kept->offset == span->length) {
        kept->span++;
        kept->offset = 0;
    }
    kept->position++;
    return true;
}

void s2_kept_seek(s2_kept *kept, int64_t row)
{
    kept->span = kept->offset = 0;
    kept->position = 0;
    while (kept->span < kept->count &&
           kept->position + kept->spans[kept->span].rows <= row) {
        kept->position += kept->spans[kept->span++].rows;
    }
    const uint8_t *payload;
    size_t length;
    while (kept->position < row && s2_kept_next(kept, &payload, &length)) {
    }
}
