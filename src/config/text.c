/* text: see text.h. Nothing here knows a setting or prints a warning. */
#include "config/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

unsigned obsvi_text_fail_at;

static bool must_fail(void)
{
    if (obsvi_text_fail_at == 0)
        return false;
    if (obsvi_text_fail_at > 1) {
        obsvi_text_fail_at--;
        return false;
    }
    return true;
}

void *obsvi_text_alloc(size_t bytes)
{
    return must_fail() ? NULL : calloc(1, bytes ? bytes : 1);
}

char *obsvi_text_copy(struct obsvi_str s)
{
    char *copy = obsvi_text_alloc(s.len + 1);
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

char *obsvi_text_format(const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    char *s = n < 0 ? NULL : obsvi_text_alloc((size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    va_end(ap);
    return s;
}

void obsvi_text_wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct obsvi_str obsvi_text_trim(struct obsvi_str s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool obsvi_text_unquote(struct obsvi_str *s)
{
    if (s->len < 2 || s->ptr[0] != s->ptr[s->len - 1] || (s->ptr[0] != '"' && s->ptr[0] != '\''))
        return false;
    s->ptr++;
    s->len -= 2;
    return true;
}

bool obsvi_text_next(struct obsvi_str *rest, char separator, struct obsvi_str *part)
{
    if (!rest->ptr)
        return false;
    const char *at = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    part->ptr = rest->ptr;
    part->len = at ? (size_t)(at - rest->ptr) : rest->len;
    rest->ptr = at ? at + 1 : NULL;
    rest->len -= part->len + (at != NULL);
    return true;
}

bool obsvi_text_same(struct obsvi_str a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t obsvi_text_percent_decode(char *s, size_t n, bool *is_malformed)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int high = s[i] == '%' && n - i > 2 ? hex(s[i + 1]) : -1;
        int low = high >= 0 ? hex(s[i + 2]) : -1;
        if (low >= 0) {
            s[len++] = (char)(high << 4 | low);
            i += 2;
            continue;
        }
        *is_malformed |= s[i] == '%';
        s[len++] = s[i];
    }
    s[len] = '\0';
    return len;
}

/* "<region>", "<your token>"; not "Bob <bob@example.com>" and not the "<2,b=2>" of "a=1<2,b=2>1". */
static bool is_placeholder(const char *s, size_t n)
{
    return n > 0 && !memchr(s, '@', n) && !(memchr(s, ',', n) && memchr(s, '=', n));
}

bool obsvi_text_has_placeholder(struct obsvi_str s)
{
    const char *end = s.ptr + s.len;
    for (const char *open = s.ptr; s.len && (open = memchr(open, '<', (size_t)(end - open))); open++) {
        const char *close = memchr(open, '>', (size_t)(end - open));
        if (close && is_placeholder(open + 1, (size_t)(close - open) - 1))
            return true;
    }
    return false;
}
