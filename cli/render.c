/* render: see render.h. Colours are the eight basic ones, which every theme of a terminal makes readable. */
#include "render.h"

#include <stdio.h>
#include <stdlib.h>

#include "neutral.h"

#define INDENT "    "

static const char dim[] = "\033[2m", bold[] = "\033[1m", cyan[] = "\033[36m", reset[] = "\033[0m";

static void paint(const struct obsvi_render *r, struct obsvi_bytes *out, const char *code)
{
    if (r->is_colored)
        obsvi_bytes_put_text(out, code);
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

/* ---- Time, level, logger ------------------------------------------------------------------------------- */

static void put_time(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out)
{
    const char *time = text_of(record, "timestamp"); /* 2026-11-22T12:34:56.789012345Z */
    paint(r, out, dim);
    if (strlen(time) != 30)
        obsvi_bytes_put_text(out, r->is_full ? "----------T--:--:--.---------Z" : "--:--:--.---");
    else if (r->is_full)
        obsvi_bytes_put_text(out, time);
    else
        obsvi_bytes_put(out, time + 11, 12);
    paint(r, out, reset);
    obsvi_bytes_put_u8(out, ' ');
}

static const char *level_color(int64_t number)
{
    static const char *const colors[] = {"\033[2m",  "\033[34m", "\033[32m",
                                         "\033[33m", "\033[31m", "\033[1;37;41m"};
    return number < 1 || number > 24 ? "" : colors[(number - 1) / 4];
}

static void put_level(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out)
{
    int64_t number = json_integer_value(json_object_get(record, "severity_number"));
    const json_t *text = json_object_get(record, "severity_text");
    paint(r, out, level_color(number));
    size_t from = out->len;
    if (json_string_length(text))
        obsvi_show_plain(out, json_string_value(text), json_string_length(text), NULL);
    else
        obsvi_bytes_put_text(out, number < 1 || number > 24 ? "-" : obsvi_severity_name(number));
    size_t width = out->len - from;
    paint(r, out, reset);
    obsvi_bytes_put(out, "      ", width < 5 ? 6 - width : 1);
}

static void put_logger(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out)
{
    const json_t *name = json_object_get(record, "logger");
    if (json_string_length(name) == 0)
        return;
    paint(r, out, cyan);
    obsvi_show_plain(out, json_string_value(name), json_string_length(name), NULL);
    paint(r, out, reset);
    obsvi_bytes_put_u8(out, ' ');
}

static void put_message(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out)
{
    const json_t *body = json_object_get(record, "body");
    paint(r, out, bold);
    if (json_is_string(body))
        obsvi_show_plain(out, json_string_value(body), json_string_length(body), INDENT);
    else if (!json_is_null(body))
        obsvi_show_json(out, body, OBSVI_SHOW_SHOWN);
    paint(r, out, reset);
}

/* ---- Attributes ---------------------------------------------------------------------------------------- */

/* A string that could be taken for a value of another type. */
static bool looks_typed(const char *s, size_t n)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    char *end;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n == strlen(words[i]) && memcmp(s, words[i], n) == 0)
            return true;
    strtod(s, &end);
    return end == s + n || strncmp(s, "base64:", 7) == 0;
}

static bool is_bare(const char *s, size_t n)
{
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] == 0x7f || strchr("\"'=\\`{}[],", s[i]))
            return false;
    return true;
}

static void put_word(struct obsvi_bytes *out, const char *s, size_t n, bool is_word)
{
    if (is_word)
        obsvi_show_plain(out, s, n, NULL);
    else
        obsvi_show_quoted(out, s, n, OBSVI_SHOW_SHOWN);
}

static void put_attribute(const struct obsvi_render *r, struct obsvi_bytes *out, const char *prefix,
                          const char *key, size_t key_len, const json_t *value)
{
    obsvi_bytes_put_u8(out, ' ');
    paint(r, out, dim);
    obsvi_bytes_put_text(out, prefix);
    put_word(out, key, key_len, is_bare(key, key_len));
    obsvi_bytes_put_u8(out, '=');
    paint(r, out, reset);
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    if (text)
        put_word(out, text, n, is_bare(text, n) && !looks_typed(text, n));
    else
        obsvi_show_json(out, value, OBSVI_SHOW_SHOWN);
}

static bool is_exception_key(const char *key, size_t n)
{
    static const char *const keys[] = {"exception.type", "exception.message", "exception.stacktrace"};
    for (size_t i = 0; i < 3; i++)
        if (n == strlen(keys[i]) && memcmp(key, keys[i], n) == 0)
            return true;
    return false;
}

static void put_attributes(const struct obsvi_render *r, struct obsvi_bytes *out, const char *prefix,
                           json_t *object, bool is_exception_below)
{
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        size_t n = json_object_iter_key_len(at);
        json_t *value = json_object_iter_value(at);
        if (!(is_exception_below && is_exception_key(key, n) && json_is_string(value)))
            put_attribute(r, out, prefix, key, n, value);
    }
}

/* A field of the record itself, if it says something: not empty, not zero. */
static void put_field(const struct obsvi_render *r, struct obsvi_bytes *out, const json_t *record,
                      const char *key)
{
    const json_t *value = json_object_get(record, key);
    bool says_something = json_string_length(value) || json_integer_value(value) || json_array_size(value);
    if (says_something && strcmp(text_of(record, key), "0") != 0)
        put_attribute(r, out, "", key, strlen(key), value);
}

static void put_fields(const struct obsvi_render *r, struct obsvi_bytes *out, const json_t *record)
{
    static const char *const always[] = {"trace_id", "span_id", "dropped_attributes_count", "duplicate_keys"};
    static const char *const full[] = {"flags", "observed_time_unix_nano", "scope_version"};
    if (!json_equal(json_object_get(record, "event_name"), json_object_get(record, "body")))
        put_field(r, out, record, "event_name");
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        put_field(r, out, record, always[i]);
    if (!r->is_full)
        return;
    for (size_t i = 0; i < sizeof full / sizeof *full; i++)
        put_field(r, out, record, full[i]);
    put_attributes(r, out, "scope.", json_object_get(record, "scope_attributes"), false);
    put_attributes(r, out, "resource.", json_object_get(record, "resource"), false);
}

/* ---- Exception ----------------------------------------------------------------------------------------- */

static size_t without_newlines_at_end(const char *s, size_t n)
{
    while (n && (s[n - 1] == '\n' || s[n - 1] == '\r'))
        n--;
    return n;
}

static void put_block(struct obsvi_bytes *out, const json_t *text)
{
    const char *s = json_string_value(text);
    size_t n = without_newlines_at_end(s, json_string_length(text));
    obsvi_show_plain(out, s, n, INDENT);
}

/* The stack trace of most languages ends or begins with type and message; a line of their own only where not.
 */
static void put_exception(const struct obsvi_render *r, struct obsvi_bytes *out, const json_t *attributes)
{
    const json_t *type = json_object_get(attributes, "exception.type");
    const json_t *message = json_object_get(attributes, "exception.message");
    const json_t *trace = json_object_get(attributes, "exception.stacktrace");
    const char *name = json_string_value(type);
    bool has_trace = json_string_length(trace) > 0;
    if (!json_is_string(type) && !json_is_string(message) && !has_trace)
        return;
    paint(r, out, "\033[31m");
    if (!has_trace || (name && !strstr(json_string_value(trace), name))) {
        obsvi_bytes_put_text(out, "\n" INDENT);
        if (name)
            put_block(out, type);
        if (name && json_is_string(message))
            obsvi_bytes_put_text(out, ": ");
        if (json_is_string(message))
            put_block(out, message);
    }
    if (has_trace) {
        obsvi_bytes_put_text(out, "\n" INDENT);
        put_block(out, trace);
    }
    paint(r, out, reset);
}

void obsvi_render_record(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out)
{
    json_t *attributes = json_object_get(record, "attributes");
    put_time(r, record, out);
    put_level(r, record, out);
    put_logger(r, record, out);
    put_message(r, record, out);
    size_t before = out->len;
    obsvi_bytes_put_u8(out, ' ');
    put_attributes(r, out, "", attributes, true);
    put_fields(r, out, record);
    if (out->len == before + 1 && !out->failed)
        out->len = before;
    put_exception(r, out, attributes);
    obsvi_bytes_put_u8(out, '\n');
}
