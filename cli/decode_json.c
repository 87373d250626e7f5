/* decode_json: ExportLogsServiceRequest in the OTLP/JSON encoding.
 *
 * Rules: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding": keys in lowerCamelCase only,
 * unknown keys ignored, trace and span ids in hex of either case, enums as integers only, bytes in base64,
 * 64-bit integers as decimal strings or as numbers. As in proto3 JSON a null is a field that is not set.
 *
 * jansson parses the body as a whole (it bounds nesting at 2,048 and refuses text that is not UTF-8); what
 * that costs in memory is bounded beforehand, by counting the values that the text can hold.
 */
#include "decode.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---- Scalars ------------------------------------------------------------------------------------------- */

static bool wrong(struct obsvi_decoder *d, const char *key, const char *expected)
{
    obsvi_decode_fail(d, OBSVI_DECODE_MALFORMED, "%s is not %s", key, expected);
    return false;
}

/* The member, or NULL if it is not set. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static bool parse_i64(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && (*text == '-' || (*text >= '0' && *text <= '9'));
}

static bool parse_u64(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text >= '0' && *text <= '9';
}

/* A whole number written as a JSON number: 10, and 10.0 or 1e1 too, as proto3 JSON allows. */
static bool whole_number(const json_t *value, int64_t *whole)
{
    double real = json_real_value(value);
    if (json_is_integer(value))
        *whole = json_integer_value(value);
    else if (json_is_real(value) && real == floor(real) && fabs(real) < 9.2e18)
        *whole = (int64_t)real;
    else
        return false;
    return true;
}

static int64_t get_i64(struct obsvi_decoder *d, const json_t *value, const char *key)
{
    int64_t whole = 0;
    if (value && !whole_number(value, &whole) &&
        !(json_is_string(value) && parse_i64(json_string_value(value), &whole)))
        wrong(d, key, "a 64-bit integer");
    return whole;
}

static uint64_t get_u64(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    int64_t whole = 0;
    uint64_t result = 0;
    if (json_is_string(value) ? !parse_u64(json_string_value(value), &result)
                              : value && (!whole_number(value, &whole) || whole < 0))
        wrong(d, key, "an unsigned 64-bit integer");
    return json_is_string(value) ? result : (uint64_t)whole;
}

static uint32_t get_u32(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    uint64_t value = get_u64(d, object, key);
    if (value > UINT32_MAX)
        wrong(d, key, "an unsigned 32-bit integer");
    return (uint32_t)value;
}

static int32_t get_enum(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    int64_t whole = 0;
    if (value && (!whole_number(value, &whole) || whole < INT32_MIN || whole > INT32_MAX))
        wrong(d, key, "an integer (OTLP/JSON has no enum names)");
    return (int32_t)whole;
}

/* A new reference, NULL if the field is not set. */
static json_t *get_text(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    json_t *value = member(object, key);
    if (value && !json_is_string(value))
        wrong(d, key, "a string");
    return json_is_string(value) ? json_incref(value) : NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static json_t *get_hex(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    json_t *text = get_text(d, object, key);
    const char *digits = json_string_value(text);
    size_t n = json_string_length(text);
    struct obsvi_bytes bytes = {0};
    for (size_t i = 0; i + 1 < n && hex_digit(digits[i]) >= 0 && hex_digit(digits[i + 1]) >= 0; i += 2)
        obsvi_bytes_put_u8(&bytes, (uint8_t)(hex_digit(digits[i]) << 4 | hex_digit(digits[i + 1])));
    if (bytes.len * 2 != n)
        wrong(d, key, "hexadecimal");
    json_t *value = text ? obsvi_decode_made(d, obsvi_neutral_hex(bytes.data, bytes.len)) : NULL;
    obsvi_bytes_fini(&bytes);
    json_decref(text);
    return value;
}

/* ---- AnyValue ------------------------------------------------------------------------------------------ */

static json_t *read_any_value(struct obsvi_decoder *d, const json_t *any, int depth);

static json_t *read_bool(struct obsvi_decoder *d, const json_t *value)
{
    return json_is_boolean(value) ? json_incref((json_t *)value)
                                  : (wrong(d, "boolValue", "true or false"), NULL);
}

static json_t *read_string(struct obsvi_decoder *d, const json_t *value)
{
    return json_is_string(value) ? json_incref((json_t *)value) : (wrong(d, "stringValue", "a string"), NULL);
}

/* A number, or one of proto3 JSON's names, or a number in a string. */
static json_t *read_double(struct obsvi_decoder *d, const json_t *value)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_number(value))
        return obsvi_neutral_double(json_number_value(value));
    if (text && strcmp(text, "NaN") == 0)
        return obsvi_neutral_double(NAN);
    if (text && (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0))
        return obsvi_neutral_double(*text == '-' ? -INFINITY : INFINITY);
    double number =
        text && strspn(text, "+-.0123456789eE") == json_string_length(value) ? strtod(text, &end) : 0;
    if (!end || end == text || *end) {
        wrong(d, "doubleValue", "a number");
        return NULL;
    }
    return obsvi_neutral_double(number);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Standard or URL-safe alphabet, with or without padding: what proto3 JSON accepts. */
static json_t *read_bytes(struct obsvi_decoder *d, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t n = json_string_length(value), at = 0;
    struct obsvi_bytes bytes = {0};
    uint32_t bits = 0;
    while (n && text[n - 1] == '=')
        n--;
    for (; at < n && base64_digit(text[at]) >= 0; at++) {
        bits = bits << 6 | (uint32_t)base64_digit(text[at]);
        if (at % 4 != 0)
            obsvi_bytes_put_u8(&bytes, (uint8_t)(bits >> (6 - 2 * (at % 4))));
    }
    json_t *made = NULL;
    if (!text || at != n || n % 4 == 1)
        wrong(d, "bytesValue", "base64");
    else
        made = bytes.failed ? NULL : obsvi_neutral_bytes(bytes.data, bytes.len);
    obsvi_bytes_fini(&bytes);
    return made;
}

static json_t *read_integer(struct obsvi_decoder *d, const json_t *value)
{
    return json_integer(get_i64(d, value, "intValue"));
}

/* The list `key` of `object`; NULL if it is not set. */
static const json_t *get_list(struct obsvi_decoder *d, const json_t *object, const char *key)
{
    const json_t *list = member(object, key);
    if (list && !json_is_array(list))
        wrong(d, key, "a list");
    return json_is_array(list) ? list : NULL;
}

/* The flat form of a list of KeyValue. */
static json_t *read_key_values(struct obsvi_decoder *d, const json_t *object, const char *key, int depth)
{
    const json_t *list = get_list(d, object, key);
    json_t *flat = obsvi_decode_made(d, json_array());
    for (size_t i = 0; i < json_array_size(list) && d->result == OBSVI_DECODE_OK; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_object(item))
            wrong(d, key, "a list of objects");
        json_t *name = get_text(d, item, "key");
        obsvi_decode_append(d, flat, name ? name : json_string(""));
        obsvi_decode_append(d, flat, read_any_value(d, json_object_get(item, "value"), depth));
    }
    return flat;
}

static json_t *read_map(struct obsvi_decoder *d, const json_t *map, int depth)
{
    if (!json_is_object(map))
        wrong(d, "kvlistValue", "an object");
    return obsvi_neutral_map(read_key_values(d, map, "values", depth + 1));
}

static json_t *read_array(struct obsvi_decoder *d, const json_t *array, int depth)
{
    if (!json_is_object(array))
        wrong(d, "arrayValue", "an object");
    const json_t *list = get_list(d, array, "values");
    json_t *values = obsvi_decode_made(d, json_array());
    for (size_t i = 0; i < json_array_size(list) && d->result == OBSVI_DECODE_OK; i++)
        obsvi_decode_append(d, values, read_any_value(d, json_array_get(list, i), depth + 1));
    return values;
}

static json_t *read_any_value(struct obsvi_decoder *d, const json_t *any, int depth)
{
    const json_t *v;
    if (!obsvi_decode_count_value(d, depth))
        return NULL;
    if (any && !json_is_null(any) && !json_is_object(any))
        wrong(d, "an AnyValue", "an object");
    if ((v = member(any, "stringValue")))
        return obsvi_decode_made(d, read_string(d, v));
    if ((v = member(any, "boolValue")))
        return obsvi_decode_made(d, read_bool(d, v));
    if ((v = member(any, "intValue")))
        return obsvi_decode_made(d, read_integer(d, v));
    if ((v = member(any, "doubleValue")))
        return obsvi_decode_made(d, read_double(d, v));
    if ((v = member(any, "arrayValue")))
        return obsvi_decode_made(d, read_array(d, v, depth));
    if ((v = member(any, "kvlistValue")))
        return obsvi_decode_made(d, read_map(d, v, depth));
    if ((v = member(any, "bytesValue")))
        return obsvi_decode_made(d, read_bytes(d, v));
    return json_null();
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

static void read_log_record(struct obsvi_decoder *d, const json_t *record,
                            const struct obsvi_scope_parts *scope, const struct obsvi_origin_parts *resource)
{
    d->values_left = OBSVI_DECODE_VALUES_MAX;
    struct obsvi_log_parts log = {
        .time_ns = get_u64(d, record, "timeUnixNano"),
        .observed_ns = get_u64(d, record, "observedTimeUnixNano"),
        .severity_number = get_enum(d, record, "severityNumber"),
        .dropped_count = get_u32(d, record, "droppedAttributesCount"),
        .flags = get_u32(d, record, "flags"),
        .severity_text = get_text(d, record, "severityText"),
        .body = read_any_value(d, json_object_get(record, "body"), 0),
        .attributes = read_key_values(d, record, "attributes", 0),
        .event_name = get_text(d, record, "eventName"),
        .trace_id = get_hex(d, record, "traceId"),
        .span_id = get_hex(d, record, "spanId"),
    };
    obsvi_decode_emit(d, &log, scope, resource);
}

/* Attributes of a resource or a scope; `frame` is what holds it and its schema URL. */
static void read_origin(struct obsvi_decoder *d, const json_t *frame, const json_t *origin,
                        struct obsvi_origin_parts *parts)
{
    d->values_left = OBSVI_DECODE_VALUES_MAX;
    if (origin && !json_is_object(origin))
        wrong(d, "a resource or scope", "an object");
    parts->schema_url = get_text(d, frame, "schemaUrl");
    parts->dropped_count = get_u32(d, origin, "droppedAttributesCount");
    if (!obsvi_neutral_set_origin(parts, read_key_values(d, origin, "attributes", 0)))
        obsvi_decode_made(d, NULL);
}

static const json_t *get_item(struct obsvi_decoder *d, const json_t *list, size_t i, const char *key)
{
    const json_t *item = json_array_get(list, i);
    if (!json_is_object(item))
        wrong(d, key, "a list of objects");
    return item;
}

static void read_scope_logs(struct obsvi_decoder *d, const json_t *frame,
                            const struct obsvi_origin_parts *resource)
{
    struct obsvi_scope_parts scope = {0};
    const json_t *origin = member(frame, "scope");
    read_origin(d, frame, origin, &scope.common);
    scope.name = get_text(d, origin, "name");
    scope.version = get_text(d, origin, "version");
    const json_t *list = get_list(d, frame, "logRecords");
    for (size_t i = 0; i < json_array_size(list) && d->result == OBSVI_DECODE_OK; i++)
        read_log_record(d, get_item(d, list, i, "logRecords"), &scope, resource);
    obsvi_neutral_scope_fini(&scope);
}

static void read_resource_logs(struct obsvi_decoder *d, const json_t *frame)
{
    struct obsvi_origin_parts resource = {0};
    read_origin(d, frame, member(frame, "resource"), &resource);
    const json_t *list = get_list(d, frame, "scopeLogs");
    for (size_t i = 0; i < json_array_size(list) && d->result == OBSVI_DECODE_OK; i++)
        read_scope_logs(d, get_item(d, list, i, "scopeLogs"), &resource);
    obsvi_neutral_origin_fini(&resource);
}

/* ---- The body ------------------------------------------------------------------------------------------ */

/* An upper bound of the number of values in a JSON text: each but the first follows one of these marks. */
static size_t count_values(const char *text, size_t n)
{
    size_t count = 1;
    bool is_in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (is_in_string && c == '\\')
            i++;
        else if (c == '"')
            is_in_string = !is_in_string;
        else if (!is_in_string && (c == ',' || c == '[' || c == '{'))
            count++;
    }
    return count;
}

static json_t *parse(struct obsvi_decoder *d, const void *body, size_t n)
{
    json_error_t error;
    if (count_values(body, n) > OBSVI_DECODE_VALUES_MAX)
        return obsvi_decode_fail(d, OBSVI_DECODE_TOO_LARGE, "more than %u values in one request",
                                 OBSVI_DECODE_VALUES_MAX);
    json_t *root = json_loadb(n ? body : "", n, JSON_ALLOW_NUL, &error);
    if (!root)
        return obsvi_decode_fail(d, OBSVI_DECODE_MALFORMED, "malformed JSON at line %d, column %d: %.120s",
                                 error.line, error.column, error.text);
    return root;
}

enum obsvi_decode_result obsvi_decode_json(struct obsvi_decoder *d, const void *body, size_t n)
{
    d->result = OBSVI_DECODE_OK;
    d->why[0] = '\0';
    json_t *root = parse(d, body, n);
    if (root && !json_is_object(root))
        wrong(d, "the request", "an object");
    const json_t *list = get_list(d, root, "resourceLogs");
    for (int pass = 0; pass < 2; pass++) {
        d->is_check = pass == 0;
        for (size_t i = 0; i < json_array_size(list) && d->result == OBSVI_DECODE_OK; i++)
            read_resource_logs(d, get_item(d, list, i, "resourceLogs"));
    }
    json_decref(root);
    return d->result;
}
