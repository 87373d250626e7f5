/* settings: the one table of everything that can be configured.
 *
 * The parser (config.c), `obsv config`, docs/CONFIGURATION.md and the keywords of init_observability() are all made
 * from it; a setting's name, type, default, bounds and help text stand nowhere else.
 */
#ifndef OBSVI_CONFIG_SETTINGS_H
#define OBSVI_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum obsvi_setting_kind {
    OBSVI_KIND_TEXT,
    OBSVI_KIND_URL,
    OBSVI_KIND_PATH,
    OBSVI_KIND_BOOLEAN,
    OBSVI_KIND_INTEGER,  /* min..max */
    OBSVI_KIND_DURATION, /* milliseconds, 0 is 0 */
    OBSVI_KIND_TIMEOUT,  /* milliseconds, 0 is no limit */
    OBSVI_KIND_BYTES,
    OBSVI_KIND_CHOICE,   /* one of `choices`, case-insensitive */
    OBSVI_KIND_LIST,     /* comma list of `choices` */
    OBSVI_KIND_PAIRS,    /* k=v,k=v */
    OBSVI_KIND_LEVEL,    /* a level's name or number */
};

struct obsvi_setting {
    const char *name;         /* environment variable */
    const char *keyword;      /* keyword of init_observability() */
    enum obsvi_setting_kind kind;
    const char *default_text; /* as one would write it; NULL: unset */
    int64_t min, max;         /* INTEGER, DURATION, TIMEOUT, BYTES */
    const char *choices;      /* "gzip|none" */
    const char *help;         /* one paragraph of plain English, with the unit and the source of the rule */
    bool is_secret;
};

extern const struct obsvi_setting obsvi_settings[];
extern const size_t obsvi_settings_count;

/* Where an effective value came from. */
enum obsvi_origin {
    OBSVI_ORIGIN_DEFAULT,
    OBSVI_ORIGIN_ENVIRONMENT,
    OBSVI_ORIGIN_OVERRIDE,
    OBSVI_ORIGIN_INVALID, /* was given, was bad, the default is used */
};

/* One for each entry of obsvi_settings, in its order. */
struct obsvi_setting_value {
    char *text; /* as given, secrets masked; NULL: unset */
    enum obsvi_origin origin;
};

#endif
