/* view: what a record means, decided once for both sinks.
 *
 * Keys are resolved (schema keys, repairs, `extra_` prefixes), duplicates and excess attributes removed,
 * values mended, lengths limited; the encoders then only write. Law 3: whatever the record holds, what comes
 * out is valid and its neighbours are untouched.
 *
 * Owned by one thread; reused for each record, without allocation once it is warm.
 */
#ifndef OBSVI_ENCODE_VIEW_H
#define OBSVI_ENCODE_VIEW_H

#include "base/loki.h"
#include "config/config.h"
#include "encode/keys.h"
#include "encode/mend.h"
#include "front/record.h"

enum {
    /* Loki's documentation names the stack trace as the usual offender against the metadata limit. */
    OBSVI_VIEW_STACKTRACE_BYTES_MAX = 24 * 1024,
    OBSVI_VIEW_MESSAGE_BYTES_MAX = 12 * 1024,
    OBSVI_VIEW_NAME_BYTES_MAX = 1024,
    /* What attributes may use even if resource and exception have taken nearly everything. */
    OBSVI_VIEW_ATTRS_BYTES_MIN = 8 * 1024,
};

enum obsvi_sinks {
    OBSVI_TO_JSON_LINE = 1,
    OBSVI_TO_OTLP = 2,
    OBSVI_TO_BOTH = 3,
};

struct obsvi_attr {
    struct obsvi_key *key;    /* final */
    struct obsvi_value value; /* final: write it as it is */
    struct obsvi_cost cost;   /* in Loki */
    uint8_t sinks;            /* enum obsvi_sinks */
};

struct obsvi_view {
    const struct obsvi_record *record;
    struct obsvi_str logger;        /* never empty */
    struct obsvi_str level;         /* the application's name, or the canonical one; never empty */
    struct obsvi_str severity_text; /* canonical, by number; empty if the number is 0 */
    uint8_t severity;               /* 0..24 */
    struct obsvi_str body, event;
    bool has_event_line; /* the JSON line has an event of its own, different from the message */
    struct obsvi_value exception_type, exception_message, exception_stacktrace; /* STR, or NULL: absent */
    const uint8_t *trace_id; /* NULL: none; never all zeros (data-model.md: invalid) */
    const uint8_t *span_id;
    uint8_t trace_flags;

    struct obsvi_attr attrs[OBSVI_LOKI_ENTRIES_MAX + OBSVI_OWN_COUNT]; /* the record's, then our own */
    uint32_t attr_count;
    uint32_t dropped_count; /* attributes left out, here and by the face */

    const struct obsvi_config *config;
    struct obsvi_cost resource_cost; /* of what Loki repeats on each line */
    struct obsvi_keys keys;
    struct obsvi_mender mender;
    struct obsvi_key *last_given; /* while loading: the key before this one */
    uint64_t serial;              /* of the record; stamps keys */
};

/* False: no memory. */
bool obsvi_view_init(struct obsvi_view *view, const struct obsvi_config *config);
void obsvi_view_fini(struct obsvi_view *view);

/* Points into `record` and into itself until the next load. False: no memory. */
bool obsvi_view_load(struct obsvi_view *view, const struct obsvi_record *record);

#endif
