/* neutral: the one form that a record has inside the command.
 *
 * OTLP protobuf, OTLP/JSON and our stdout lines are all read into it; the readable line (render.h) and
 * `obsv listen --json` are both written from it. It is a JSON object (jansson, keys in this order):
 *
 *   timestamp                 RFC 3339 UTC with nine decimals, from time_unix_nano, else from the observed
 * time; or null time_unix_nano            decimal string, as are all 64-bit fields (many JSON readers round
 * big numbers) observed_time_unix_nano   decimal string severity_number           integer severity_text
 * string logger                    string: name of the instrumentation scope scope_version             string
 *   body                      any value
 *   attributes                object
 *   dropped_attributes_count  integer
 *   event_name                string
 *   trace_id, span_id         lower-case hex strings
 *   flags                     integer
 *   resource                  object
 *
 * and, only where there is something to say: duplicate_keys, scope_attributes, scope_duplicate_keys,
 * scope_dropped_attributes_count, scope_schema_url, resource_duplicate_keys,
 * resource_dropped_attributes_count, resource_schema_url.
 *
 * Values are JSON values: an integer stays one, a double always has a fraction or an exponent. Three kinds
 * that JSON does not have are objects with one key: {"bytes_base64": "AAE="}, {"double_nonfinite": "NaN"} and
 * {"map_entries": [["k", 1], ["k", 2]]} for a map with a key twice. A map that could be mistaken for one of
 * them is written as map_entries as well, so that every value can be read back exactly. Of a duplicate key
 * among attributes the last value is kept, and the key is named in duplicate_keys.
 */
#ifndef OBSVI_CLI_NEUTRAL_H
#define OBSVI_CLI_NEUTRAL_H

#include <jansson.h>

#include "base/bytes.h"

/* All functions that take a json_t take over the reference, NULL included, and return a new one or NULL (no
 * memory, or an argument was NULL). */

json_t *obsvi_neutral_bytes(const void *p, size_t n);
json_t *obsvi_neutral_double(double value);
/* NULL also if the text is not well-formed UTF-8. */
json_t *obsvi_neutral_text(const void *p, size_t n);
json_t *obsvi_neutral_hex(const void *p, size_t n);

/* From a flat array [key, value, key, value, …] to a map value. */
json_t *obsvi_neutral_map(json_t *flat);

/* If `value` is the one-key object for bytes or a double that is not finite, the text inside it, else NULL.
 * Borrowed. */
json_t *obsvi_neutral_bytes_text(const json_t *value);
json_t *obsvi_neutral_nonfinite_text(const json_t *value);
/* The entries of {"map_entries": …}, else NULL. Borrowed. */
json_t *obsvi_neutral_entries(const json_t *value);

/* Where records come from: resource and scope, shared by many records. `*_duplicates` may be NULL: none. */
struct obsvi_origin_parts {
    json_t *attributes;
    json_t *duplicates;
    json_t *schema_url;
    uint32_t dropped_count;
};

struct obsvi_scope_parts {
    struct obsvi_origin_parts common;
    json_t *name;
    json_t *version;
};

struct obsvi_log_parts {
    uint64_t time_ns;
    uint64_t observed_ns;
    int32_t severity_number;
    uint32_t dropped_count;
    uint32_t flags;
    json_t *severity_text;
    json_t *body;
    json_t *attributes; /* flat: [key, value, …] */
    json_t *event_name;
    json_t *trace_id;
    json_t *span_id;
};

/* Sets attributes and duplicates from a flat array, which it takes over. False: no memory. */
bool obsvi_neutral_set_origin(struct obsvi_origin_parts *parts, json_t *flat);
void obsvi_neutral_origin_fini(struct obsvi_origin_parts *parts);
void obsvi_neutral_scope_fini(struct obsvi_scope_parts *parts);
void obsvi_neutral_log_fini(struct obsvi_log_parts *log);

/* Puts a record together. Takes over the references in `log` (sets them to NULL), shares the others. */
json_t *obsvi_neutral_record(struct obsvi_log_parts *log, const struct obsvi_scope_parts *scope,
                             const struct obsvi_origin_parts *resource);

/* Severity: name of a number's range ("INFO"; "" for 0), number of a name in any case (0: unknown). */
const char *obsvi_severity_name(int64_t number);
int obsvi_severity_number(const char *name);

#define OBSVI_TIMESTAMP_BYTES 40

/* RFC 3339, UTC, nine decimals. */
void obsvi_timestamp_write(uint64_t time_ns, char text[OBSVI_TIMESTAMP_BYTES]);
/* RFC 3339 with any number of decimals (those beyond nine are ignored) and any offset; false: it is none. */
bool obsvi_timestamp_read(const char *text, uint64_t *time_ns);

#endif
