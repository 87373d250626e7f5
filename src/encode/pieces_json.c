/* pieces: the OTLP/JSON request. See pieces.h.
 *
 * A structural scanner: it knows strings with their escapes, and brackets that must match; what lies between
 * them it passes over. Nesting has no limit of its own here, because none of it recurses; the brackets that
 * are open stand in a bit each.
 */
#include "encode/pieces.h"

enum { BRACKETS_MAX = 1024 }; /* open at once; the encoder's deepest value needs about 130 */

static bool skip_text(struct obsvi_cursor *c, const char *text)
{
    size_t n = strlen(text);
    const uint8_t *at = obsvi_cursor_take(c, n);
    c->failed |= !at || memcmp(at, text, n) != 0;
    return !c->failed;
}

static bool skip_if(struct obsvi_cursor *c, char ch)
{
    bool is_there = !c->failed && c->at < c->end && *c->at == (uint8_t)ch;
    c->at += is_there;
    return is_there;
}

/* The content of the string at the cursor, still escaped. */
static struct obsvi_str read_string(struct obsvi_cursor *c)
{
    c->failed |= !skip_if(c, '"');
    const uint8_t *start = c->at;
    uint8_t ch;
    while ((ch = obsvi_cursor_u8(c)) != '"' && !c->failed)
        if (ch == '\\')
            obsvi_cursor_u8(c);
    return (struct obsvi_str){(const char *)start, c->failed ? 0 : (size_t)(c->at - start) - 1};
}

struct brackets {
    uint64_t is_map[BRACKETS_MAX / 64];
    size_t count;
};

static bool push(struct brackets *b, bool is_map)
{
    if (b->count == BRACKETS_MAX)
        return false;
    uint64_t bit = UINT64_C(1) << b->count % 64, *word = &b->is_map[b->count / 64];
    *word = is_map ? *word | bit : *word & ~bit;
    b->count++;
    return true;
}

static bool pop(struct brackets *b, bool is_map)
{
    if (!b->count)
        return false;
    b->count--;
    return (b->is_map[b->count / 64] >> b->count % 64 & 1) == is_map;
}

/* A container from its opening bracket to the closing one. */
static void skip_container(struct obsvi_cursor *c)
{
    struct brackets open = {.count = 0};
    do {
        uint8_t ch = obsvi_cursor_u8(c);
        if (ch == '{' || ch == '[')
            c->failed |= !push(&open, ch == '{');
        else if (ch == '}' || ch == ']')
            c->failed |= !pop(&open, ch == '}');
        else if (ch == '"') {
            c->at -= !c->failed;
            read_string(c);
        }
    } while (open.count && !c->failed);
}

static void skip_value(struct obsvi_cursor *c)
{
    if (c->at == c->end) {
        c->failed = true;
    } else if (*c->at == '{' || *c->at == '[') {
        skip_container(c);
    } else if (*c->at == '"') {
        read_string(c);
    } else { /* a number or a word */
        const uint8_t *start = c->at;
        while (c->at < c->end && !strchr(",:{}[]\" \t\r\n", *c->at))
            c->at++;
        c->failed |= c->at == start;
    }
}

static uint64_t read_integer(struct obsvi_cursor *c)
{
    uint64_t v = 0;
    const uint8_t *start = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - start < 10; c->at++)
        v = v * 10 + (uint64_t)(*c->at - '0');
    c->failed |= c->at == start;
    return v;
}

static void read_record(struct obsvi_pieces *p, struct obsvi_cursor *c)
{
    const char *start = (const char *)c->at;
    uint64_t severity = 0;
    skip_text(c, "{");
    do {
        struct obsvi_str name = read_string(c);
        if (!skip_text(c, ":"))
            return;
        if (obsvi_str_eq(name, OBSVI_STR("severityNumber")))
            severity = read_integer(c);
        else
            skip_value(c);
    } while (skip_if(c, ','));
    if (skip_text(c, "}"))
        obsvi_pieces_add(p, OBSVI_PIECE_RECORD,
                         (struct obsvi_str){start, (size_t)((const char *)c->at - start)}, severity);
}

/* {"head":{…},"children":[ */
static bool read_head(struct obsvi_pieces *p, struct obsvi_cursor *c, enum obsvi_piece_kind kind,
                      const char *head, const char *children)
{
    const char *start = (const char *)c->at;
    if (!skip_text(c, head))
        return false;
    skip_value(c);
    if (!skip_text(c, children))
        return false;
    obsvi_pieces_add(p, kind, (struct obsvi_str){start, (size_t)((const char *)c->at - start)}, 0);
    return true;
}

static void read_scope(struct obsvi_pieces *p, struct obsvi_cursor *c)
{
    if (!read_head(p, c, OBSVI_PIECE_SCOPE, "{\"scope\":", ",\"logRecords\":["))
        return;
    do
        read_record(p, c);
    while (skip_if(c, ','));
    skip_text(c, "]}");
}

bool obsvi_pieces_read_json(struct obsvi_pieces *p, struct obsvi_str request)
{
    struct obsvi_cursor c = obsvi_cursor_of(request.ptr, request.len);
    skip_text(&c, "{\"resourceLogs\":[");
    if (read_head(p, &c, OBSVI_PIECE_RESOURCE, "{\"resource\":", ",\"scopeLogs\":["))
        do
            read_scope(p, &c);
        while (skip_if(&c, ','));
    skip_text(&c, "]}]}");
    return !c.failed && c.at == c.end && !p->items.failed;
}
