/* show: see show.h. Input is valid UTF-8: jansson and the decoders see to that. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "neutral.h"

/* Decodes the character at s[0..n) of valid UTF-8 and returns its number of bytes. */
static size_t read_char(const char *s, uint32_t *code)
{
    const uint8_t *u = (const uint8_t *)s;
    if (u[0] < 0x80)
        return *code = u[0], 1;
    if (u[0] < 0xe0)
        return *code = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu), 2;
    if (u[0] < 0xf0)
        return *code = (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu), 3;
    *code = (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
    return 4;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Characters without a glyph that a terminal acts upon or that rearrange their neighbours. */
static bool is_treacherous(uint32_t c)
{
    return is_control(c) || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void put_escape(struct obsvi_bytes *out, uint32_t c)
{
    static const char letters[] = "btn?fr"; /* \b \t \n - \f \r */
    char text[8];
    if (c >= 8 && c <= 13 && c != 11)
        snprintf(text, sizeof text, "\\%c", letters[c - 8]);
    else
        snprintf(text, sizeof text, "\\u%04" PRIx32, c);
    obsvi_bytes_put_text(out, text);
}

void obsvi_show_quoted(struct obsvi_bytes *out, const char *s, size_t n, enum obsvi_show_style style)
{
    size_t plain = 0, at = 0;
    obsvi_bytes_put_u8(out, '"');
    while (at < n) {
        uint32_t c;
        size_t step = read_char(s + at, &c);
        bool is_escaped = c < 0x20 || (style == OBSVI_SHOW_SHOWN && is_treacherous(c));
        if (is_escaped || c == '"' || c == '\\') {
            obsvi_bytes_put(out, s + plain, at - plain);
            if (is_escaped)
                put_escape(out, c);
            else
                obsvi_bytes_put(out, c == '"' ? "\\\"" : "\\\\", 2);
            plain = at + step;
        }
        at += step;
    }
    obsvi_bytes_put(out, s + plain, n - plain);
    obsvi_bytes_put_u8(out, '"');
}

void obsvi_show_plain(struct obsvi_bytes *out, const char *s, size_t n, const char *indent)
{
    size_t plain = 0, at = 0;
    while (at < n) {
        uint32_t c;
        size_t step = read_char(s + at, &c);
        if (c != '\t' && is_treacherous(c)) {
            obsvi_bytes_put(out, s + plain, at - plain);
            if (c == '\n' && indent) {
                obsvi_bytes_put_u8(out, '\n');
                obsvi_bytes_put_text(out, indent);
            } else {
                put_escape(out, c);
            }
            plain = at + step;
        }
        at += step;
    }
    obsvi_bytes_put(out, s + plain, n - plain);
}

void obsvi_show_double(struct obsvi_bytes *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text - 2, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    obsvi_bytes_put_text(out, text);
}

/* ---- Values -------------------------------------------------------------------------------------------- */

static void put_member(struct obsvi_bytes *out, bool is_first, const char *key, size_t n, const json_t *value,
                       enum obsvi_show_style style)
{
    if (!is_first)
        obsvi_bytes_put_u8(out, ',');
    obsvi_show_quoted(out, key, n, style);
    obsvi_bytes_put_u8(out, ':');
    obsvi_show_json(out, value, style);
}

static void put_object(struct obsvi_bytes *out, const json_t *object, enum obsvi_show_style style)
{
    void *at = json_object_iter((json_t *)object);
    obsvi_bytes_put_u8(out, '{');
    for (bool is_first = true; at; at = json_object_iter_next((json_t *)object, at), is_first = false)
        put_member(out, is_first, json_object_iter_key(at), json_object_iter_key_len(at),
                   json_object_iter_value(at), style);
    obsvi_bytes_put_u8(out, '}');
}

/* A map with a key twice, as people expect to see it. */
static void put_entries(struct obsvi_bytes *out, const json_t *entries)
{
    size_t i;
    json_t *pair;
    obsvi_bytes_put_u8(out, '{');
    json_array_foreach(entries, i, pair)
    {
        const json_t *key = json_array_get(pair, 0);
        if (json_is_string(key))
            put_member(out, i == 0, json_string_value(key), json_string_length(key), json_array_get(pair, 1),
                       OBSVI_SHOW_SHOWN);
    }
    obsvi_bytes_put_u8(out, '}');
}

static void put_map(struct obsvi_bytes *out, const json_t *object, enum obsvi_show_style style)
{
    bool is_shown = style == OBSVI_SHOW_SHOWN;
    const json_t *bytes = is_shown ? obsvi_neutral_bytes_text(object) : NULL;
    const json_t *nonfinite = is_shown ? obsvi_neutral_nonfinite_text(object) : NULL;
    const json_t *entries = is_shown ? obsvi_neutral_entries(object) : NULL;
    if (bytes)
        obsvi_bytes_put_text(out, "base64:");
    if (bytes || nonfinite)
        obsvi_show_plain(out, json_string_value(bytes ? bytes : nonfinite),
                         json_string_length(bytes ? bytes : nonfinite), NULL);
    else if (entries)
        put_entries(out, entries);
    else
        put_object(out, object, style);
}

static void put_array(struct obsvi_bytes *out, const json_t *array, enum obsvi_show_style style)
{
    size_t i;
    json_t *item;
    obsvi_bytes_put_u8(out, '[');
    json_array_foreach(array, i, item)
    {
        if (i)
            obsvi_bytes_put_u8(out, ',');
        obsvi_show_json(out, item, style);
    }
    obsvi_bytes_put_u8(out, ']');
}

static void put_integer(struct obsvi_bytes *out, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    obsvi_bytes_put_text(out, text);
}

void obsvi_show_json(struct obsvi_bytes *out, const json_t *value, enum obsvi_show_style style)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        put_map(out, value, style);
        break;
    case JSON_ARRAY:
        put_array(out, value, style);
        break;
    case JSON_STRING:
        obsvi_show_quoted(out, json_string_value(value), json_string_length(value), style);
        break;
    case JSON_INTEGER:
        put_integer(out, json_integer_value(value));
        break;
    case JSON_REAL:
        obsvi_show_double(out, json_real_value(value));
        break;
    case JSON_TRUE:
        obsvi_bytes_put_text(out, "true");
        break;
    case JSON_FALSE:
        obsvi_bytes_put_text(out, "false");
        break;
    case JSON_NULL:
        obsvi_bytes_put_text(out, "null");
        break;
    }
}
