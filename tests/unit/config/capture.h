/* capture: a clean environment, and every line that the library would have written to stderr. */
#ifndef OBSVI_TESTS_CONFIG_CAPTURE_H
#define OBSVI_TESTS_CONFIG_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/config.h"
#include "config/settings.h"
#include "obsv.h"

static struct {
    char text[64 * 1024]; /* the lines, each with a newline */
    size_t len;
    unsigned count;
} captured;

static inline void capture_line(const char *line, void *arg)
{
    (void)arg;
    size_t n = strlen(line);
    assert_true(captured.len + n + 2 < sizeof captured.text);
    memcpy(captured.text + captured.len, line, n);
    captured.len += n;
    captured.text[captured.len++] = '\n';
    captured.text[captured.len] = '\0';
    captured.count++;
}

/* An empty environment and an empty capture. */
static inline void capture_start(void)
{
    clearenv();
    memset(&captured, 0, sizeof captured);
    obsvi_diag_set_level(OBSVI_DIAG_INFO);
    obsvi_diag_set_sink(capture_line, NULL);
}

/* "NAME=value" */
static inline void set(const char *assignment)
{
    char name[128];
    size_t n = strcspn(assignment, "=");
    assert_true(n < sizeof name && assignment[n] == '=');
    memcpy(name, assignment, n);
    name[n] = '\0';
    setenv(name, assignment + n + 1, 1);
}

/* Sets each of a NULL-terminated list. */
static inline void set_all(const char *const *assignments)
{
    for (; assignments && *assignments; assignments++)
        set(*assignments);
}

static inline struct obsvi_config loaded(const char *const *overrides)
{
    struct obsvi_config c;
    assert_int_equal(obsvi_config_load(&c, overrides), 0);
    return c;
}

/* From an environment of just these. */
#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline struct obsvi_config loaded_from(const char *const *environment)
{
    capture_start();
    set_all(environment);
    return loaded(NULL);
}

static inline void assert_warned(unsigned count)
{
    if (captured.count != count)
        fail_msg("expected %u warnings, got %u:\n%s", count, captured.count, captured.text);
}

static inline void assert_warned_of(const char *part)
{
    if (!strstr(captured.text, part))
        fail_msg("no warning of \"%s\" in:\n%s", part, captured.text);
}

static inline const char *pair_value(const struct obsvi_pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return pairs->items[i].value;
    return NULL;
}

/* "k=v|k=v" */
static inline void assert_pairs(const struct obsvi_pairs *pairs, const char *expected)
{
    char text[4096] = "";
    for (size_t i = 0; i < pairs->count; i++) {
        if (i)
            strcat(text, "|");
        strcat(text, pairs->items[i].key);
        strcat(text, "=");
        strcat(text, pairs->items[i].value);
    }
    assert_string_equal(text, expected);
}

static inline struct obsvi_setting_value value_of(const struct obsvi_config *c, enum obsvi_setting_id id)
{
    return c->values[id];
}

#endif
