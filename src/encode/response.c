/* response: the little that is worth reading in a server's answer.
 *
 * The answer comes from outside and is hostile until shown otherwise: every length is checked, and what is
 * printed is cut, made one line and stripped of control characters (a terminal obeys those). No JSON library
 * for three members: a scanner that knows strings from structure finds them at any depth, in the order in
 * which they come.
 */
#include "encode/encode.h"

#include "encode/protobuf.h"
#include "encode/utf8.h"

/* ---- The printable line -------------------------------------------------------------------------------- */

struct line {
    char *text;
    size_t len, cap; /* cap: without the final NUL */
};

static void line_add(struct line *line, const char *s, size_t n)
{
    struct obsvi_bytes clean = {0};
    obsvi_utf8_put(&clean, s, n);
    for (size_t i = 0; i < clean.len && line->len < line->cap; i++) {
        char c = (char)clean.data[i];
        bool is_c1_control = clean.data[i] == 0xc2 && i + 1 < clean.len && clean.data[i + 1] < 0xa0;
        i += is_c1_control;
        if ((uint8_t)c < 0x20 || c == 0x7f || is_c1_control)
            c = ' ';
        if (c == ' ' && (line->len == 0 || line->text[line->len - 1] == ' '))
            continue;
        line->text[line->len++] = c;
    }
    obsvi_bytes_fini(&clean);
}

static void line_end(struct line *line)
{
    line->len = obsvi_utf8_cut(line->text, line->len);
    while (line->len && line->text[line->len - 1] == ' ')
        line->len--;
    line->text[line->len] = '\0';
}

/* ---- Protobuf ------------------------------------------------------------------------------------------ */

/* google.rpc.Status { code = 1, message = 2 } */
static bool read_status(struct obsvi_cursor c, struct line *line)
{
    struct obsvi_pb_field f;
    while (obsvi_pb_read(&c, &f))
        if (f.number == 2 && f.wire == OBSVI_PB_LEN)
            line_add(line, f.content.ptr, f.content.len);
    return !c.failed && c.at == c.end;
}

/* ExportLogsPartialSuccess { rejected_log_records = 1, error_message = 2 } */
static int64_t read_partial_success(struct obsvi_cursor c, struct line *line)
{
    struct obsvi_pb_field f;
    int64_t rejected = 0;
    while (obsvi_pb_read(&c, &f)) {
        if (f.number == 1 && f.wire == OBSVI_PB_VARINT)
            rejected = (int64_t)f.varint;
        if (f.number == 2 && f.wire == OBSVI_PB_LEN)
            line_add(line, f.content.ptr, f.content.len);
    }
    return rejected;
}

/* ExportLogsServiceResponse { partial_success = 1 } */
static int64_t read_success(struct obsvi_cursor c, struct line *line)
{
    struct obsvi_pb_field f;
    int64_t rejected = 0;
    while (obsvi_pb_read(&c, &f))
        if (f.number == 1 && f.wire == OBSVI_PB_LEN)
            rejected = read_partial_success(obsvi_cursor_of(f.content.ptr, f.content.len), line);
    return rejected;
}

/* What a proxy in between says: text or HTML, without its tags. */
static void read_page(const char *s, size_t n, struct line *line)
{
    while (n > 0 && line->len < line->cap) {
        const char *tag = memchr(s, '<', n);
        size_t text = tag ? (size_t)(tag - s) : n;
        line_add(line, s, text);
        line_add(line, " ", 1);
        const char *tag_end = tag ? memchr(tag, '>', n - text) : NULL;
        if (!tag_end)
            return;
        n -= (size_t)(tag_end + 1 - s);
        s = tag_end + 1;
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static void skip_space(struct obsvi_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

/* After the opening quotation mark; leaves the cursor behind the closing one. The content stays escaped. */
static struct obsvi_str read_string(struct obsvi_cursor *c)
{
    const uint8_t *start = c->at;
    while (c->at < c->end && *c->at != '"')
        c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
    struct obsvi_str s = {(const char *)start, (size_t)(c->at - start)};
    if (c->at < c->end)
        c->at++;
    return s;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Bytes of \uXXXX at s as UTF-8; a surrogate comes out as three bytes, which line_add makes U+FFFD. */
static void add_unicode_escape(struct line *line, const char *s)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(s[i]);
        if (digit < 0)
            return;
        v = v << 4 | (unsigned)digit;
    }
    char utf8[3] = {(char)(0xe0 | v >> 12), (char)(0x80 | (v >> 6 & 63)), (char)(0x80 | (v & 63))};
    if (v >= 0x800) {
        line_add(line, utf8, 3);
    } else if (v >= 0x80) {
        utf8[1] = (char)(0xc0 | v >> 6);
        line_add(line, utf8 + 1, 2);
    } else {
        utf8[0] = (char)v;
        line_add(line, utf8, 1);
    }
}

static void add_unescaped(struct line *line, struct obsvi_str s)
{
    while (s.len) {
        const char *escape = memchr(s.ptr, '\\', s.len);
        size_t plain = escape ? (size_t)(escape - s.ptr) : s.len;
        line_add(line, s.ptr, plain);
        if (!escape || s.len - plain < 2)
            return;
        size_t used = 2;
        char c = escape[1];
        if (c == 'u' && s.len - plain >= 6) {
            add_unicode_escape(line, escape + 2);
            used = 6;
        } else {
            line_add(line, strchr("bfnrt", c) ? " " : &escape[1], 1);
        }
        s.ptr += plain + used;
        s.len -= plain + used;
    }
}

static int64_t read_integer(struct obsvi_cursor *c)
{
    int64_t v = 0;
    c->at += c->at < c->end && *c->at == '"'; /* int64 is a string in proto3 JSON, a number is allowed too */
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && v < INT64_MAX / 10 - 1; c->at++)
        v = v * 10 + (*c->at - '0');
    c->at += c->at < c->end && *c->at == '"';
    return v;
}

static bool is_name(struct obsvi_str s, const char *camel, const char *snake)
{
    return obsvi_str_eq(s, obsvi_str_of(camel)) || obsvi_str_eq(s, obsvi_str_of(snake));
}

static int64_t read_json(struct obsvi_cursor c, bool is_error, struct line *line)
{
    int64_t rejected = 0;
    while (c.at < c.end) {
        if (*c.at++ != '"')
            continue;
        struct obsvi_str name = read_string(&c);
        skip_space(&c);
        if (c.at == c.end || *c.at != ':')
            continue;
        c.at++;
        skip_space(&c);
        if (!is_error && is_name(name, "rejectedLogRecords", "rejected_log_records")) {
            rejected = read_integer(&c);
        } else if (c.at < c.end && *c.at == '"' &&
                   (is_error ? is_name(name, "message", "message")
                             : is_name(name, "errorMessage", "error_message"))) {
            c.at++;
            add_unescaped(line, read_string(&c));
        }
    }
    return rejected;
}

int64_t obsvi_response_read(bool is_json, bool is_error, const void *body, size_t n, char *message,
                            size_t message_bytes)
{
    if (!message_bytes)
        return 0;
    struct line line = {message, 0, message_bytes - 1};
    int64_t rejected = 0;
    struct obsvi_cursor c = obsvi_cursor_of(n ? body : "", n);
    if (is_json) {
        rejected = read_json(c, is_error, &line);
    } else if (!is_error) {
        rejected = read_success(c, &line);
    } else if (!read_status(c, &line)) {
        line.len = 0;
        read_page(body, n, &line);
    }
    line_end(&line);
    return rejected > 0 ? rejected : 0;
}
