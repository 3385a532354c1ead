/* Packets of the MySQL protocol in a receive buffer.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
 *
 * Bytes are put in at the end (s2_packets_room, s2_packets_received, or s2_packets_feed), packets
 * are taken at the start and decoded where they lie.  The buffer grows when it is full of bytes
 * that did arrive, whatever a packet's header announces.
 */
#ifndef S2_PACKETS_H
#define S2_PACKETS_H

#include "common.h"

/* Longest payload of one packet; a packet of just this length continues in the next one. */
#define S2_MAX_PAYLOAD 0xFFFFFFu
/* First byte of the packets that end rows, and the length from which 0xFE is not one of them but
 * the length of a value (page_protocol_basic_eof_packet). */
#define S2_EOF 0xFEu
#define S2_ERR 0xFFu
#define S2_EOF_LONGEST 8u
/* Bytes in front of a payload: its length in three, then its number. */
#define S2_HEADER 4u

typedef struct {
    uint8_t *memory; /* the allocation: head slack, capacity bytes, tail slack */
    size_t capacity;
    size_t start; /* of the bytes that were received and not yet taken */
    size_t end;   /* behind them */
    uint8_t sequence; /* number that the next packet must have */
    uint8_t got;      /* number it had, after S2_BAD_SEQUENCE */
} s2_packets;

/* Returns false when memory is short. */
bool s2_packets_init(s2_packets *packets, size_t capacity);
void s2_packets_clear(s2_packets *packets);

static inline uint8_t *s2_packets_bytes(const s2_packets *packets)
{
    return packets->memory + S2_HEAD_SLACK;
}

static inline size_t s2_packets_pending(const s2_packets *packets)
{
    return packets->end - packets->start;
}

/* Make room for receiving: move what is pending to the front, grow the buffer to twice its size
 * when it is full, or to `capacity` when that is more.  Returns how many bytes may be put at
 * `*room`, at least 1, or 0 when memory is short.  Payloads taken before are no longer valid. */
size_t s2_packets_room(s2_packets *packets, size_t capacity, uint8_t **room);

/* Note that `count` bytes were put where s2_packets_room said. */
static inline void s2_packets_received(s2_packets *packets, size_t count)
{
    packets->end += count;
}

/* Append bytes.  Returns false when memory is short; nothing was appended then. */
bool s2_packets_feed(s2_packets *packets, const uint8_t *bytes, size_t count);

static inline size_t s2_payload_length(const uint8_t *header)
{
    return (size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16;
}

/* As s2_packets_next, for a payload of several packets. */
s2_status s2_packets_joined(s2_packets *packets, const uint8_t **payload, size_t *length);

/* S2_OK: `*payload` is the next payload of `*length` bytes, several packets joined where it has
 * more than one, valid until s2_packets_room or _feed.  Otherwise S2_NEED_MORE or
 * S2_BAD_SEQUENCE, and nothing was taken. */
static inline s2_status s2_packets_next(s2_packets *packets, const uint8_t **payload,
                                        size_t *length)
{
    const uint8_t *header = s2_packets_bytes(packets) + packets->start;
    size_t available = s2_packets_pending(packets);
    if (S2_UNLIKELY(available < S2_HEADER)) {
        return S2_NEED_MORE;
    }
    if (S2_UNLIKELY(header[3] != packets->sequence)) {
        packets->got = header[3];
        return S2_BAD_SEQUENCE;
    }
    size_t size = s2_payload_length(header);
    if (S2_UNLIKELY(size == S2_MAX_PAYLOAD)) {
        return s2_packets_joined(packets, payload, length);
    }
    if (S2_UNLIKELY(available - S2_HEADER < size)) {
        return S2_NEED_MORE;
    }
    packets->start += S2_HEADER + size;
    packets->sequence++;
    *payload = header + S2_HEADER;
    *length = size;
    return S2_OK;
}

/* Whether a payload ends the rows rather than being one. */
static inline bool s2_ends_rows(const uint8_t *payload, size_t length)
{
    return length && payload[0] >= S2_EOF && (payload[0] == S2_ERR || length <= S2_EOF_LONGEST);
}

/* Read a length-encoded integer at `*at`, which moves behind it; false when it is cut off by
 * `end` or starts with 0xFB (NULL) or 0xFF.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html */
static inline bool s2_length(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    const uint8_t *p = *at;
    if (p == end) {
        return false;
    }
    uint8_t first = *p++;
    if (S2_LIKELY(first < 251)) {
        *value = first;
        *at = p;
        return true;
    }
    size_t width = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
    if (width == 0 || (size_t)(end - p) < width) {
        return false;
    }
    uint64_t result = 0;
    for (size_t i = 0; i < width; i++) {
        result |= (uint64_t)p[i] << (8 * i);
    }
    *value = result;
    *at = p + width;
    return true;
}

#endif
