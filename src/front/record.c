/* record: writer (caller's thread) and reader (shipper, tests) of the record format.
 *
 * The writer keeps one promise: whatever it is given, what lies between `start` and `at` is well formed and
 * `at` never passes `end`. An attribute is written in place and taken back if it turns out too long, which is
 * cheaper than measuring it first; containers get their length patched in when they close.
 *
 * The reader trusts nothing, since a damaged record must not take the host down: every length is checked
 * against the range that contains it (struct obsvi_cursor), and a container's items are a range of their own.
 */
#include "front/record.h"

enum {
    TRACE_BYTES = 25,
    EXCEPTION_HEADS_BYTES = 3 * (1 + 8 + 4), /* type, original_bytes and length of each text */
    LEFT_OUT_MARK_BYTES = 64,
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The largest m <= max such that s[0..m) ends with no part of a UTF-8 character; max if s is no UTF-8. */
static size_t cut_at_character(const char *s, size_t n, size_t max)
{
    if (n <= max)
        return n;
    size_t m = max;
    while (m > 0 && max - m < 3 && ((uint8_t)s[m] & 0xc0) == 0x80)
        m--;
    return ((uint8_t)s[m] & 0xc0) == 0x80 ? max : m;
}

/* ---- Writing: head and texts --------------------------------------------------------------------------- */

void obsvi_writer_begin(struct obsvi_writer *w, void *space, size_t space_bytes, uint64_t time_ns,
                        uint8_t severity)
{
    memset(w, 0, sizeof *w);
    space_bytes = min_size(space_bytes, UINT32_MAX) & ~(size_t)7; /* room for the padding, once and for all */
    w->start = space;
    w->end = w->start + space_bytes;
    w->at = space_bytes < sizeof w->head ? w->end : w->start + sizeof w->head;
    w->attrs_end = w->end - min_size(space_bytes / 16, (size_t)(w->end - w->at));
    w->head.kind = OBSVI_RECORD_LOG;
    w->head.severity = severity;
    w->head.time_ns = time_ns;
}

static size_t put_cut_text(struct obsvi_writer *w, const char *s, size_t n, size_t max)
{
    size_t m = s ? cut_at_character(s, n, min_size(max, (size_t)(w->end - w->at))) : 0;
    if (m)
        memcpy(w->at, s, m);
    w->at += m;
    return m;
}

void obsvi_writer_logger(struct obsvi_writer *w, const char *s, size_t n)
{
    w->head.logger_bytes = (uint16_t)put_cut_text(w, s, n, OBSVI_NAME_BYTES_MAX);
}

void obsvi_writer_level(struct obsvi_writer *w, const char *s, size_t n)
{
    w->head.level_bytes = (uint8_t)put_cut_text(w, s, n, UINT8_MAX);
}

void obsvi_writer_body(struct obsvi_writer *w, const char *s, size_t n)
{
    w->head.body_bytes = (uint32_t)put_cut_text(w, s, n, OBSVI_TEXT_BYTES_MAX);
    if (s && w->head.body_bytes < n) {
        w->head.flags |= OBSVI_BODY_CUT;
        w->head.body_original_bytes = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
}

void obsvi_writer_event(struct obsvi_writer *w, const char *s, size_t n)
{
    w->head.event_bytes = (uint16_t)put_cut_text(w, s, n, OBSVI_NAME_BYTES_MAX);
}

/* ---- Writing: attributes and values -------------------------------------------------------------------- */

/* Where the next n bytes of the current attribute go, or NULL and `overflow`. */
static inline uint8_t *attr_room(struct obsvi_writer *w, size_t n)
{
    if (w->overflow || (size_t)(w->attrs_end - w->at) < n || w->at > w->attrs_end) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *at = w->at;
    w->at += n;
    return at;
}

static inline void put_key_and_type(struct obsvi_writer *w, const char *key, size_t key_bytes,
                                    enum obsvi_type type)
{
    /* Some bytes more than the limit are kept, so that the encoder sees that the key was too long. */
    uint16_t n = (uint16_t)(key ? min_size(key_bytes, OBSVI_KEY_BYTES_MAX + 8) : 0);
    uint8_t *at = attr_room(w, sizeof n + 1 + n);
    if (!at)
        return;
    uint16_t stored = !key && key_bytes == OBSVI_KEY_FROM_SCHEMA ? OBSVI_KEY_FROM_SCHEMA : n;
    memcpy(at, &stored, sizeof stored);
    at[2] = (uint8_t)type;
    if (n)
        memcpy(at + 3, key, n);
}

void obsvi_writer_attr_open(struct obsvi_writer *w, const char *key, size_t key_bytes, enum obsvi_type type)
{
    w->attr_at = w->at;
    w->overflow = w->head.attr_count == UINT16_MAX;
    put_key_and_type(w, key, key_bytes, type);
}

/* Takes the current attribute back. A schema key's position must stay occupied, or the keys after it would
 * shift. */
static void drop_attr(struct obsvi_writer *w, bool has_schema_key)
{
    w->at = w->attr_at;
    if (w->head.attrs_dropped_count < UINT16_MAX)
        w->head.attrs_dropped_count++;
    if (!has_schema_key || w->head.attr_count == UINT16_MAX)
        return;
    w->overflow = false;
    uint8_t *at = attr_room(w, 3);
    if (!at)
        return;
    memset(at, 0xff, 2);
    at[2] = OBSVI_OMITTED;
    w->head.attr_count++;
    w->head.attrs_bytes += 3;
}

void obsvi_writer_attr_close(struct obsvi_writer *w)
{
    if (!w->overflow) {
        w->head.attr_count++;
        w->head.attrs_bytes += (uint32_t)(w->at - w->attr_at);
    } else {
        bool has_schema_key = w->at - w->attr_at >= 2 && w->attr_at[0] == 0xff && w->attr_at[1] == 0xff;
        drop_attr(w, has_schema_key);
    }
    w->overflow = false;
}

void obsvi_writer_value_bool(struct obsvi_writer *w, bool v)
{
    uint8_t *at = attr_room(w, 1);
    if (at)
        *at = v;
}

void obsvi_writer_value_i64(struct obsvi_writer *w, int64_t v)
{
    uint8_t *at = attr_room(w, sizeof v);
    if (at)
        memcpy(at, &v, sizeof v);
}

void obsvi_writer_value_f64(struct obsvi_writer *w, double v)
{
    uint8_t *at = attr_room(w, sizeof v);
    if (at)
        memcpy(at, &v, sizeof v);
}

void obsvi_writer_value_bytes(struct obsvi_writer *w, const void *p, size_t n)
{
    uint32_t bytes = (uint32_t)n;
    uint8_t *at = n <= UINT32_MAX ? attr_room(w, sizeof bytes + n) : NULL;
    if (!at) {
        w->overflow = true;
        return;
    }
    memcpy(at, &bytes, sizeof bytes);
    if (n)
        memcpy(at + sizeof bytes, p, n);
}

void obsvi_writer_value_cut(struct obsvi_writer *w, const char *s, size_t n, uint64_t original_bytes)
{
    uint8_t *at = attr_room(w, sizeof original_bytes);
    if (at)
        memcpy(at, &original_bytes, sizeof original_bytes);
    obsvi_writer_value_bytes(w, s, n);
}

size_t obsvi_writer_container_open(struct obsvi_writer *w)
{
    uint8_t *at = attr_room(w, sizeof(uint32_t));
    return at ? (size_t)(at - w->start) : 0;
}

void obsvi_writer_container_close(struct obsvi_writer *w, size_t mark)
{
    if (w->overflow || !mark)
        return;
    uint8_t *at = w->start + mark;
    uint32_t bytes = (uint32_t)(w->at - at - sizeof(uint32_t));
    memcpy(at, &bytes, sizeof bytes);
}

void obsvi_writer_item_open(struct obsvi_writer *w, enum obsvi_type type)
{
    uint8_t *at = attr_room(w, 1);
    if (at)
        *at = (uint8_t)type;
}

void obsvi_writer_entry_open(struct obsvi_writer *w, const char *key, size_t key_bytes, enum obsvi_type type)
{
    put_key_and_type(w, key ? key : "", key ? key_bytes : 0, type);
}

void obsvi_writer_attr_str(struct obsvi_writer *w, const char *key, size_t key_bytes, const char *s, size_t n)
{
    bool is_cut = n > OBSVI_TEXT_BYTES_MAX;
    obsvi_writer_attr_open(w, key, key_bytes, is_cut ? OBSVI_STR_CUT : OBSVI_STR);
    if (is_cut)
        obsvi_writer_value_cut(w, s, cut_at_character(s, n, OBSVI_TEXT_BYTES_MAX), n);
    else
        obsvi_writer_value_bytes(w, s, n);
    obsvi_writer_attr_close(w);
}

void obsvi_writer_attr_i64(struct obsvi_writer *w, const char *key, size_t key_bytes, int64_t v)
{
    obsvi_writer_attr_open(w, key, key_bytes, OBSVI_I64);
    obsvi_writer_value_i64(w, v);
    obsvi_writer_attr_close(w);
}

/* ---- Writing: exception, trace, end -------------------------------------------------------------------- */

static void put_u8(struct obsvi_writer *w, uint8_t v)
{
    *w->at++ = v;
}

static void put_raw(struct obsvi_writer *w, const void *p, size_t n)
{
    if (n)
        memcpy(w->at, p, n);
    w->at += n;
}

/* type and lengths of one exception text; room was reserved */
static void put_text_head(struct obsvi_writer *w, size_t original_bytes, size_t kept_bytes)
{
    uint64_t original = original_bytes;
    uint32_t kept = (uint32_t)kept_bytes;
    bool is_cut = kept_bytes < original_bytes;
    put_u8(w, is_cut ? OBSVI_STR_CUT : OBSVI_STR);
    if (is_cut)
        put_raw(w, &original, sizeof original);
    put_raw(w, &kept, sizeof kept);
}

static size_t put_exception_text(struct obsvi_writer *w, struct obsvi_str s, size_t max)
{
    if (!s.ptr) {
        put_u8(w, OBSVI_NULL);
        return 0;
    }
    size_t n = cut_at_character(s.ptr, s.len, max);
    put_text_head(w, s.len, n);
    put_raw(w, s.ptr, n);
    return n;
}

static size_t put_decimal(char *out, size_t v)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

/* The cause stands at one end of a trace and the place at the other, in which order depends on the language:
 * both ends are kept. */
static void put_stacktrace(struct obsvi_writer *w, struct obsvi_str s, size_t max)
{
    if (!s.ptr || s.len <= max || max < 2 * LEFT_OUT_MARK_BYTES) {
        put_exception_text(w, s, max);
        return;
    }
    size_t half = (max - LEFT_OUT_MARK_BYTES) / 2;
    size_t head = cut_at_character(s.ptr, s.len, half);
    size_t tail = s.len - half;
    while (tail < s.len && tail - (s.len - half) < 3 && ((uint8_t)s.ptr[tail] & 0xc0) == 0x80)
        tail++;

    char mark[LEFT_OUT_MARK_BYTES] = "\n... [";
    size_t n = strlen(mark);
    n += put_decimal(mark + n, tail - head);
    static const char rest[] = " bytes left out] ...\n";
    memcpy(mark + n, rest, sizeof rest - 1);
    n += sizeof rest - 1;

    put_text_head(w, s.len, head + n + (s.len - tail));
    put_raw(w, s.ptr, head);
    put_raw(w, mark, n);
    put_raw(w, s.ptr + tail, s.len - tail);
}

void obsvi_writer_exception(struct obsvi_writer *w, struct obsvi_str type, struct obsvi_str message,
                            struct obsvi_str stacktrace)
{
    size_t room = (size_t)(w->end - w->at);
    if (room < EXCEPTION_HEADS_BYTES + TRACE_BYTES)
        return;
    room -= EXCEPTION_HEADS_BYTES + TRACE_BYTES;
    room -= put_exception_text(w, type, min_size(room, OBSVI_NAME_BYTES_MAX));
    room -=
        put_exception_text(w, message, min_size(stacktrace.ptr ? room / 2 : room, OBSVI_TEXT_BYTES_MAX / 2));
    put_stacktrace(w, stacktrace, min_size(room, OBSVI_STACKTRACE_BYTES_MAX));
    w->head.flags |= OBSVI_HAS_EXCEPTION;
}

void obsvi_writer_trace(struct obsvi_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8],
                        uint8_t flags)
{
    if ((size_t)(w->end - w->at) < TRACE_BYTES)
        return;
    put_raw(w, trace_id, 16);
    put_raw(w, span_id, 8);
    put_u8(w, flags);
    w->head.flags |= OBSVI_HAS_TRACE;
}

size_t obsvi_writer_end(struct obsvi_writer *w)
{
    if ((size_t)(w->end - w->start) < sizeof w->head)
        return 0;
    while ((w->at - w->start) & 7)
        put_u8(w, 0);
    w->head.size_bytes = (uint32_t)(w->at - w->start);
    memcpy(w->start, &w->head, sizeof w->head);
    return w->head.size_bytes;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static struct obsvi_str take_str(struct obsvi_cursor *c, size_t n)
{
    const uint8_t *p = obsvi_cursor_take(c, n);
    return (struct obsvi_str){(const char *)p, p ? n : 0};
}

static struct obsvi_cursor take_range(struct obsvi_cursor *c, size_t n)
{
    const uint8_t *p = obsvi_cursor_take(c, n);
    return p ? obsvi_cursor_of(p, n) : (struct obsvi_cursor){c->end, c->end, true};
}

static bool read_value(struct obsvi_cursor *c, uint8_t type, struct obsvi_value *v)
{
    v->type = (enum obsvi_type)type;
    v->original_bytes = 0;
    switch (type) {
    case OBSVI_NULL:
    case OBSVI_OMITTED:
        break;
    case OBSVI_BOOL:
        v->boolean = obsvi_cursor_u8(c) != 0;
        break;
    case OBSVI_I64:
        v->i64 = obsvi_cursor_i64(c);
        break;
    case OBSVI_F64:
        v->f64 = obsvi_cursor_f64(c);
        break;
    case OBSVI_STR_CUT:
        v->type = OBSVI_STR;
        v->original_bytes = obsvi_cursor_u64(c);
        v->str = take_str(c, obsvi_cursor_u32(c));
        if (v->original_bytes <= v->str.len)
            v->original_bytes = 0;
        break;
    case OBSVI_STR:
    case OBSVI_BYTES:
        v->str = take_str(c, obsvi_cursor_u32(c));
        break;
    case OBSVI_ARRAY:
    case OBSVI_MAP:
        v->items = take_range(c, obsvi_cursor_u32(c));
        break;
    default:
        c->failed = true;
    }
    return !c->failed;
}

bool obsvi_read_item(struct obsvi_cursor *c, struct obsvi_value *value)
{
    if (c->failed || c->at == c->end)
        return false;
    return read_value(c, obsvi_cursor_u8(c), value);
}

bool obsvi_read_entry(struct obsvi_cursor *c, struct obsvi_str *key, struct obsvi_value *value)
{
    if (c->failed || c->at == c->end)
        return false;
    uint16_t key_bytes = obsvi_cursor_u16(c);
    uint8_t type = obsvi_cursor_u8(c);
    if (key_bytes == OBSVI_KEY_FROM_SCHEMA)
        *key = (struct obsvi_str){NULL, OBSVI_KEY_FROM_SCHEMA};
    else
        *key = take_str(c, key_bytes);
    return !c->failed && read_value(c, type, value);
}

static void read_exception_text(struct obsvi_cursor *c, struct obsvi_value *v)
{
    if (!read_value(c, obsvi_cursor_u8(c), v) || (v->type != OBSVI_NULL && v->type != OBSVI_STR)) {
        c->failed = true;
        *v = (struct obsvi_value){.type = OBSVI_NULL};
    }
}

bool obsvi_record_read(struct obsvi_record *out, const void *bytes, size_t n)
{
    memset(out, 0, sizeof *out);
    const struct obsvi_record_head *head = bytes;
    if ((uintptr_t)bytes % 8 != 0 || n < sizeof *head || head->kind != OBSVI_RECORD_LOG ||
        head->size_bytes < sizeof *head || head->size_bytes > n || head->size_bytes % 8 != 0)
        return false;

    struct obsvi_cursor c = obsvi_cursor_of(head + 1, head->size_bytes - sizeof *head);
    out->head = head;
    out->logger = take_str(&c, head->logger_bytes);
    out->level = take_str(&c, head->level_bytes);
    out->body = take_str(&c, head->body_bytes);
    out->event = take_str(&c, head->event_bytes);
    out->attrs = take_range(&c, head->attrs_bytes);
    if (head->flags & OBSVI_HAS_EXCEPTION) {
        read_exception_text(&c, &out->exception_type);
        read_exception_text(&c, &out->exception_message);
        read_exception_text(&c, &out->exception_stacktrace);
    }
    if (head->flags & OBSVI_HAS_TRACE) {
        out->trace_id = obsvi_cursor_take(&c, 16);
        out->span_id = obsvi_cursor_take(&c, 8);
        out->trace_flags = obsvi_cursor_u8(&c);
    }
    return !c.failed && obsvi_cursor_left(&c) < 8;
}
