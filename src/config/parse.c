/* parse: see parse.h. Pure; warnings are written by given.c, which knows the setting's origin. */
#include "config/parse.h"
#include "config/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

/* Decimal digits with an optional sign; nothing else, no white space. An absurdly long number saturates, so
 * that it is reported as out of range and not as "not a number". */
static bool parse_digits(struct obsvi_str s, int64_t *out)
{
    bool is_negative = s.len && s.ptr[0] == '-';
    size_t i = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    if (i == s.len)
        return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.ptr[i] - '0', &v))
            v = INT64_MAX / 16; /* room for more digits; still above every bound */
    }
    *out = is_negative ? -v : v;
    return true;
}

static bool parse_bytes(struct obsvi_str s, int64_t *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    int64_t scale = 1;
    for (size_t i = 0; i < 3 && s.len > 3; i++) {
        if (obsvi_text_same((struct obsvi_str){s.ptr + s.len - 3, 3}, units[i])) {
            scale = INT64_C(1) << (10 * (i + 1));
            s = obsvi_text_trim((struct obsvi_str){s.ptr, s.len - 3});
            break;
        }
    }
    if (!parse_digits(s, out))
        return false;
    if (__builtin_mul_overflow(*out, scale, out))
        *out = INT64_MAX;
    return true;
}

static bool parse_level(struct obsvi_str s, int64_t *out)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"NOTSET", 0},   {"TRACE", 5},  {"DEBUG", 10}, {"INFO", 20},    {"WARN", 30},
                  {"WARNING", 30}, {"ERROR", 40}, {"FATAL", 50}, {"CRITICAL", 50}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (obsvi_text_same(s, levels[i].name)) {
            *out = levels[i].level;
            return true;
        }
    }
    return parse_digits(s, out);
}

bool obsvi_parse_is_choice(const char *choices, struct obsvi_str item)
{
    struct obsvi_str rest = obsvi_str_of(choices), choice;
    while (obsvi_text_next(&rest, '|', &choice))
        if (choice.len == item.len && strncasecmp(choice.ptr, item.ptr, item.len) == 0)
            return true;
    return false;
}

bool obsvi_parse_list_has(const char *list, const char *item)
{
    struct obsvi_str rest = obsvi_str_of(list), part;
    while (obsvi_text_next(&rest, ',', &part))
        if (obsvi_text_same(obsvi_text_trim(part), item))
            return true;
    return false;
}

static bool find_entry(const char *choices, struct obsvi_str list, bool is_known, struct obsvi_str *entry)
{
    while (obsvi_text_next(&list, ',', entry)) {
        *entry = obsvi_text_trim(*entry);
        if (entry->len && obsvi_parse_is_choice(choices, *entry) == is_known)
            return true;
    }
    return false;
}

bool obsvi_parse_unknown_entry(const char *choices, struct obsvi_str list, struct obsvi_str *entry)
{
    return find_entry(choices, list, false, entry);
}

static bool parse_kind(const struct obsvi_setting *setting, struct obsvi_str text, int64_t *out)
{
    switch (setting->kind) {
    case OBSVI_KIND_BOOLEAN:
        *out = obsvi_text_same(text, "true");
        return *out || obsvi_text_same(text, "false");
    case OBSVI_KIND_INTEGER:
    case OBSVI_KIND_DURATION:
    case OBSVI_KIND_TIMEOUT:
        return parse_digits(text, out);
    case OBSVI_KIND_BYTES:
        return parse_bytes(text, out);
    case OBSVI_KIND_LEVEL:
        return parse_level(text, out);
    case OBSVI_KIND_CHOICE:
        *out = 0;
        return obsvi_parse_is_choice(setting->choices, text);
    case OBSVI_KIND_LIST:
        *out = 0;
        return find_entry(setting->choices, text, true, &(struct obsvi_str){0});
    case OBSVI_KIND_TEXT:
    case OBSVI_KIND_URL:
    case OBSVI_KIND_PATH:
    case OBSVI_KIND_PAIRS:
        break;
    }
    *out = 0;
    return true;
}

enum obsvi_parse_result obsvi_parse(const struct obsvi_setting *setting, struct obsvi_str text, int64_t *out)
{
    int64_t v;
    if (!parse_kind(setting, text, &v))
        return OBSVI_PARSE_NOT_ONE;
    if (setting->max && (v < setting->min || v > setting->max))
        return OBSVI_PARSE_OUT_OF_RANGE;
    if (setting->is_power_of_two && (v & (v - 1)) != 0)
        return OBSVI_PARSE_OUT_OF_RANGE;
    *out = setting->kind == OBSVI_KIND_TIMEOUT && v == 0 ? OBSVI_NO_LIMIT : v;
    return OBSVI_PARSE_OK;
}

static void describe_bytes(char *out, size_t out_bytes, int64_t v)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    size_t i = 0;
    for (; i < 3 && v && v % 1024 == 0; i++)
        v /= 1024;
    snprintf(out, out_bytes, "%" PRId64 "%s", v, units[i]);
}

static void describe_choices(char *out, size_t out_bytes, const char *choices, const char *prefix)
{
    size_t len = (size_t)snprintf(out, out_bytes, "%s", prefix);
    struct obsvi_str rest = obsvi_str_of(choices), choice;
    while (obsvi_text_next(&rest, '|', &choice) && len < out_bytes)
        len += (size_t)snprintf(out + len, out_bytes - len, "%.*s%s", (int)choice.len, choice.ptr,
                                !rest.ptr                         ? ""
                                : memchr(rest.ptr, '|', rest.len) ? ", "
                                                                  : " or ");
}

void obsvi_parse_describe(const struct obsvi_setting *s, char *out, size_t n)
{
    char least[32], most[32];
    switch (s->kind) {
    case OBSVI_KIND_TEXT:
        snprintf(out, n, "text");
        break;
    case OBSVI_KIND_URL:
        snprintf(out, n, "a URL, http:// or https://");
        break;
    case OBSVI_KIND_PATH:
        snprintf(out, n, "path of a file");
        break;
    case OBSVI_KIND_BOOLEAN:
        snprintf(out, n, "true or false");
        break;
    case OBSVI_KIND_INTEGER:
        snprintf(out, n, "a number, %" PRId64 " to %" PRId64, s->min, s->max);
        break;
    case OBSVI_KIND_DURATION:
        snprintf(out, n, "milliseconds, a number from %" PRId64 " to %" PRId64, s->min, s->max);
        break;
    case OBSVI_KIND_TIMEOUT:
        snprintf(out, n, "milliseconds, a number from 1 to %" PRId64 ", or 0 for no limit", s->max);
        break;
    case OBSVI_KIND_BYTES:
        describe_bytes(least, sizeof least, s->min);
        describe_bytes(most, sizeof most, s->max);
        snprintf(out, n, "%s from %s to %s", s->is_power_of_two ? "a power of two" : "bytes", least, most);
        break;
    case OBSVI_KIND_CHOICE:
        describe_choices(out, n, s->choices, "");
        break;
    case OBSVI_KIND_LIST:
        describe_choices(out, n, s->choices, "comma list of ");
        break;
    case OBSVI_KIND_PAIRS:
        snprintf(out, n, "key=value,key=value");
        break;
    case OBSVI_KIND_LEVEL:
        snprintf(out, n, "a level's name, or a number from %" PRId64 " to %" PRId64, s->min, s->max);
        break;
    }
}
