/* json: escaping and plain values.
 *
 * Escaping looks at eight bytes at a time and copies them as they are while none of them needs an escape,
 * which is the rule; room for the worst case of a block is reserved once, so the inner loop writes unchecked.
 */
#include "encode/json.h"

enum {
    ESCAPE_BYTES_MAX = 6, /* \u001f */
    SHORT_BYTES_MAX = 64, /* so short that it is copied first and looked at meanwhile */
    BLOCK_BYTES = 1024,   /* reserved at six times its size: small enough not to inflate the buffer */
};

static const char hex_digits[] = "0123456789abcdef";

/* Non-zero if one of the eight bytes is a control, a quotation mark or a backslash (exact: no false alarms
 * matter here, a false "needs escape" only takes the slow path). */
static inline uint64_t needs_escape(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\';
    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
}

static char *put_escape(char *at, uint8_t c)
{
    static const char short_forms[] = "btn\0fr"; /* U+0008 .. U+000D */
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
    } else if (c >= 8 && c <= 13 && short_forms[c - 8]) {
        *at++ = short_forms[c - 8];
    } else {
        memcpy(at, "u00", 3);
        at[3] = hex_digits[c >> 4];
        at[4] = hex_digits[c & 15];
        at += 5;
    }
    return at;
}

/* Copies s. False if some of it needs an escape: then what is at `at` is of no use. Short text is taken in
 * two pieces that overlap as needed, so that its length costs no unforeseeable branch. */
static inline bool copy_plain(char *at, const char *s, size_t n)
{
    uint64_t w, found = 0;
    if (n >= sizeof w) {
        for (size_t i = 0; i < n - sizeof w; i += sizeof w) {
            memcpy(&w, s + i, sizeof w);
            memcpy(at + i, &w, sizeof w);
            found |= needs_escape(w);
        }
        memcpy(&w, s + n - sizeof w, sizeof w);
        memcpy(at + n - sizeof w, &w, sizeof w);
        return !(found | needs_escape(w));
    }
    if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, s, sizeof low);
        memcpy(&high, s + n - sizeof high, sizeof high);
        memcpy(at, &low, sizeof low);
        memcpy(at + n - sizeof high, &high, sizeof high);
        return !needs_escape((uint64_t)high << 32 | low);
    }
    if (n == 0)
        return true;
    uint8_t first = (uint8_t)s[0], middle = (uint8_t)s[n / 2], last = (uint8_t)s[n - 1];
    at[0] = (char)first;
    at[n / 2] = (char)middle;
    at[n - 1] = (char)last;
    return !needs_escape(UINT64_C(0x2020202020000000) | (uint64_t)last << 16 | (uint64_t)middle << 8 | first);
}

static char *escape_block(char *at, const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t w;
        for (; n - i >= sizeof w; i += sizeof w, at += sizeof w) {
            memcpy(&w, s + i, sizeof w);
            if (needs_escape(w))
                break;
            memcpy(at, &w, sizeof w);
        }
        for (size_t stop = n - i < sizeof w ? n : i + sizeof w; i < stop; i++) {
            uint8_t c = (uint8_t)s[i];
            if (c < 0x20 || c == '"' || c == '\\')
                at = put_escape(at, c);
            else
                *at++ = (char)c;
        }
    }
    return at;
}

void obsvi_json_put_escaped(struct obsvi_bytes *out, const char *s, size_t n)
{
    while (n > 0) {
        size_t block = n < BLOCK_BYTES ? n : BLOCK_BYTES;
        char *at = (char *)obsvi_bytes_room(out, block * ESCAPE_BYTES_MAX);
        if (!at)
            return;
        out->len += (size_t)(escape_block(at, s, block) - at);
        s += block;
        n -= block;
    }
}

void obsvi_json_put_string(struct obsvi_bytes *out, struct obsvi_str s)
{
    if (s.len <= SHORT_BYTES_MAX) {
        char *start = (char *)obsvi_bytes_room(out, s.len * ESCAPE_BYTES_MAX + 2);
        if (!start)
            return;
        bool is_plain = copy_plain(start + 1, s.ptr, s.len);
        char *end = is_plain ? start + 1 + s.len : escape_block(start + 1, s.ptr, s.len);
        *start = *end = '"';
        out->len += (size_t)(end + 1 - start);
        return;
    }
    if (s.len <= BLOCK_BYTES) {
        char *start = (char *)obsvi_bytes_room(out, s.len * ESCAPE_BYTES_MAX + 2);
        if (!start)
            return;
        char *at = start;
        *at++ = '"';
        at = escape_block(at, s.ptr, s.len);
        *at++ = '"';
        out->len += (size_t)(at - start);
        return;
    }
    obsvi_bytes_put_u8(out, '"');
    obsvi_json_put_escaped(out, s.ptr, s.len);
    obsvi_bytes_put_u8(out, '"');
}

void obsvi_json_put_i64(struct obsvi_bytes *out, int64_t v)
{
    char *at = (char *)obsvi_bytes_room(out, OBSVI_INTEGER_CHARS_MAX);
    if (at)
        out->len += obsvi_i64_put(at, v);
}

void obsvi_json_put_double(struct obsvi_bytes *out, double v)
{
    const char *name = obsvi_double_name(v);
    if (name) {
        obsvi_json_put_string(out, obsvi_str_of(name));
        return;
    }
    char *at = (char *)obsvi_bytes_room(out, OBSVI_DOUBLE_CHARS_MAX);
    if (at)
        out->len += obsvi_double_put(at, v);
}

void obsvi_json_put_base64(struct obsvi_bytes *out, struct obsvi_str bytes)
{
    size_t n = obsvi_base64_bytes(bytes.len);
    char *at = (char *)obsvi_bytes_room(out, n + 2);
    if (!at)
        return;
    at[0] = '"';
    obsvi_base64_put(at + 1, bytes.ptr, bytes.len);
    at[n + 1] = '"';
    out->len += n + 2;
}

void obsvi_json_put_hex(struct obsvi_bytes *out, const uint8_t *p, size_t n)
{
    char *at = (char *)obsvi_bytes_room(out, 2 * n);
    if (!at)
        return;
    for (size_t i = 0; i < n; i++) {
        at[2 * i] = hex_digits[p[i] >> 4];
        at[2 * i + 1] = hex_digits[p[i] & 15];
    }
    out->len += 2 * n;
}

static void put_array(struct obsvi_bytes *out, struct obsvi_cursor items)
{
    struct obsvi_value v;
    char before = '[';
    while (obsvi_read_item(&items, &v)) {
        obsvi_bytes_put_u8(out, (uint8_t)before);
        obsvi_json_put_value(out, &v);
        before = ',';
    }
    if (before == '[')
        obsvi_bytes_put_u8(out, '[');
    obsvi_bytes_put_u8(out, ']');
}

static void put_map(struct obsvi_bytes *out, struct obsvi_cursor entries)
{
    struct obsvi_str key;
    struct obsvi_value v;
    char before = '{';
    while (obsvi_read_entry(&entries, &key, &v)) {
        obsvi_bytes_put_u8(out, (uint8_t)before);
        obsvi_json_put_string(out, key);
        obsvi_bytes_put_u8(out, ':');
        obsvi_json_put_value(out, &v);
        before = ',';
    }
    if (before == '{')
        obsvi_bytes_put_u8(out, '{');
    obsvi_bytes_put_u8(out, '}');
}

void obsvi_json_put_value(struct obsvi_bytes *out, const struct obsvi_value *v)
{
    switch (v->type) {
    case OBSVI_BOOL:
        obsvi_bytes_put_text(out, v->boolean ? "true" : "false");
        break;
    case OBSVI_I64:
        obsvi_json_put_i64(out, v->i64);
        break;
    case OBSVI_F64:
        obsvi_json_put_double(out, v->f64);
        break;
    case OBSVI_STR:
        obsvi_json_put_string(out, v->str);
        break;
    case OBSVI_BYTES:
        obsvi_json_put_base64(out, v->str);
        break;
    case OBSVI_ARRAY:
        put_array(out, v->items);
        break;
    case OBSVI_MAP:
        put_map(out, v->items);
        break;
    default:
        OBSVI_JSON_PUT(out, "null");
    }
}

size_t obsvi_json_go_string_bytes(struct obsvi_str s)
{
    size_t n = s.len + 2;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        if (c < 0x20 || c == '<' || c == '>' || c == '&')
            n += 5;
        else if (c == '"' || c == '\\')
            n += 1;
        else if (c == 0xe2) /* U+2028 and U+2029 become \u2028; others of that lead byte are overstated */
            n += 3;
    }
    return n;
}
