/* otlp_json: OTLP's JSON encoding (opentelemetry-proto docs/specification.md, JSON Protobuf Encoding):
 * lowerCamelCase names, ids as hex, enums as integers, 64-bit integers as decimal strings, bytes as base64.
 */
#include "encode/otlp.h"

#include "encode/json.h"

static void put_quoted_u64(struct obsvi_bytes *out, uint64_t v)
{
    char *at = (char *)obsvi_bytes_room(out, OBSVI_INTEGER_CHARS_MAX + 2);
    if (!at)
        return;
    size_t n = 1 + obsvi_u64_put(at + 1, v);
    at[0] = at[n] = '"';
    out->len += n + 1;
}

static void put_any(struct obsvi_bytes *out, const struct obsvi_value *v, unsigned messages);

static void put_array(struct obsvi_bytes *out, struct obsvi_cursor items, unsigned messages)
{
    struct obsvi_value item;
    bool is_first = true;
    OBSVI_JSON_PUT(out, "{\"arrayValue\":{\"values\":[");
    for (; obsvi_read_item(&items, &item); is_first = false) {
        if (!is_first)
            obsvi_bytes_put_u8(out, ',');
        put_any(out, &item, messages + OBSVI_OTLP_MESSAGES_ARRAY);
    }
    OBSVI_JSON_PUT(out, "]}}");
}

static void put_map(struct obsvi_bytes *out, struct obsvi_cursor entries, unsigned messages)
{
    struct obsvi_str key;
    struct obsvi_value item;
    bool is_first = true;
    OBSVI_JSON_PUT(out, "{\"kvlistValue\":{\"values\":[");
    for (; obsvi_read_entry(&entries, &key, &item); is_first = false) {
        if (!is_first)
            obsvi_bytes_put_u8(out, ',');
        OBSVI_JSON_PUT(out, "{\"key\":");
        obsvi_json_put_string(out, key);
        OBSVI_JSON_PUT(out, ",\"value\":");
        put_any(out, &item, messages + OBSVI_OTLP_MESSAGES_MAP);
        obsvi_bytes_put_u8(out, '}');
    }
    OBSVI_JSON_PUT(out, "]}}");
}

static void put_as_json_text(struct obsvi_bytes *out, const struct obsvi_value *v)
{
    struct obsvi_bytes text = {0};
    obsvi_json_put_value(&text, v);
    OBSVI_JSON_PUT(out, "{\"stringValue\":");
    obsvi_json_put_string(out, (struct obsvi_str){(char *)text.data, text.len});
    obsvi_bytes_put_u8(out, '}');
    out->failed |= text.failed;
    obsvi_bytes_fini(&text);
}

static void put_scalar(struct obsvi_bytes *out, const struct obsvi_value *v)
{
    switch (v->type) {
    case OBSVI_BOOL:
        obsvi_bytes_put_text(out, v->boolean ? "{\"boolValue\":true}" : "{\"boolValue\":false}");
        break;
    case OBSVI_I64:
        OBSVI_JSON_PUT(out, "{\"intValue\":\"");
        obsvi_json_put_i64(out, v->i64);
        OBSVI_JSON_PUT(out, "\"}");
        break;
    case OBSVI_F64:
        OBSVI_JSON_PUT(out, "{\"doubleValue\":");
        obsvi_json_put_double(out, v->f64);
        obsvi_bytes_put_u8(out, '}');
        break;
    case OBSVI_STR:
        OBSVI_JSON_PUT(out, "{\"stringValue\":");
        obsvi_json_put_string(out, v->str);
        obsvi_bytes_put_u8(out, '}');
        break;
    case OBSVI_BYTES:
        OBSVI_JSON_PUT(out, "{\"bytesValue\":");
        obsvi_json_put_base64(out, v->str);
        obsvi_bytes_put_u8(out, '}');
        break;
    default:
        OBSVI_JSON_PUT(out, "{}");
    }
}

static void put_any(struct obsvi_bytes *out, const struct obsvi_value *v, unsigned messages)
{
    if (v->type != OBSVI_ARRAY && v->type != OBSVI_MAP)
        put_scalar(out, v);
    else if (messages + OBSVI_OTLP_MESSAGES_MAP > OBSVI_OTLP_MESSAGES_MAX)
        put_as_json_text(out, v);
    else if (v->type == OBSVI_ARRAY)
        put_array(out, v->items, messages);
    else
        put_map(out, v->items, messages);
}

void obsvi_otlp_json_put_text_attr(struct obsvi_bytes *out, struct obsvi_str key, struct obsvi_str value)
{
    OBSVI_JSON_PUT(out, "{\"key\":");
    obsvi_json_put_string(out, key);
    OBSVI_JSON_PUT(out, ",\"value\":{\"stringValue\":");
    obsvi_json_put_string(out, value);
    OBSVI_JSON_PUT(out, "}}");
}

static void put_attrs(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    bool is_first = true;
    OBSVI_JSON_PUT(out, ",\"attributes\":[");
    for (uint32_t i = 0; i < view->attr_count; i++) {
        const struct obsvi_attr *attr = &view->attrs[i];
        if (!(attr->sinks & OBSVI_TO_OTLP))
            continue;
        if (!is_first)
            obsvi_bytes_put_u8(out, ',');
        is_first = false;
        obsvi_bytes_put(out, attr->key->otlp_json.ptr, attr->key->otlp_json.len);
        put_any(out, &attr->value, OBSVI_OTLP_MESSAGES_ABOVE);
        obsvi_bytes_put_u8(out, '}');
    }
    obsvi_bytes_put_u8(out, ']');
}

static void put_id(struct obsvi_bytes *out, const char *before, const uint8_t *id, size_t n)
{
    if (!id)
        return;
    obsvi_bytes_put_text(out, before);
    obsvi_json_put_hex(out, id, n);
    obsvi_bytes_put_u8(out, '"');
}

void obsvi_otlp_json_put_record(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    OBSVI_JSON_PUT(out, "{\"timeUnixNano\":");
    put_quoted_u64(out, view->record->head->time_ns);
    OBSVI_JSON_PUT(out, ",\"observedTimeUnixNano\":");
    put_quoted_u64(out, view->record->head->time_ns);
    if (view->severity) {
        OBSVI_JSON_PUT(out, ",\"severityNumber\":");
        obsvi_json_put_i64(out, view->severity);
        OBSVI_JSON_PUT(out, ",\"severityText\":");
        obsvi_json_put_string(out, view->severity_text);
    }
    OBSVI_JSON_PUT(out, ",\"body\":{\"stringValue\":");
    obsvi_json_put_string(out, view->body);
    obsvi_bytes_put_u8(out, '}');
    if (view->attr_count)
        put_attrs(out, view);
    if (view->dropped_count) {
        OBSVI_JSON_PUT(out, ",\"droppedAttributesCount\":");
        obsvi_json_put_i64(out, view->dropped_count);
    }
    if (view->trace_flags) {
        OBSVI_JSON_PUT(out, ",\"flags\":");
        obsvi_json_put_i64(out, view->trace_flags);
    }
    put_id(out, ",\"traceId\":\"", view->trace_id, 16);
    put_id(out, ",\"spanId\":\"", view->span_id, 8);
    if (view->event.len) {
        OBSVI_JSON_PUT(out, ",\"eventName\":");
        obsvi_json_put_string(out, view->event);
    }
    obsvi_bytes_put_u8(out, '}');
}
