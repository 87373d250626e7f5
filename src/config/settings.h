/* settings: the one table of everything that can be configured.
 *
 * The parser (config.c), `obsv config`, docs/CONFIGURATION.md and the keywords of init_observability() are
 * all made from it; a setting's name, type, default, bounds and help text stand nowhere else.
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
    OBSVI_KIND_BYTES,    /* a number, or one with KiB, MiB or GiB */
    OBSVI_KIND_CHOICE,   /* one of `choices`, case-insensitive */
    OBSVI_KIND_LIST,     /* comma list of `choices` */
    OBSVI_KIND_PAIRS,    /* k=v,k=v */
    OBSVI_KIND_LEVEL,    /* a level's name or number */
};

struct obsvi_setting {
    const char *name;    /* environment variable */
    const char *keyword; /* keyword of init_observability(); never NULL */
    const char *group;   /* heading in the documentation; rows of one group stand together */
    enum obsvi_setting_kind kind;
    const char *default_text; /* as one would write it; NULL: unset */
    int64_t min, max;         /* INTEGER, DURATION, TIMEOUT, BYTES */
    const char *choices;      /* "gzip|none" */
    const char *help;         /* one paragraph of plain English, with the unit and the source of the rule */
    bool is_secret;
    bool is_power_of_two; /* BYTES */
};

/* Position of each setting in the table. */
enum obsvi_setting_id {
    OBSVI_SET_ENDPOINT,
    OBSVI_SET_LOGS_ENDPOINT,
    OBSVI_SET_PROTOCOL,
    OBSVI_SET_LOGS_PROTOCOL,
    OBSVI_SET_HEADERS,
    OBSVI_SET_LOGS_HEADERS,
    OBSVI_SET_HEADERS_FILE,
    OBSVI_SET_TIMEOUT,
    OBSVI_SET_LOGS_TIMEOUT,
    OBSVI_SET_COMPRESSION,
    OBSVI_SET_LOGS_COMPRESSION,
    OBSVI_SET_CERTIFICATE,
    OBSVI_SET_LOGS_CERTIFICATE,
    OBSVI_SET_CLIENT_CERTIFICATE,
    OBSVI_SET_LOGS_CLIENT_CERTIFICATE,
    OBSVI_SET_CLIENT_KEY,
    OBSVI_SET_LOGS_CLIENT_KEY,
    OBSVI_SET_EXPORTER,
    OBSVI_SET_STDOUT,
    OBSVI_SET_SDK_DISABLED,
    OBSVI_SET_SERVICE_NAME,
    OBSVI_SET_RESOURCE_ATTRIBUTES,
    OBSVI_SET_APP_NAME,
    OBSVI_SET_APP_ENV,
    OBSVI_SET_APP_VERSION,
    OBSVI_SET_LEVEL,
    OBSVI_SET_CODE_ATTRIBUTES,
    OBSVI_SET_ATTR_COUNT_LIMIT,
    OBSVI_SET_LOG_ATTR_COUNT_LIMIT,
    OBSVI_SET_ATTR_LENGTH_LIMIT,
    OBSVI_SET_LOG_ATTR_LENGTH_LIMIT,
    OBSVI_SET_SCHEDULE_DELAY,
    OBSVI_SET_MAX_EXPORT_BATCH_SIZE,
    OBSVI_SET_MAX_QUEUE_SIZE,
    OBSVI_SET_OUTBOX_BYTES,
    OBSVI_SET_RETENTION,
    OBSVI_SET_STDOUT_BUFFER_BYTES,
    OBSVI_SET_RING_BYTES,
    OBSVI_SET_EXPORT_TIMEOUT,
    OBSVI_SET_SHUTDOWN_TIMEOUT,
    OBSVI_SET_SIGNALS,
    OBSVI_SET_CRASH_HANDLER,
    OBSVI_SET_CRASH_TIMEOUT,
    OBSVI_SET_DIAGNOSTICS_LEVEL,
    OBSVI_SET_CONFIG_FILE,
    OBSVI_SET_COUNT
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
    char *text; /* in effect, as one would write it, secrets masked; NULL: unset */
    enum obsvi_origin origin;
};

#endif
