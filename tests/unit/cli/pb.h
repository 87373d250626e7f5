/* pb: writes protobuf by hand, so that tests can write what no library would. */
#ifndef TESTS_UNIT_CLI_PB_H
#define TESTS_UNIT_CLI_PB_H

#include "base/bytes.h"

static inline void pb_varint(struct obsvi_bytes *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        obsvi_bytes_put_u8(b, (uint8_t)(v | 0x80));
    obsvi_bytes_put_u8(b, (uint8_t)v);
}

static inline void pb_int(struct obsvi_bytes *b, int number, uint64_t v)
{
    pb_varint(b, (uint64_t)number << 3);
    pb_varint(b, v);
}

static inline void pb_fixed(struct obsvi_bytes *b, int number, uint64_t v, int width)
{
    pb_varint(b, (uint64_t)number << 3 | (width == 8 ? 1 : 5));
    for (int i = 0; i < width; i++)
        obsvi_bytes_put_u8(b, (uint8_t)(v >> 8 * i));
}

static inline void pb_double(struct obsvi_bytes *b, int number, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    pb_fixed(b, number, bits, 8);
}

static inline void pb_bytes(struct obsvi_bytes *b, int number, const void *p, size_t n)
{
    pb_varint(b, (uint64_t)number << 3 | 2);
    pb_varint(b, n);
    obsvi_bytes_put(b, p, n);
}

static inline void pb_text(struct obsvi_bytes *b, int number, const char *s)
{
    pb_bytes(b, number, s, strlen(s));
}

/* Appends `inner` as a sub-message and frees it. */
static inline void pb_message(struct obsvi_bytes *b, int number, struct obsvi_bytes *inner)
{
    pb_bytes(b, number, inner->data, inner->len);
    obsvi_bytes_fini(inner);
}

/* Appends KeyValue{key, value}, whose AnyValue is `any`, as field `number`; frees `any`. */
static inline void pb_key_value(struct obsvi_bytes *b, int number, const char *key, struct obsvi_bytes *any)
{
    struct obsvi_bytes kv = {0};
    pb_text(&kv, 1, key);
    pb_message(&kv, 2, any);
    pb_message(b, number, &kv);
}

/* A whole ExportLogsServiceRequest around the fields of one LogRecord; frees `record`. */
static inline struct obsvi_bytes pb_request(struct obsvi_bytes *record)
{
    struct obsvi_bytes scope = {0}, scope_logs = {0}, resource = {0}, resource_logs = {0}, request = {0},
                       any = {0};
    pb_text(&scope, 1, "trade-exec");
    pb_text(&scope, 2, "1.2");
    pb_message(&scope_logs, 1, &scope);
    pb_message(&scope_logs, 2, record);
    pb_text(&any, 1, "svc");
    pb_key_value(&resource, 1, "service.name", &any);
    pb_message(&resource_logs, 2, &scope_logs); /* before the resource: fields may come in any order */
    pb_message(&resource_logs, 1, &resource);
    pb_message(&request, 1, &resource_logs);
    return request;
}

#endif
