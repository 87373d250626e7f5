/* otlp: the protobuf encoding. See otlp.h, and protobuf.h for how lengths get in front of their content. */
#include "encode/otlp.h"

#include "encode/json.h"
#include "encode/protobuf.h"

enum field {
    LOG_TIME = 1,
    LOG_SEVERITY_NUMBER = 2,
    LOG_SEVERITY_TEXT = 3,
    LOG_BODY = 5,
    LOG_ATTRIBUTES = 6,
    LOG_DROPPED_ATTRIBUTES_COUNT = 7,
    LOG_FLAGS = 8,
    LOG_TRACE_ID = 9,
    LOG_SPAN_ID = 10,
    LOG_OBSERVED_TIME = 11,
    LOG_EVENT_NAME = 12,
    SCOPE_LOGS_RECORDS = 2,
    KEY_VALUE_VALUE = 2,
    ANY_STRING = 1,
    ANY_BOOL = 2,
    ANY_INT = 3,
    ANY_DOUBLE = 4,
    ANY_ARRAY = 5,
    ANY_MAP = 6,
    ANY_BYTES = 7,
    ARRAY_VALUES = 1,
    MAP_VALUES = 1,
    MAP_KEY = 1,

    SCALAR_BYTES_MAX = 11, /* tag and varint; tag and fixed64 */
    HEAD_BYTES_MAX = 96,   /* tags, lengths and numbers in front of the texts */
};

static bool is_container(const struct obsvi_value *v)
{
    return v->type == OBSVI_ARRAY || v->type == OBSVI_MAP;
}

/* ---- AnyValue without nesting: size, then bytes -------------------------------------------------------- */

static size_t scalar_bytes(const struct obsvi_value *v)
{
    switch (v->type) {
    case OBSVI_BOOL:
        return 2;
    case OBSVI_I64:
        return 1 + obsvi_pb_varint_bytes((uint64_t)v->i64);
    case OBSVI_F64:
        return 9;
    case OBSVI_STR:
    case OBSVI_BYTES:
        return obsvi_pb_len_bytes(v->str.len);
    default:
        return 0; /* null: an AnyValue with nothing set */
    }
}

static uint8_t *put_scalar(uint8_t *at, const struct obsvi_value *v)
{
    uint64_t bits;
    switch (v->type) {
    case OBSVI_BOOL:
        *at++ = OBSVI_PB_TAG(ANY_BOOL, OBSVI_PB_VARINT);
        *at++ = v->boolean;
        return at;
    case OBSVI_I64:
        *at++ = OBSVI_PB_TAG(ANY_INT, OBSVI_PB_VARINT);
        return obsvi_pb_varint(at, (uint64_t)v->i64);
    case OBSVI_F64:
        *at++ = OBSVI_PB_TAG(ANY_DOUBLE, OBSVI_PB_FIXED64);
        memcpy(&bits, &v->f64, sizeof bits);
        return obsvi_pb_fixed64(at, bits);
    case OBSVI_STR:
        return obsvi_pb_len(at, ANY_STRING, v->str.ptr, v->str.len);
    case OBSVI_BYTES:
        return obsvi_pb_len(at, ANY_BYTES, v->str.ptr, v->str.len);
    default:
        return at;
    }
}

/* KeyValue with a scalar; `key` is its first field, encoded. */
static void put_scalar_attr(struct obsvi_bytes *out, unsigned field, struct obsvi_str key,
                            const struct obsvi_value *v)
{
    size_t value_bytes = scalar_bytes(v);
    size_t n = key.len + obsvi_pb_len_bytes(value_bytes);
    uint8_t *start = obsvi_bytes_room(out, obsvi_pb_len_bytes(n));
    if (!start)
        return;
    uint8_t *at = start;
    *at++ = OBSVI_PB_TAG(field, OBSVI_PB_LEN);
    at = obsvi_pb_varint(at, n);
    at = obsvi_pb_raw(at, key.ptr, key.len);
    *at++ = OBSVI_PB_TAG(KEY_VALUE_VALUE, OBSVI_PB_LEN);
    at = obsvi_pb_varint(at, value_bytes);
    at = put_scalar(at, v);
    out->len += (size_t)(at - start);
}

void obsvi_otlp_put_text_attr(struct obsvi_bytes *out, unsigned field, struct obsvi_str key,
                              struct obsvi_str value)
{
    struct obsvi_value v = {.type = OBSVI_STR, .str = value};
    size_t attr = obsvi_pb_open(out, field, 1);
    obsvi_pb_put_len(out, MAP_KEY, key.ptr, key.len);
    size_t any = obsvi_pb_open(out, KEY_VALUE_VALUE, 1);
    uint8_t *at = obsvi_bytes_room(out, scalar_bytes(&v));
    if (at)
        out->len += (size_t)(put_scalar(at, &v) - at);
    obsvi_pb_close(out, any, 1);
    obsvi_pb_close(out, attr, 1);
}

/* ---- AnyValue with nesting ----------------------------------------------------------------------------- */

/* Content of an AnyValue that is itself message number `messages` of its chain. */
static void put_any(struct obsvi_bytes *out, const struct obsvi_value *v, unsigned messages);

static void put_as_json_text(struct obsvi_bytes *out, const struct obsvi_value *v)
{
    size_t text = obsvi_pb_open(out, ANY_STRING, 1);
    obsvi_json_put_value(out, v);
    obsvi_pb_close(out, text, 1);
}

static void put_array(struct obsvi_bytes *out, struct obsvi_cursor items, unsigned messages)
{
    struct obsvi_value item;
    size_t array = obsvi_pb_open(out, ANY_ARRAY, 1);
    while (obsvi_read_item(&items, &item)) {
        size_t any = obsvi_pb_open(out, ARRAY_VALUES, 1);
        put_any(out, &item, messages + OBSVI_OTLP_MESSAGES_ARRAY);
        obsvi_pb_close(out, any, 1);
    }
    obsvi_pb_close(out, array, 1);
}

static void put_map(struct obsvi_bytes *out, struct obsvi_cursor entries, unsigned messages)
{
    struct obsvi_str key;
    struct obsvi_value item;
    size_t map = obsvi_pb_open(out, ANY_MAP, 1);
    while (obsvi_read_entry(&entries, &key, &item)) {
        size_t entry = obsvi_pb_open(out, MAP_VALUES, 1);
        obsvi_pb_put_len(out, MAP_KEY, key.ptr, key.len);
        size_t any = obsvi_pb_open(out, KEY_VALUE_VALUE, 1);
        put_any(out, &item, messages + OBSVI_OTLP_MESSAGES_MAP);
        obsvi_pb_close(out, any, 1);
        obsvi_pb_close(out, entry, 1);
    }
    obsvi_pb_close(out, map, 1);
}

static void put_any(struct obsvi_bytes *out, const struct obsvi_value *v, unsigned messages)
{
    if (!is_container(v)) {
        uint8_t *at = obsvi_bytes_room(out, scalar_bytes(v));
        if (at)
            out->len += (size_t)(put_scalar(at, v) - at);
    } else if (messages + OBSVI_OTLP_MESSAGES_MAP > OBSVI_OTLP_MESSAGES_MAX) {
        put_as_json_text(out, v);
    } else if (v->type == OBSVI_ARRAY) {
        put_array(out, v->items, messages);
    } else {
        put_map(out, v->items, messages);
    }
}

static void put_attr(struct obsvi_bytes *out, const struct obsvi_attr *attr)
{
    if (!is_container(&attr->value)) {
        put_scalar_attr(out, LOG_ATTRIBUTES, attr->key->otlp, &attr->value);
        return;
    }
    size_t entry = obsvi_pb_open(out, LOG_ATTRIBUTES, 1);
    obsvi_bytes_put(out, attr->key->otlp.ptr, attr->key->otlp.len);
    size_t any = obsvi_pb_open(out, KEY_VALUE_VALUE, 1);
    put_any(out, &attr->value, OBSVI_OTLP_MESSAGES_ABOVE);
    obsvi_pb_close(out, any, 1);
    obsvi_pb_close(out, entry, 1);
}

/* ---- LogRecord ----------------------------------------------------------------------------------------- */

static void put_head(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    uint8_t *start = obsvi_bytes_room(out, HEAD_BYTES_MAX + view->body.len);
    if (!start)
        return;
    uint8_t *at = start;
    *at++ = OBSVI_PB_TAG(LOG_TIME, OBSVI_PB_FIXED64);
    at = obsvi_pb_fixed64(at, view->record->head->time_ns);
    if (view->severity) {
        *at++ = OBSVI_PB_TAG(LOG_SEVERITY_NUMBER, OBSVI_PB_VARINT);
        *at++ = view->severity;
        at = obsvi_pb_len(at, LOG_SEVERITY_TEXT, view->severity_text.ptr, view->severity_text.len);
    }
    *at++ = OBSVI_PB_TAG(LOG_BODY, OBSVI_PB_LEN);
    at = obsvi_pb_varint(at, obsvi_pb_len_bytes(view->body.len));
    at = obsvi_pb_len(at, ANY_STRING, view->body.ptr, view->body.len);
    out->len += (size_t)(at - start);
}

static void put_tail(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    uint8_t *start = obsvi_bytes_room(out, HEAD_BYTES_MAX + view->event.len);
    if (!start)
        return;
    uint8_t *at = start;
    if (view->dropped_count) {
        *at++ = OBSVI_PB_TAG(LOG_DROPPED_ATTRIBUTES_COUNT, OBSVI_PB_VARINT);
        at = obsvi_pb_varint(at, view->dropped_count);
    }
    if (view->trace_flags) {
        *at++ = OBSVI_PB_TAG(LOG_FLAGS, OBSVI_PB_FIXED32);
        at = obsvi_pb_fixed32(at, view->trace_flags);
    }
    if (view->trace_id)
        at = obsvi_pb_len(at, LOG_TRACE_ID, view->trace_id, 16);
    if (view->span_id)
        at = obsvi_pb_len(at, LOG_SPAN_ID, view->span_id, 8);
    *at++ = OBSVI_PB_TAG(LOG_OBSERVED_TIME, OBSVI_PB_FIXED64);
    at = obsvi_pb_fixed64(at, view->record->head->time_ns);
    if (view->event.len)
        at = obsvi_pb_len(at, LOG_EVENT_NAME, view->event.ptr, view->event.len);
    out->len += (size_t)(at - start);
}

void obsvi_otlp_put_record(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    size_t record = obsvi_pb_open(out, SCOPE_LOGS_RECORDS, 2);
    put_head(out, view);
    for (uint32_t i = 0; i < view->attr_count; i++)
        if (view->attrs[i].sinks & OBSVI_TO_OTLP)
            put_attr(out, &view->attrs[i]);
    put_tail(out, view);
    obsvi_pb_close(out, record, 2);
}
