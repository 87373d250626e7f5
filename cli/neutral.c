/* neutral: see neutral.h. */
#include "neutral.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char bytes_key[] = "bytes_base64";
static const char nonfinite_key[] = "double_nonfinite";
static const char entries_key[] = "map_entries";

/* {"key": value} */
static json_t *single(const char *key, json_t *value)
{
    json_t *object = value ? json_object() : NULL;
    if (!object || json_object_set_new(object, key, value) != 0) {
        if (!object)
            json_decref(value);
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *obsvi_neutral_bytes(const void *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = p;
    struct obsvi_bytes text = {0};
    for (size_t i = 0; i < n; i += 3) {
        uint32_t left = (uint32_t)(n - i < 3 ? n - i : 3);
        uint32_t v =
            (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        char quad[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                        left > 2 ? digits[v & 63] : '='};
        obsvi_bytes_put(&text, quad, 4);
    }
    json_t *value = text.failed ? NULL : json_stringn_nocheck((const char *)text.data, text.len);
    if (!text.failed && text.len == 0)
        value = json_string("");
    obsvi_bytes_fini(&text);
    return single(bytes_key, value);
}

json_t *obsvi_neutral_double(double value)
{
    if (isfinite(value))
        return json_real(value);
    return single(nonfinite_key, json_string(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity"));
}

json_t *obsvi_neutral_text(const void *p, size_t n)
{
    return json_stringn(n ? p : "", n);
}

json_t *obsvi_neutral_hex(const void *p, size_t n)
{
    struct obsvi_bytes text = {0};
    for (size_t i = 0; i < n; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", ((const uint8_t *)p)[i]);
        obsvi_bytes_put(&text, pair, 2);
    }
    json_t *value = text.failed ? NULL : obsvi_neutral_text(text.data, text.len);
    obsvi_bytes_fini(&text);
    return value;
}

/* ---- Maps ---------------------------------------------------------------------------------------------- */

static json_t *only_member(const json_t *value, const char *key)
{
    return json_object_size(value) == 1 ? json_object_get(value, key) : NULL;
}

json_t *obsvi_neutral_bytes_text(const json_t *value)
{
    json_t *text = only_member(value, bytes_key);
    return json_is_string(text) ? text : NULL;
}

json_t *obsvi_neutral_nonfinite_text(const json_t *value)
{
    json_t *text = only_member(value, nonfinite_key);
    return json_is_string(text) ? text : NULL;
}

json_t *obsvi_neutral_entries(const json_t *value)
{
    json_t *entries = only_member(value, entries_key);
    return json_is_array(entries) ? entries : NULL;
}

/* Of a key that comes again the later value is kept; the key is added to `duplicates`, if that is not NULL.
 */
static json_t *object_of(const json_t *flat, json_t *duplicates)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i + 1 < json_array_size(flat); i += 2) {
        json_t *key = json_array_get(flat, i);
        const char *text = json_string_value(key);
        size_t n = json_string_length(key);
        bool ok =
            !duplicates || !json_object_getn(object, text, n) || json_array_append(duplicates, key) == 0;
        if (!ok || json_object_setn_nocheck(object, text, n, json_array_get(flat, i + 1)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *entries_of(const json_t *flat)
{
    json_t *entries = json_array();
    for (size_t i = 0; entries && i + 1 < json_array_size(flat); i += 2) {
        json_t *pair = json_pack("[OO]", json_array_get(flat, i), json_array_get(flat, i + 1));
        if (!pair || json_array_append_new(entries, pair) != 0) {
            json_decref(entries);
            entries = NULL;
        }
    }
    return single(entries_key, entries);
}

json_t *obsvi_neutral_map(json_t *flat)
{
    json_t *map = flat ? object_of(flat, NULL) : NULL;
    bool is_ambiguous = map && (obsvi_neutral_bytes_text(map) || obsvi_neutral_nonfinite_text(map) ||
                                obsvi_neutral_entries(map));
    if (map && (is_ambiguous || json_object_size(map) != json_array_size(flat) / 2)) {
        json_decref(map);
        map = entries_of(flat);
    }
    json_decref(flat);
    return map;
}

/* ---- Records ------------------------------------------------------------------------------------------- */

bool obsvi_neutral_set_origin(struct obsvi_origin_parts *parts, json_t *flat)
{
    parts->duplicates = json_array();
    parts->attributes = flat && parts->duplicates ? object_of(flat, parts->duplicates) : NULL;
    json_decref(flat);
    return parts->attributes != NULL;
}

void obsvi_neutral_origin_fini(struct obsvi_origin_parts *parts)
{
    json_decref(parts->attributes);
    json_decref(parts->duplicates);
    json_decref(parts->schema_url);
    *parts = (struct obsvi_origin_parts){0};
}

void obsvi_neutral_scope_fini(struct obsvi_scope_parts *parts)
{
    obsvi_neutral_origin_fini(&parts->common);
    json_decref(parts->name);
    json_decref(parts->version);
    *parts = (struct obsvi_scope_parts){0};
}

void obsvi_neutral_log_fini(struct obsvi_log_parts *log)
{
    json_decref(log->severity_text);
    json_decref(log->body);
    json_decref(log->attributes);
    json_decref(log->event_name);
    json_decref(log->trace_id);
    json_decref(log->span_id);
    *log = (struct obsvi_log_parts){0};
}

static json_t *take(json_t **slot)
{
    json_t *value = *slot;
    *slot = NULL;
    return value;
}

static json_t *text_or_empty(json_t *text)
{
    return text ? text : json_string("");
}

static json_t *decimal(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

static json_t *timestamp(const struct obsvi_log_parts *log)
{
    char text[OBSVI_TIMESTAMP_BYTES];
    uint64_t time_ns = log->time_ns ? log->time_ns : log->observed_ns;
    if (time_ns == 0)
        return json_null();
    obsvi_timestamp_write(time_ns, text);
    return json_string(text);
}

static int put_some(json_t *record, const char *key, json_t *value)
{
    bool is_empty = !value || (json_is_array(value) && json_array_size(value) == 0) ||
                    (json_is_object(value) && json_object_size(value) == 0) ||
                    (json_is_string(value) && json_string_length(value) == 0);
    return is_empty ? 0 : json_object_set(record, key, value);
}

static int put_count(json_t *record, const char *key, uint32_t count)
{
    return count ? json_object_set_new(record, key, json_integer(count)) : 0;
}

/* The fields that are there only where there is something to say. */
static int put_rest(json_t *record, const json_t *duplicates, const struct obsvi_origin_parts *scope,
                    const struct obsvi_origin_parts *resource)
{
    return put_some(record, "duplicate_keys", (json_t *)duplicates) |
           put_some(record, "scope_attributes", scope->attributes) |
           put_some(record, "scope_duplicate_keys", scope->duplicates) |
           put_count(record, "scope_dropped_attributes_count", scope->dropped_count) |
           put_some(record, "scope_schema_url", scope->schema_url) |
           put_some(record, "resource_duplicate_keys", resource->duplicates) |
           put_count(record, "resource_dropped_attributes_count", resource->dropped_count) |
           put_some(record, "resource_schema_url", resource->schema_url);
}

json_t *obsvi_neutral_record(struct obsvi_log_parts *log, const struct obsvi_scope_parts *scope,
                             const struct obsvi_origin_parts *resource)
{
    struct obsvi_origin_parts own = {0};
    json_t *record = json_object();
    bool ok = obsvi_neutral_set_origin(&own, log->attributes ? take(&log->attributes) : json_array());
    json_t *name = scope->name, *version = scope->version, *from = resource->attributes;
    const struct {
        const char *key;
        json_t *value;
    } members[] = {
        {"timestamp", timestamp(log)},
        {"time_unix_nano", decimal(log->time_ns)},
        {"observed_time_unix_nano", decimal(log->observed_ns)},
        {"severity_number", json_integer(log->severity_number)},
        {"severity_text", text_or_empty(take(&log->severity_text))},
        {"logger", text_or_empty(json_incref(name))},
        {"scope_version", text_or_empty(json_incref(version))},
        {"body", log->body ? take(&log->body) : json_null()},
        {"attributes", json_incref(own.attributes)},
        {"dropped_attributes_count", json_integer(log->dropped_count)},
        {"event_name", text_or_empty(take(&log->event_name))},
        {"trace_id", text_or_empty(take(&log->trace_id))},
        {"span_id", text_or_empty(take(&log->span_id))},
        {"flags", json_integer(log->flags)},
        {"resource", from ? json_incref(from) : json_object()},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        ok &= json_object_set_new(record, members[i].key, members[i].value) == 0;
    ok = ok && put_rest(record, own.duplicates, &scope->common, resource) == 0;
    obsvi_neutral_origin_fini(&own);
    if (!ok) {
        json_decref(record);
        return NULL;
    }
    return record;
}
