/* mend_text: texts on their own. See mend.h; containers are in mend.c. */
#include "encode/mend.h"

#include "encode/number.h"
#include "encode/utf8.h"

enum { MARK_BYTES_MAX = 48 };

static struct obsvi_str out_of_memory(struct obsvi_mender *m)
{
    m->failed = true;
    return OBSVI_STR("");
}

static struct obsvi_str repair(struct obsvi_mender *m, struct obsvi_str s)
{
    if (obsvi_utf8_valid_prefix(s.ptr, s.len) == s.len)
        return s;
    m->marks |= OBSVI_MARK_UTF8;
    /* Each ill-formed byte becomes three; the buffer is as large as that and never grows. */
    struct obsvi_bytes out = {.data = obsvi_arena_alloc(&m->arena, s.len * 3), .cap = s.len * 3};
    if (!out.data)
        return out_of_memory(m);
    obsvi_utf8_put(&out, s.ptr, s.len);
    return (struct obsvi_str){(char *)out.data, out.len};
}

struct obsvi_str obsvi_mend_unusual_text(struct obsvi_mender *m, struct obsvi_str s, uint64_t original_bytes,
                                         size_t max_bytes)
{
    uint64_t hidden = original_bytes > s.len ? original_bytes - s.len : 0;
    s = repair(m, s);
    if (!hidden && s.len <= max_bytes)
        return s;

    m->marks |= OBSVI_MARK_TRUNCATED;
    size_t room = max_bytes > MARK_BYTES_MAX ? max_bytes - MARK_BYTES_MAX : 0;
    size_t keep = s.len <= room ? s.len : obsvi_utf8_cut(s.ptr, room);
    char *text = obsvi_arena_alloc(&m->arena, keep + MARK_BYTES_MAX);
    if (!text)
        return out_of_memory(m);
    if (keep)
        memcpy(text, s.ptr, keep);
    static const char before[] = "\xe2\x80\xa6[+", after[] = " bytes]";
    char *at = text + keep;
    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    at += obsvi_u64_put(at, s.len - keep + hidden);
    memcpy(at, after, sizeof after - 1);
    at += sizeof after - 1;
    return (struct obsvi_str){text, (size_t)(at - text)};
}

static size_t character_start(struct obsvi_str s, size_t i)
{
    while (i < s.len && ((uint8_t)s.ptr[i] & 0xc0) == 0x80)
        i++;
    return i;
}

static struct obsvi_str join(struct obsvi_mender *m, struct obsvi_str head, uint64_t left_out,
                             struct obsvi_str tail)
{
    char *text = obsvi_arena_alloc(&m->arena, head.len + MARK_BYTES_MAX + tail.len);
    if (!text)
        return out_of_memory(m);
    static const char before[] = "\n... [", after[] = " bytes left out] ...\n";
    char *at = text;
    memcpy(at, head.ptr, head.len);
    at += head.len;
    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    at += obsvi_u64_put(at, left_out);
    memcpy(at, after, sizeof after - 1);
    at += sizeof after - 1;
    memcpy(at, tail.ptr, tail.len);
    at += tail.len;
    return (struct obsvi_str){text, (size_t)(at - text)};
}

struct obsvi_str obsvi_mend_stacktrace(struct obsvi_mender *m, struct obsvi_str s, uint64_t original_bytes,
                                       size_t max_bytes)
{
    if (original_bytes > s.len)
        m->marks |= OBSVI_MARK_TRUNCATED; /* by the writer, whose mark is in the text */
    s = repair(m, s);
    s.len = obsvi_utf8_characters(s.ptr, s.len, m->limit_characters);
    if (s.len <= max_bytes)
        return s;
    m->marks |= OBSVI_MARK_TRUNCATED;
    size_t half = (max_bytes - MARK_BYTES_MAX) / 2;
    struct obsvi_str head = {s.ptr, obsvi_utf8_cut(s.ptr, half)};
    size_t tail_at = character_start(s, s.len - half);
    struct obsvi_str tail = {s.ptr + tail_at, s.len - tail_at};
    uint64_t whole = original_bytes > s.len ? original_bytes : s.len;
    return join(m, head, whole - head.len - tail.len, tail);
}
