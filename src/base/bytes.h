/* bytes: the one place where memory is written or read by position.
 *
 * `struct obsvi_bytes` is a growable output buffer, `struct obsvi_cursor` a bounds-checked reader. Both are
 * sticky: after the first failure (no memory, over the limit, input too short) every further call does
 * nothing and `failed` stays set, so that encoders and parsers read like a schema and check once, at the end.
 *
 * Not thread-safe; owned by one thread at a time.
 */
#ifndef OBSVI_BASE_BYTES_H
#define OBSVI_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct obsvi_bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed; /* out of memory; content up to `len` is still valid */
};

/* An empty buffer needs no allocation: `struct obsvi_bytes b = {0};` is valid. */
void obsvi_bytes_fini(struct obsvi_bytes *b);

/* Forget the content and the failure, keep the memory. */
static inline void obsvi_bytes_clear(struct obsvi_bytes *b)
{
    b->len = 0;
    b->failed = false;
}

/* Gives back the memory beyond `len`, if the allocator agrees. */
void obsvi_bytes_trim(struct obsvi_bytes *b);

/* Cold half of obsvi_bytes_room: grows to at least `extra` more bytes, or sets `failed`. */
bool obsvi_bytes_grow(struct obsvi_bytes *b, size_t extra);

/* Make room for `extra` more bytes; returns where they go, or NULL (then `failed` is set). Write at most
 * `extra` bytes there and add what was written to `len`. */
static inline uint8_t *obsvi_bytes_room(struct obsvi_bytes *b, size_t extra)
{
    if (b->failed || (b->cap - b->len < extra && !obsvi_bytes_grow(b, extra)))
        return NULL;
    return b->data + b->len;
}

static inline void obsvi_bytes_put(struct obsvi_bytes *b, const void *p, size_t n)
{
    uint8_t *at = n ? obsvi_bytes_room(b, n) : NULL;
    if (at) {
        memcpy(at, p, n);
        b->len += n;
    }
}

static inline void obsvi_bytes_put_u8(struct obsvi_bytes *b, uint8_t v)
{
    obsvi_bytes_put(b, &v, 1);
}

static inline void obsvi_bytes_put_text(struct obsvi_bytes *b, const char *s)
{
    obsvi_bytes_put(b, s, strlen(s));
}

/* A string with its length: bytes, not characters; never NUL-terminated. */
struct obsvi_str {
    const char *ptr;
    size_t len;
};

#define OBSVI_STR(literal) ((struct obsvi_str){(literal), sizeof(literal) - 1})

static inline struct obsvi_str obsvi_str_of(const char *s)
{
    return (struct obsvi_str){s, s ? strlen(s) : 0};
}

static inline bool obsvi_str_eq(struct obsvi_str a, struct obsvi_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Reader. */
struct obsvi_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct obsvi_cursor obsvi_cursor_of(const void *p, size_t n)
{
    return (struct obsvi_cursor){(const uint8_t *)p, (const uint8_t *)p + n, false};
}

static inline size_t obsvi_cursor_left(const struct obsvi_cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* The next n bytes, or NULL and `failed`. */
static inline const uint8_t *obsvi_cursor_take(struct obsvi_cursor *c, size_t n)
{
    if (c->failed || obsvi_cursor_left(c) < n) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

static inline uint8_t obsvi_cursor_u8(struct obsvi_cursor *c)
{
    const uint8_t *p = obsvi_cursor_take(c, 1);
    return p ? *p : 0;
}

/* Fixed-width integers in the machine's own byte order (records never leave the machine). */
#define OBSVI_CURSOR_FIXED(name, type)                                                                       \
    static inline type obsvi_cursor_##name(struct obsvi_cursor *c)                                           \
    {                                                                                                        \
        type v = 0;                                                                                          \
        const uint8_t *p = obsvi_cursor_take(c, sizeof v);                                                   \
        if (p)                                                                                               \
            memcpy(&v, p, sizeof v);                                                                         \
        return v;                                                                                            \
    }
OBSVI_CURSOR_FIXED(u16, uint16_t)
OBSVI_CURSOR_FIXED(u32, uint32_t)
OBSVI_CURSOR_FIXED(u64, uint64_t)
OBSVI_CURSOR_FIXED(i64, int64_t)
OBSVI_CURSOR_FIXED(f64, double)
#undef OBSVI_CURSOR_FIXED

#endif
