/* headers: see headers.h. */
#include "config/headers.h"
#include "base/diag.h"
#include "config/pairs.h"
#include "config/text.h"
#include "obsv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { KEY_SHOWN_BYTES_MAX = 64 };

/* HTTP token characters (RFC 9110 §5.6.2). */
static bool is_token(struct obsvi_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.ptr[i]) && (s.ptr[i] == '\0' || !strchr("!#$%&'*+-.^_`|~", s.ptr[i])))
            return false;
    return s.len > 0;
}

static bool is_baggage_value(struct obsvi_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e || strchr("\",;\\", s.ptr[i]))
            return false;
    return true;
}

/* At the first '='. False without one. */
static bool split(struct obsvi_str entry, struct obsvi_str *key, struct obsvi_str *value)
{
    const char *equals = entry.len ? memchr(entry.ptr, '=', entry.len) : NULL;
    if (!equals)
        return false;
    size_t at = (size_t)(equals - entry.ptr);
    *key = obsvi_text_trim((struct obsvi_str){entry.ptr, at});
    *value = obsvi_text_trim((struct obsvi_str){equals + 1, entry.len - at - 1});
    return true;
}

/* A key that may be shown. "abc=" and "abc==" are tokens with base64 padding, not headers named abc. */
static bool is_clear_key(struct obsvi_str key, struct obsvi_str value)
{
    size_t padding = 0;
    while (padding < value.len && value.ptr[padding] == '=')
        padding++;
    return is_token(key) && !memchr(key.ptr, '%', key.len) && key.len <= KEY_SHOWN_BYTES_MAX &&
           padding < value.len;
}

static bool is_reserved(struct obsvi_str key)
{
    static const char *const reserved[] = {"content-type",      "content-length", "content-encoding",
                                           "transfer-encoding", "host",           "user-agent",
                                           "connection",        "expect"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (obsvi_text_same(key, reserved[i]))
            return true;
    return false;
}

static bool holds_control(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return true;
    return false;
}

/* The decoded value, or NULL: no memory. */
static char *decode(struct obsvi_str value, size_t *len)
{
    char *text = obsvi_text_copy(value);
    bool ignored = false; /* as Python's unquote: a stray '%' stays */
    *len = value.len;
    if (text && !memchr(text, ' ', value.len))
        *len = obsvi_text_percent_decode(text, value.len, &ignored);
    return text;
}

static int add(struct obsvi_pairs *out, struct obsvi_str key, const char *value, size_t value_len)
{
    char *lower = obsvi_text_copy(key);
    if (!lower)
        return OBSV_ERR_NOMEM;
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    int error = obsvi_pairs_set(out, obsvi_str_of(lower), (struct obsvi_str){value, value_len});
    free(lower);
    return error;
}

static void warn_key(const char *name, struct obsvi_str key, const char *what)
{
    obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: header %.*s %s", name, (int)key.len, key.ptr, what);
}

static int parse_value(const char *name, struct obsvi_str key, struct obsvi_str value,
                       struct obsvi_pairs *out)
{
    if (obsvi_text_unquote(&value))
        warn_key(name, key, "has quotes around its value, which were removed; leave them out");
    value = obsvi_text_trim(value);
    if (value.len == 0) {
        warn_key(name, key, "has no value and is skipped; is a variable unset where it was written?");
        return 0;
    }
    if (!is_baggage_value(value)) {
        warn_key(name, key,
                 "holds a character that must be percent-encoded (\" %22, ; %3B, \\ %5C) and is skipped");
        return 0;
    }
    size_t len;
    char *decoded = decode(value, &len);
    if (!decoded)
        return OBSV_ERR_NOMEM;
    int error = 0;
    if (holds_control(decoded, len))
        warn_key(name, key, "holds a line end or another control character and is skipped");
    else
        error = add(out, key, decoded, len);
    explicit_bzero(decoded, value.len);
    free(decoded);
    return error;
}

static int parse_entry(const char *name, unsigned number, struct obsvi_str entry, struct obsvi_pairs *out)
{
    struct obsvi_str key, value;
    bool is_pair = split(entry, &key, &value);
    if (!is_pair || !is_clear_key(key, value)) {
        obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                   "%s: entry %u is not key=value and is skipped (not shown, it may be a secret); write for "
                   "example Authorization=Basic%%20…, with a comma in a value as %%2C; a variable that was "
                   "unset where it was written leaves an empty value",
                   name, number);
        return 0;
    }
    if (is_reserved(key)) {
        warn_key(name, key, "is the library's own and is skipped");
        return 0;
    }
    return parse_value(name, key, value, out);
}

int obsvi_headers_parse(const char *name, const char *text, struct obsvi_pairs *out)
{
    struct obsvi_str rest = obsvi_str_of(text), entry;
    for (unsigned number = 1; obsvi_text_next(&rest, ',', &entry); number++) {
        entry = obsvi_text_trim(entry);
        int error = entry.len ? parse_entry(name, number, entry, out) : 0;
        if (error)
            return error;
    }
    return 0;
}

enum { FILE_BYTES_MAX = 64 * 1024 };

/* The file's content with line ends as commas, or NULL and errno. */
static char *read_list(const char *path)
{
    char *text = calloc(1, FILE_BYTES_MAX + 1);
    FILE *file = text ? fopen(path, "re") : NULL;
    size_t n = file ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
    bool ok = file && !ferror(file);
    int error = errno;
    if (file)
        fclose(file);
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ',';
    if (!ok) {
        free(text);
        text = NULL;
        errno = error;
    }
    return text;
}

int obsvi_headers_read_file(const char *path, struct obsvi_pairs *out)
{
    char *text = read_list(path);
    if (!text) {
        obsvi_diag(OBSVI_DIAG_WARNING, "headers file", "OBSV_OTLP_HEADERS_FILE: %s: %s", path,
                   strerror(errno));
        return errno == ENOMEM ? OBSV_ERR_NOMEM : OBSV_ERR_ARGUMENT;
    }
    int error = obsvi_headers_parse("OBSV_OTLP_HEADERS_FILE", text, out);
    explicit_bzero(text, FILE_BYTES_MAX);
    free(text);
    return error;
}

bool obsvi_headers_is_credential(struct obsvi_str key)
{
    static const char *const signs[] = {"authorization", "cookie", "api-key",  "api_key",   "apikey",
                                        "token",         "secret", "password", "access-key"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (memmem(key.ptr, key.len, signs[i], strlen(signs[i])))
            return true;
    return false;
}

bool obsvi_headers_have_credentials(const struct obsvi_pairs *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        if (obsvi_headers_is_credential(obsvi_str_of(headers->items[i].key)))
            return true;
    return false;
}

/* "Basic" of "Basic abc" and "Basic%20abc"; empty for anything else. */
static const char *scheme_of(struct obsvi_str value)
{
    static const char *const schemes[] = {"Basic", "Bearer"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (value.len > n && strncasecmp(value.ptr, schemes[i], n) == 0 &&
            (value.ptr[n] == ' ' || value.ptr[n] == '%'))
            return schemes[i];
    }
    return "";
}

char *obsvi_headers_mask(const char *text)
{
    char *masked = obsvi_text_format("%s", "");
    struct obsvi_str rest = obsvi_str_of(text), entry, key, value;
    while (masked && obsvi_text_next(&rest, ',', &entry)) {
        entry = obsvi_text_trim(entry);
        if (entry.len == 0)
            continue;
        bool is_clear = split(entry, &key, &value) && is_clear_key(key, value);
        const char *scheme = is_clear ? scheme_of(value) : "";
        char *longer =
            obsvi_text_format("%s%s%.*s%s%s%s****", masked, masked[0] ? "," : "", is_clear ? (int)key.len : 0,
                              entry.ptr, is_clear ? "=" : "", scheme, scheme[0] ? " " : "");
        free(masked);
        masked = longer;
    }
    return masked;
}
