#include "packets.h"

#define HEADER S2_HEADER

static uint8_t *memory_new(size_t capacity)
{
    uint8_t *memory = s2_malloc(s2_add(capacity, S2_HEAD_SLACK + S2_TAIL_SLACK));
    if (memory) {
        memset(memory, 0, S2_HEAD_SLACK);
        memset(memory + S2_HEAD_SLACK + capacity, 0, S2_TAIL_SLACK);
    }
    return memory;
}

bool s2_packets_init(s2_packets *packets, size_t capacity)
{
    memset(packets, 0, sizeof *packets);
    packets->memory = memory_new(capacity);
    packets->capacity = packets->memory ? capacity : 0;
    return packets->memory != NULL;
}

void s2_packets_clear(s2_packets *packets)
{
    s2_free(packets->memory);
    memset(packets, 0, sizeof *packets);
}

size_t s2_packets_room(s2_packets *packets, size_t capacity, uint8_t **room)
{
    size_t pending = s2_packets_pending(packets);
    if (pending == packets->capacity && capacity < s2_mul(packets->capacity, 2)) {
        capacity = s2_mul(packets->capacity, 2);
    }
    if (capacity > packets->capacity) {
        uint8_t *memory = memory_new(capacity);
        if (!memory) {
            return 0;
        }
        memcpy(memory + S2_HEAD_SLACK, s2_packets_bytes(packets) + packets->start, pending);
        s2_free(packets->memory);
        packets->memory = memory;
        packets->capacity = capacity;
    } else if (packets->start) {
        memmove(s2_packets_bytes(packets), s2_packets_bytes(packets) + packets->start, pending);
    }
    packets->start = 0;
    packets->end = pending;
    *room = s2_packets_bytes(packets) + pending;
    return packets->capacity - pending;
}

bool s2_packets_feed(s2_packets *packets, const uint8_t *bytes, size_t count)
{
    size_t needed = s2_add(s2_packets_pending(packets), count);
    size_t capacity = packets->capacity;
    while (capacity < needed && capacity <= SIZE_MAX / 2) {
        capacity *= 2;
    }
    uint8_t *room;
    if (needed > capacity || s2_packets_room(packets, capacity, &room) < count) {
        return false;
    }
    if (count) {
        memcpy(room, bytes, count);
    }
    packets->end += count;
    return true;
}

/* A payload of several packets: join them over their headers, once all have arrived. */
s2_status s2_packets_joined(s2_packets *packets, const uint8_t **payload, size_t *length)
{
    uint8_t *first = s2_packets_bytes(packets) + packets->start;
    size_t available = s2_packets_pending(packets);
    size_t at = 0;
    size_t part;
    uint8_t sequence = packets->sequence;
    do {
        if (available - at < HEADER) {
            return S2_NEED_MORE;
        }
        if (first[at + 3] != sequence) {
            packets->got = first[at + 3];
            packets->sequence = sequence;
            return S2_BAD_SEQUENCE;
        }
        part = s2_payload_length(first + at);
        if (available - at - HEADER < part) {
            return S2_NEED_MORE;
        }
        at += HEADER + part;
        sequence++;
    } while (part == S2_MAX_PAYLOAD);

    size_t joined = S2_MAX_PAYLOAD;
    size_t from = HEADER + S2_MAX_PAYLOAD;
    while (from < at) {
        part = s2_payload_length(first + from);
        memmove(first + HEADER + joined, first + from + HEADER, part);
        joined += part;
        from += HEADER + part;
    }
    packets->start += at;
    packets->sequence = sequence;
    *payload = first + HEADER;
    *length = joined;
    return S2_OK;
}
