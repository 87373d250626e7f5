/* config: from the environment and the caller's overrides to one validated, immutable set of options.
 *
 * Rules of parsing: OpenTelemetry specification, configuration/sdk-environment-variables.md and
 * configuration/common.md: empty = unset; a bad value gives one warning (what, where, cure; never the value
 * of a secret) and the default; nothing here ever fails the application.
 *
 * Precedence, highest first: override ("NAME=value" given to obsv_init), the signal's own variable
 * (…_LOGS_…), the general variable, the default. What the program says beats what the environment says even
 * where the environment uses the more specific variable.
 *
 * A bad number, choice or level falls back to the next in that order. A bad endpoint never does, nor do
 * `grpc`, a placeholder left in, or credentials in the clear: sending elsewhere or otherwise than was meant
 * is worse than not sending, so export stays off and the reason is told.
 *
 * settings.h holds the one table of all settings; `obsv config`, docs/CONFIGURATION.md and the Python
 * keywords are made from it.
 */
#ifndef OBSVI_CONFIG_CONFIG_H
#define OBSVI_CONFIG_CONFIG_H

#include "base/bytes.h"

enum obsvi_protocol {
    OBSVI_HTTP_PROTOBUF,
    OBSVI_HTTP_JSON,
};

enum obsvi_compression {
    OBSVI_COMPRESSION_GZIP,
    OBSVI_COMPRESSION_NONE,
};

struct obsvi_pair {
    char *key;
    char *value;
};

struct obsvi_pairs {
    struct obsvi_pair *items;
    size_t count;
};

struct obsvi_config {
    /* sinks */
    bool export_on; /* an endpoint is set, usable and not switched off */
    bool stdout_on;
    char *export_off_reason; /* why export is off, in a few words without secrets; NULL when it is on */
    char *endpoint;          /* full URL of the logs signal; NULL when export is off */
    enum obsvi_protocol protocol;
    enum obsvi_compression compression;
    struct obsvi_pairs headers; /* SECRET: never printed; keys lower-case */
    char *headers_file;         /* where they were read from and are read again, or NULL */
    char *certificate;          /* PEM path or NULL */
    char *client_certificate;
    char *client_key;

    /* who we are */
    char *service_name;          /* never NULL */
    char *environment;           /* deployment.environment(.name) or NULL */
    char *version;               /* service.version or NULL */
    struct obsvi_pairs resource; /* service.name first, telemetry.sdk.* last; unique keys */

    /* what is recorded */
    int level;                 /* Python's scale: DEBUG 10, INFO 20, WARNING 30, ERROR 40, CRITICAL 50 */
    bool code_attributes;      /* OBSV_CODE_ATTRIBUTES */
    uint32_t attr_count_limit; /* top-level attributes of a record */
    uint32_t attr_value_length_limit; /* in characters (strings) or bytes; UINT32_MAX: no limit */

    /* batching and delivery, all times in milliseconds; UINT32_MAX: no limit */
    uint32_t timeout_ms;          /* one HTTP request */
    uint32_t schedule_delay_ms;   /* age at which an open batch is sealed */
    uint32_t export_timeout_ms;   /* default deadline of flush */
    uint32_t shutdown_timeout_ms; /* deadline of shutdown and exit */
    uint32_t max_queue_size;      /* records held for export; UINT32_MAX: bounded by outbox_bytes only */
    uint32_t max_export_batch_size;
    uint32_t retention_ms; /* age at which a sealed batch is given up */
    uint64_t outbox_bytes; /* sealed batches held until acknowledged */
    uint64_t stdout_buffer_bytes;
    uint64_t ring_bytes; /* per logging thread; a power of two */

    /* the process */
    bool signals_on;           /* flush before dying of SIGTERM, SIGINT, SIGHUP */
    bool crash_handler_on;     /* deliver before dying of SIGSEGV and its like … */
    uint32_t crash_timeout_ms; /* … at most this long */

    int diag_level;                     /* enum obsvi_diag_level, from OTEL_LOG_LEVEL */
    struct obsvi_setting_value *values; /* effective text and origin of each setting, for `obsv config` */
};

/* Reads everything. `overrides` is a NULL-terminated list of "NAME=value", or NULL; an override with an empty
 * value means "as if unset, whatever the environment says". NAME is a setting's variable or keyword, or
 * "telemetry.sdk.language" (default "c"). The environment is copied: later setenv() calls do no harm. Returns
 * 0, or OBSV_ERR_NOMEM (`out` is then empty; fini may be called). Warnings go to diag. */
int obsvi_config_load(struct obsvi_config *out, const char *const *overrides)
    __attribute__((warn_unused_result));

/* Frees everything and wipes what was secret. */
void obsvi_config_fini(struct obsvi_config *c);

/* One human line for the start-up message: where logs go, or why they do not. No secrets (userinfo and query
 * of the URL are masked). */
void obsvi_config_summary(const struct obsvi_config *c, char *line, size_t line_bytes);

/* Appends docs/CONFIGURATION.md, made from the table. */
void obsvi_config_reference(struct obsvi_bytes *out);

#endif
