/* decode_protobuf: ExportLogsServiceRequest in the protobuf encoding.
 *
 * Field numbers: opentelemetry-proto, logs/v1/logs.proto, common/v1/common.proto, resource/v1/resource.proto.
 * Each read_ function is one message and reads like its schema. A singular field that comes twice: the last
 * one wins, and of `resource` and `scope` the attributes add up, as merging demands. A message's own fields
 * may come in any order, so `resource` and `scope` are looked up before the records they belong to.
 */
#include "decode.h"
#include "wire.h"

/* True while there are fields; at the end, a malformed message becomes the decoder's failure. */
static bool next(struct obsvi_decoder *d, struct obsvi_cursor *c, struct obsvi_wire_field *f,
                 const char *message)
{
    if (d->result == OBSVI_DECODE_OK && obsvi_wire_next(c, f))
        return true;
    if (c->failed)
        obsvi_decode_fail(d, OBSVI_DECODE_MALFORMED, "malformed protobuf in %s", message);
    return false;
}

static json_t *read_text(struct obsvi_decoder *d, const struct obsvi_wire_field *f, const char *name)
{
    json_t *text = obsvi_neutral_text(f->bytes.at, obsvi_cursor_left(&f->bytes));
    return text ? text : obsvi_decode_fail(d, OBSVI_DECODE_MALFORMED, "%s is not valid UTF-8", name);
}

static void set_text(struct obsvi_decoder *d, json_t **slot, const struct obsvi_wire_field *f,
                     const char *name)
{
    json_decref(*slot);
    *slot = read_text(d, f, name);
}

static void set_hex(struct obsvi_decoder *d, json_t **slot, const struct obsvi_wire_field *f)
{
    json_decref(*slot);
    *slot = obsvi_decode_made(d, obsvi_neutral_hex(f->bytes.at, obsvi_cursor_left(&f->bytes)));
}

/* ---- AnyValue ------------------------------------------------------------------------------------------ */

static json_t *read_any_value(struct obsvi_decoder *d, struct obsvi_cursor c, int depth);

static json_t *read_array(struct obsvi_decoder *d, struct obsvi_cursor c, int depth)
{
    json_t *array = obsvi_decode_made(d, json_array());
    struct obsvi_wire_field f;
    while (next(d, &c, &f, "ArrayValue"))
        if (obsvi_wire_key(&f) == OBSVI_WIRE(1, BYTES))
            obsvi_decode_append(d, array, read_any_value(d, f.bytes, depth + 1));
    return array;
}

static void read_key_value(struct obsvi_decoder *d, struct obsvi_cursor c, json_t *flat, int depth)
{
    json_t *key = NULL, *value = NULL;
    struct obsvi_wire_field f;
    if (!obsvi_decode_count_value(d, depth))
        return;
    while (next(d, &c, &f, "KeyValue")) {
        switch (obsvi_wire_key(&f)) {
        case OBSVI_WIRE(1, BYTES):
            set_text(d, &key, &f, "an attribute key");
            break;
        case OBSVI_WIRE(2, BYTES):
            json_decref(value);
            value = read_any_value(d, f.bytes, depth);
            break;
        }
    }
    obsvi_decode_append(d, flat, key ? key : json_string(""));
    obsvi_decode_append(d, flat, value ? value : json_null());
}

static json_t *read_map(struct obsvi_decoder *d, struct obsvi_cursor c, int depth)
{
    json_t *flat = obsvi_decode_made(d, json_array());
    struct obsvi_wire_field f;
    while (next(d, &c, &f, "KeyValueList"))
        if (obsvi_wire_key(&f) == OBSVI_WIRE(1, BYTES))
            read_key_value(d, f.bytes, flat, depth + 1);
    return obsvi_decode_made(d, obsvi_neutral_map(flat));
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static json_t *read_any_value(struct obsvi_decoder *d, struct obsvi_cursor c, int depth)
{
    json_t *value = json_null(); /* an AnyValue with nothing set: common.proto */
    struct obsvi_wire_field f;
    if (!obsvi_decode_count_value(d, depth))
        return NULL;
    while (next(d, &c, &f, "AnyValue")) {
        json_t *before = value;
        switch (obsvi_wire_key(&f)) {
        case OBSVI_WIRE(1, BYTES):
            value = read_text(d, &f, "a string value");
            break;
        case OBSVI_WIRE(2, VARINT):
            value = json_boolean(f.scalar != 0);
            break;
        case OBSVI_WIRE(3, VARINT):
            value = json_integer((json_int_t)f.scalar);
            break;
        case OBSVI_WIRE(4, FIXED64):
            value = obsvi_neutral_double(double_of(f.scalar));
            break;
        case OBSVI_WIRE(5, BYTES):
            value = read_array(d, f.bytes, depth);
            break;
        case OBSVI_WIRE(6, BYTES):
            value = read_map(d, f.bytes, depth);
            break;
        case OBSVI_WIRE(7, BYTES):
            value = obsvi_neutral_bytes(f.bytes.at, obsvi_cursor_left(&f.bytes));
            break;
        default:
            continue;
        }
        json_decref(before);
        obsvi_decode_made(d, value);
    }
    return value;
}

/* ---- LogRecord ----------------------------------------------------------------------------------------- */

static void read_log_field(struct obsvi_decoder *d, const struct obsvi_wire_field *f,
                           struct obsvi_log_parts *log)
{
    switch (obsvi_wire_key(f)) {
    case OBSVI_WIRE(1, FIXED64):
        log->time_ns = f->scalar;
        break;
    case OBSVI_WIRE(11, FIXED64):
        log->observed_ns = f->scalar;
        break;
    case OBSVI_WIRE(2, VARINT):
        log->severity_number = (int32_t)f->scalar;
        break;
    case OBSVI_WIRE(3, BYTES):
        set_text(d, &log->severity_text, f, "severity_text");
        break;
    case OBSVI_WIRE(5, BYTES):
        json_decref(log->body);
        log->body = read_any_value(d, f->bytes, 0);
        break;
    case OBSVI_WIRE(6, BYTES):
        read_key_value(d, f->bytes, log->attributes, 0);
        break;
    case OBSVI_WIRE(7, VARINT):
        log->dropped_count = (uint32_t)f->scalar;
        break;
    case OBSVI_WIRE(8, FIXED32):
        log->flags = (uint32_t)f->scalar;
        break;
    case OBSVI_WIRE(9, BYTES):
        set_hex(d, &log->trace_id, f);
        break;
    case OBSVI_WIRE(10, BYTES):
        set_hex(d, &log->span_id, f);
        break;
    case OBSVI_WIRE(12, BYTES):
        set_text(d, &log->event_name, f, "event_name");
        break;
    }
}

static void read_log_record(struct obsvi_decoder *d, struct obsvi_cursor c,
                            const struct obsvi_scope_parts *scope, const struct obsvi_origin_parts *resource)
{
    struct obsvi_log_parts log = {.attributes = obsvi_decode_made(d, json_array())};
    struct obsvi_wire_field f;
    d->values_left = OBSVI_DECODE_VALUES_MAX;
    while (next(d, &c, &f, "LogRecord"))
        read_log_field(d, &f, &log);
    obsvi_decode_emit(d, &log, scope, resource);
}

/* ---- InstrumentationScope, Resource -------------------------------------------------------------------- */

static void read_scope(struct obsvi_decoder *d, struct obsvi_cursor c, struct obsvi_scope_parts *scope,
                       json_t *flat)
{
    struct obsvi_wire_field f;
    while (next(d, &c, &f, "InstrumentationScope")) {
        switch (obsvi_wire_key(&f)) {
        case OBSVI_WIRE(1, BYTES):
            set_text(d, &scope->name, &f, "the scope's name");
            break;
        case OBSVI_WIRE(2, BYTES):
            set_text(d, &scope->version, &f, "the scope's version");
            break;
        case OBSVI_WIRE(3, BYTES):
            read_key_value(d, f.bytes, flat, 0);
            break;
        case OBSVI_WIRE(4, VARINT):
            scope->common.dropped_count = (uint32_t)f.scalar;
            break;
        }
    }
}

static void read_resource(struct obsvi_decoder *d, struct obsvi_cursor c, struct obsvi_origin_parts *resource,
                          json_t *flat)
{
    struct obsvi_wire_field f;
    while (next(d, &c, &f, "Resource")) {
        switch (obsvi_wire_key(&f)) {
        case OBSVI_WIRE(1, BYTES):
            read_key_value(d, f.bytes, flat, 0);
            break;
        case OBSVI_WIRE(2, VARINT):
            resource->dropped_count = (uint32_t)f.scalar;
            break;
        }
    }
}

/* ---- ScopeLogs, ResourceLogs, ExportLogsServiceRequest ------------------------------------------------- */

static void read_scope_logs(struct obsvi_decoder *d, struct obsvi_cursor c,
                            const struct obsvi_origin_parts *resource)
{
    struct obsvi_scope_parts scope = {0};
    json_t *flat = obsvi_decode_made(d, json_array());
    struct obsvi_cursor first = c;
    struct obsvi_wire_field f;
    d->values_left = OBSVI_DECODE_VALUES_MAX;
    while (next(d, &first, &f, "ScopeLogs")) {
        if (obsvi_wire_key(&f) == OBSVI_WIRE(1, BYTES))
            read_scope(d, f.bytes, &scope, flat);
        else if (obsvi_wire_key(&f) == OBSVI_WIRE(3, BYTES))
            set_text(d, &scope.common.schema_url, &f, "schema_url");
    }
    if (!obsvi_neutral_set_origin(&scope.common, flat))
        obsvi_decode_made(d, NULL);
    while (next(d, &c, &f, "ScopeLogs"))
        if (obsvi_wire_key(&f) == OBSVI_WIRE(2, BYTES))
            read_log_record(d, f.bytes, &scope, resource);
    obsvi_neutral_scope_fini(&scope);
}

static void read_resource_logs(struct obsvi_decoder *d, struct obsvi_cursor c)
{
    struct obsvi_origin_parts resource = {0};
    json_t *flat = obsvi_decode_made(d, json_array());
    struct obsvi_cursor first = c;
    struct obsvi_wire_field f;
    d->values_left = OBSVI_DECODE_VALUES_MAX;
    while (next(d, &first, &f, "ResourceLogs")) {
        if (obsvi_wire_key(&f) == OBSVI_WIRE(1, BYTES))
            read_resource(d, f.bytes, &resource, flat);
        else if (obsvi_wire_key(&f) == OBSVI_WIRE(3, BYTES))
            set_text(d, &resource.schema_url, &f, "schema_url");
    }
    if (!obsvi_neutral_set_origin(&resource, flat))
        obsvi_decode_made(d, NULL);
    while (next(d, &c, &f, "ResourceLogs"))
        if (obsvi_wire_key(&f) == OBSVI_WIRE(2, BYTES))
            read_scope_logs(d, f.bytes, &resource);
    obsvi_neutral_origin_fini(&resource);
}

enum obsvi_decode_result obsvi_decode_protobuf(struct obsvi_decoder *d, const void *body, size_t n)
{
    d->result = OBSVI_DECODE_OK;
    d->why[0] = '\0';
    for (int pass = 0; pass < 2; pass++) {
        struct obsvi_cursor c = obsvi_cursor_of(body, n);
        struct obsvi_wire_field f;
        d->is_check = pass == 0;
        while (next(d, &c, &f, "ExportLogsServiceRequest"))
            if (obsvi_wire_key(&f) == OBSVI_WIRE(1, BYTES))
                read_resource_logs(d, f.bytes);
    }
    return d->result;
}
