/* given: see given.h. */
#include "config/given.h"
#include "base/diag.h"
#include "config/names.h"
#include "config/parse.h"
#include "config/text.h"

#include <stdlib.h>

enum { SHOWN_BYTES_MAX = 80 };

static void store(struct obsvi_givens *g, enum obsvi_setting_id id, struct obsvi_str s, bool is_override)
{
    struct obsvi_given *given = &g->of[id];
    obsvi_text_wipe(given->text);
    *given = (struct obsvi_given){.is_override = is_override};
    /* The Boolean rule forbids any other spelling than `true` (sdk-environment-variables.md, Boolean). */
    if (obsvi_settings[id].kind != OBSVI_KIND_BOOLEAN) {
        s = obsvi_text_trim(s);
        given->was_quoted = obsvi_text_unquote(&s);
        s = obsvi_text_trim(s);
    }
    given->origin = is_override ? OBSVI_ORIGIN_OVERRIDE : OBSVI_ORIGIN_DEFAULT;
    if (s.len == 0) /* empty is unset (ibid., Parsing empty value) */
        return;
    given->origin = is_override ? OBSVI_ORIGIN_OVERRIDE : OBSVI_ORIGIN_ENVIRONMENT;
    given->text = obsvi_text_copy(s);
    g->is_out_of_memory |= !given->text;
}

/* "NAME=value" → setting and value; the setting is OBSVI_SET_COUNT if there is none of that name. */
static enum obsvi_setting_id split_override(const char *override, struct obsvi_str *name,
                                            struct obsvi_str *value)
{
    const char *equals = strchr(override, '=');
    *name = (struct obsvi_str){override, equals ? (size_t)(equals - override) : 0};
    *value = obsvi_str_of(equals ? equals + 1 : "");
    return obsvi_names_find(*name);
}

static bool is_language(struct obsvi_str name)
{
    return obsvi_text_same(name, "telemetry.sdk.language");
}

void obsvi_given_collect(struct obsvi_givens *g, const char *const *overrides)
{
    *g = (struct obsvi_givens){.placeholder = OBSVI_SET_COUNT};
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++)
        store(g, (enum obsvi_setting_id)i, obsvi_str_of(getenv(obsvi_settings[i].name)), false);
    for (; overrides && *overrides; overrides++) {
        struct obsvi_str name, value;
        enum obsvi_setting_id id = split_override(*overrides, &name, &value);
        if (id != OBSVI_SET_COUNT) {
            store(g, id, value, true);
        } else if (is_language(name)) {
            free(g->sdk_language);
            g->sdk_language = obsvi_text_copy(value);
            g->is_out_of_memory |= !g->sdk_language;
        }
    }
}

void obsvi_given_fini(struct obsvi_givens *g)
{
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++)
        obsvi_text_wipe(g->of[i].text);
    free(g->sdk_language);
    *g = (struct obsvi_givens){0};
}

int obsvi_given_diag_level(const struct obsvi_givens *g)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"none", 0},
                  {"error", OBSVI_DIAG_ERROR},
                  {"warn", OBSVI_DIAG_WARNING},
                  {"warning", OBSVI_DIAG_WARNING},
                  {"debug", OBSVI_DIAG_DEBUG}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (obsvi_given_is(g, OBSVI_SET_DIAGNOSTICS_LEVEL, levels[i].name))
            return levels[i].level;
    return OBSVI_DIAG_INFO;
}

static void warn_overrides(const char *const *overrides)
{
    for (; overrides && *overrides; overrides++) {
        struct obsvi_str name, value;
        if (split_override(*overrides, &name, &value) != OBSVI_SET_COUNT || is_language(name))
            continue;
        if (name.len == 0) /* nothing of it is shown: it may be a secret on its own */
            obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                       "a setting given by the program is ignored: write it as NAME=value");
        else
            obsvi_names_warn_override(name);
    }
}

/* What counts instead of a bad value. Only numbers and choices get here. */
static const char *default_of(const struct obsvi_setting *s)
{
    if (s->default_text)
        return s->default_text;
    return strstr(s->name, "_LOGS_") || strstr(s->name, "_LOGRECORD_") ? "the general variable" : "no limit";
}

static void warn_bad(const struct obsvi_setting *s, const char *text, enum obsvi_parse_result result)
{
    char accepts[128];
    obsvi_parse_describe(s, accepts, sizeof accepts);
    obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: \"%.*s\" %s, %s is used; write %s", s->name, SHOWN_BYTES_MAX,
               text, result == OBSVI_PARSE_OUT_OF_RANGE ? "is out of range" : "is not understood",
               default_of(s), accepts);
}

static void warn_list(const struct obsvi_setting *s, const char *text)
{
    struct obsvi_str entry;
    char accepts[128];
    obsvi_parse_describe(s, accepts, sizeof accepts);
    if (obsvi_parse_unknown_entry(s->choices, obsvi_str_of(text), &entry))
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: \"%.*s\" is not understood and left out; write a %s",
                   s->name, (int)(entry.len < SHOWN_BYTES_MAX ? entry.len : SHOWN_BYTES_MAX), entry.ptr,
                   accepts);
}

void obsvi_given_reject(struct obsvi_givens *g, enum obsvi_setting_id id)
{
    obsvi_text_wipe(g->of[id].text);
    g->of[id].text = NULL;
    g->of[id].origin = OBSVI_ORIGIN_INVALID;
}

/* Warns if the text is bad, and takes it away. */
static void check_text(struct obsvi_givens *g, enum obsvi_setting_id id)
{
    const struct obsvi_setting *s = &obsvi_settings[id];
    struct obsvi_given *given = &g->of[id];
    if (obsvi_text_has_placeholder(obsvi_str_of(given->text))) {
        obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                   "%s: still holds a <placeholder>, so nothing is exported; put the real value in its place",
                   s->name);
        if (g->placeholder == OBSVI_SET_COUNT)
            g->placeholder = id;
        obsvi_given_reject(g, id);
        return;
    }
    if (given->was_quoted)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: the quotes around the value were removed; leave them out",
                   s->name);
    enum obsvi_parse_result result = obsvi_parse(s, obsvi_str_of(given->text), &given->number);
    if (result != OBSVI_PARSE_OK) {
        warn_bad(s, given->text, result);
        obsvi_given_reject(g, id);
    } else if (s->kind == OBSVI_KIND_LIST) {
        warn_list(s, given->text);
    }
}

void obsvi_given_check(struct obsvi_givens *g, const char *const *overrides)
{
    warn_overrides(overrides);
    obsvi_names_check_environment();
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++) {
        const struct obsvi_setting *s = &obsvi_settings[i];
        g->of[i].number = OBSVI_NO_LIMIT;
        if (s->default_text)
            (void)obsvi_parse(s, obsvi_str_of(s->default_text), &g->of[i].number);
        if (g->of[i].text)
            check_text(g, (enum obsvi_setting_id)i);
    }
    if (g->of[OBSVI_SET_CONFIG_FILE].text)
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "OTEL_CONFIG_FILE: configuration files are not supported; the OTEL_* variables are used instead");
}

enum obsvi_setting_id obsvi_given_pick(const struct obsvi_givens *g, enum obsvi_setting_id specific,
                                       enum obsvi_setting_id general)
{
    const struct obsvi_given *s = &g->of[specific], *all = &g->of[general];
    if (!s->text || (all->text && all->is_override && !s->is_override))
        return general;
    return specific;
}

const char *obsvi_given_text(const struct obsvi_givens *g, enum obsvi_setting_id id)
{
    return g->of[id].text ? g->of[id].text : obsvi_settings[id].default_text;
}

bool obsvi_given_is(const struct obsvi_givens *g, enum obsvi_setting_id id, const char *choice)
{
    const char *text = obsvi_given_text(g, id);
    return text && obsvi_text_same(obsvi_str_of(text), choice);
}

uint32_t obsvi_given_u32(const struct obsvi_givens *g, enum obsvi_setting_id id)
{
    int64_t v = g->of[id].number;
    return v == OBSVI_NO_LIMIT ? UINT32_MAX : (uint32_t)v;
}
