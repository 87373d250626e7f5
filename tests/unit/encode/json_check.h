/* json_check: a strict recogniser of RFC 8259, independent of the writer under test. */
#ifndef TESTS_UNIT_ENCODE_JSON_CHECK_H
#define TESTS_UNIT_ENCODE_JSON_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const char *json_check_value(const char *s, const char *end);

static const char *json_check_string(const char *s, const char *end)
{
    if (s == end || *s++ != '"')
        return NULL;
    while (s < end && *s != '"') {
        if ((unsigned char)*s < 0x20)
            return NULL;
        if (*s++ != '\\')
            continue;
        if (s == end || !*s || !strchr("\"\\/bfnrtu", *s))
            return NULL;
        if (*s++ == 'u')
            for (int i = 0; i < 4; i++)
                if (s == end || !isxdigit((unsigned char)*s++))
                    return NULL;
    }
    return s < end ? s + 1 : NULL;
}

static const char *json_check_digits(const char *s, const char *end)
{
    const char *start = s;
    while (s < end && isdigit((unsigned char)*s))
        s++;
    return s > start ? s : NULL;
}

static const char *json_check_number(const char *s, const char *end)
{
    s += s < end && *s == '-';
    if (s < end && *s == '0')
        s++;
    else if (!(s = json_check_digits(s, end)))
        return NULL;
    if (s < end && *s == '.' && !(s = json_check_digits(s + 1, end)))
        return NULL;
    if (s < end && (*s == 'e' || *s == 'E')) {
        s++;
        s += s < end && (*s == '+' || *s == '-');
        s = json_check_digits(s, end);
    }
    return s;
}

static const char *json_check_members(const char *s, const char *end, char close, bool has_keys)
{
    if (s < end && *s == close)
        return s + 1;
    for (;;) {
        if (has_keys && (!(s = json_check_string(s, end)) || s == end || *s++ != ':'))
            return NULL;
        if (!(s = json_check_value(s, end)) || s == end)
            return NULL;
        if (*s == close)
            return s + 1;
        if (*s++ != ',')
            return NULL;
    }
}

static const char *json_check_value(const char *s, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    if (s == end)
        return NULL;
    if (*s == '{')
        return json_check_members(s + 1, end, '}', true);
    if (*s == '[')
        return json_check_members(s + 1, end, ']', false);
    if (*s == '"')
        return json_check_string(s, end);
    for (int i = 0; i < 3; i++)
        if ((size_t)(end - s) >= strlen(words[i]) && memcmp(s, words[i], strlen(words[i])) == 0)
            return s + strlen(words[i]);
    return json_check_number(s, end);
}

/* True if the text is one JSON value without white space around its tokens. */
static bool json_is_valid(const char *s, size_t n)
{
    return json_check_value(s, s + n) == s + n;
}

#endif
