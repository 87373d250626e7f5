/* protobuf: the primitives of the wire format (protobuf.dev/programming-guides/encoding) that OTLP needs.
 *
 * Writers take a pointer to enough room and return where they stopped, so that a message of scalars costs one
 * check for room. A nested message whose length is not known yet: obsvi_pb_open reserves the bytes that its
 * length will probably take, obsvi_pb_close writes it and moves the content if that was wrong. This beats a
 * measuring pass, since nearly all lengths are known from the record (only containers and the record itself
 * are not) and a wrong guess moves little that is in the cache anyway; and unlike padded lengths it leaves
 * the encoding canonical.
 */
#ifndef OBSVI_ENCODE_PROTOBUF_H
#define OBSVI_ENCODE_PROTOBUF_H

#include "base/bytes.h"

enum obsvi_pb_wire {
    OBSVI_PB_VARINT = 0,
    OBSVI_PB_FIXED64 = 1,
    OBSVI_PB_LEN = 2,
    OBSVI_PB_FIXED32 = 5,
};

/* Tag of a field below 16. */
#define OBSVI_PB_TAG(field, wire) ((uint8_t)((field) << 3 | (wire)))

enum { OBSVI_PB_VARINT_BYTES_MAX = 10 };

static inline size_t obsvi_pb_varint_bytes(uint64_t v)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    return (9 * bits + 64) / 64; /* = (bits + 6) / 7 for 1..64, without a division */
}

static inline uint8_t *obsvi_pb_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

static inline uint8_t *obsvi_pb_fixed64(uint8_t *at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> 8 * i);
    return at + 8;
}

static inline uint8_t *obsvi_pb_fixed32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> 8 * i);
    return at + 4;
}

static inline uint8_t *obsvi_pb_raw(uint8_t *at, const void *p, size_t n)
{
    if (n)
        memcpy(at, p, n);
    return at + n;
}

/* Size of a length-delimited field below 16 with n bytes of content. */
static inline size_t obsvi_pb_len_bytes(size_t n)
{
    return 1 + obsvi_pb_varint_bytes(n) + n;
}

static inline uint8_t *obsvi_pb_len(uint8_t *at, unsigned field, const void *p, size_t n)
{
    *at++ = OBSVI_PB_TAG(field, OBSVI_PB_LEN);
    return obsvi_pb_raw(obsvi_pb_varint(at, n), p, n);
}

static inline void obsvi_pb_put_len(struct obsvi_bytes *out, unsigned field, const void *p, size_t n)
{
    uint8_t *at = obsvi_bytes_room(out, 1 + OBSVI_PB_VARINT_BYTES_MAX + n);
    if (at)
        out->len += (size_t)(obsvi_pb_len(at, field, p, n) - at);
}

/* Returns the mark for obsvi_pb_close. length_bytes: what the length will probably take (content below 128
 * bytes: 1, below 16,384: 2). */
static inline size_t obsvi_pb_open(struct obsvi_bytes *out, unsigned field, size_t length_bytes)
{
    uint8_t *at = obsvi_bytes_room(out, 1 + length_bytes);
    if (at) {
        *at = OBSVI_PB_TAG(field, OBSVI_PB_LEN);
        out->len += 1 + length_bytes;
    }
    return out->len;
}

static inline void obsvi_pb_close(struct obsvi_bytes *out, size_t mark, size_t length_bytes)
{
    if (out->failed)
        return;
    size_t n = out->len - mark;
    size_t needed = obsvi_pb_varint_bytes(n);
    if (needed != length_bytes) {
        if (!obsvi_bytes_room(out, OBSVI_PB_VARINT_BYTES_MAX))
            return;
        memmove(out->data + mark - length_bytes + needed, out->data + mark, n);
        out->len = out->len - length_bytes + needed;
    }
    obsvi_pb_varint(out->data + mark - length_bytes, n);
}

/* Reader: one field of a message. */
enum { OBSVI_PB_FIELD_MAX = (1 << 29) - 1 };

struct obsvi_pb_field {
    unsigned number;
    unsigned wire;            /* enum obsvi_pb_wire */
    uint64_t varint;          /* OBSVI_PB_VARINT */
    struct obsvi_str content; /* OBSVI_PB_LEN */
    struct obsvi_str whole;   /* tag, length and content */
};

/* The next field. False at the end, or on damage: then the cursor's `failed` is set. */
bool obsvi_pb_read(struct obsvi_cursor *c, struct obsvi_pb_field *f);

#endif
