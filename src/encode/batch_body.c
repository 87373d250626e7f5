/* batch_body: the open batch, and the frame of the request around it.
 *
 * Records are appended in their final bytes, in either encoding, to the buffer of their scope (= logger).
 * Sealing writes
 *
 *     ExportLogsServiceRequest { ResourceLogs { resource, ScopeLogs { scope, records… }… } }
 *
 * The resource is encoded once, when the batch is made. The size of the request is kept up to date with each
 * append, exactly, so that the shipper can close a batch by bytes. Buffers keep their memory from one batch
 * to the next; scopes too, unless an application makes logger names out of ids.
 */
#include "encode/encoder.h"

#include "encode/gzip.h"
#include "encode/json.h"
#include "encode/otlp.h"
#include "encode/protobuf.h"
#include "encode/utf8.h"

#include <stdlib.h>

enum {
    REQUEST_RESOURCE_LOGS = 1,
    RESOURCE_LOGS_RESOURCE = 1,
    RESOURCE_LOGS_SCOPE_LOGS = 2,
    RESOURCE_ATTRIBUTES = 1,
    SCOPE_LOGS_SCOPE = 1,
    SCOPE_NAME = 1,

    SCOPES_KEPT_MAX = 64,
    SCOPE_BYTES_KEPT_MAX = 1024 * 1024,
};

struct scope {
    struct obsvi_bytes name;
    struct obsvi_bytes head; /* what precedes the records */
    struct obsvi_bytes records;
};

struct obsvi_batch_body {
    bool is_json, is_compressed;
    struct obsvi_bytes resource; /* protobuf: ResourceLogs.resource; JSON: {"resource":{…},"scopeLogs":[ */
    struct scope *scopes;
    size_t scope_count, scope_cap;
    size_t last; /* index of the scope used last */
    uint32_t count;
    size_t scopes_bytes;    /* of all non-empty scopes, framed, without separators */
    size_t open_scopes;     /* non-empty ones */
    struct obsvi_bytes raw; /* the request before compression */
    struct obsvi_gzip *gzip;
};

static const char json_request_head[] = "{\"resourceLogs\":[", json_request_tail[] = "]}]}",
                  json_scope_tail[] = "]}";

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void put_resource_attr(struct obsvi_batch_body *b, struct obsvi_bytes *out, struct obsvi_str key,
                              struct obsvi_str value)
{
    if (!b->is_json) {
        obsvi_otlp_put_text_attr(out, RESOURCE_ATTRIBUTES, key, value);
        return;
    }
    if (out->len && out->data[out->len - 1] == '}')
        obsvi_bytes_put_u8(out, ',');
    obsvi_otlp_json_put_text_attr(out, key, value);
}

static void put_resource_attrs(struct obsvi_batch_body *b, struct obsvi_bytes *out,
                               const struct obsvi_pairs *pairs)
{
    struct obsvi_mender mender = {.limit_characters = UINT32_MAX};
    struct obsvi_bytes key = {0};
    for (size_t i = 0; i < pairs->count; i++) {
        obsvi_bytes_clear(&key);
        obsvi_key_put_repaired(&key, obsvi_str_of(pairs->items[i].key));
        struct obsvi_str value = obsvi_mend_text(&mender, obsvi_str_of(pairs->items[i].value), 0,
                                                 OBSVI_LOKI_LABEL_VALUE_BYTES_MAX);
        put_resource_attr(b, out, (struct obsvi_str){(char *)key.data, key.len}, value);
        out->failed |= key.failed || mender.failed;
    }
    obsvi_bytes_fini(&key);
    obsvi_mender_fini(&mender);
}

static bool encode_resource(struct obsvi_batch_body *b, const struct obsvi_pairs *pairs)
{
    struct obsvi_bytes *out = &b->resource;
    if (b->is_json) {
        OBSVI_JSON_PUT(out, "{\"resource\":{\"attributes\":[");
        put_resource_attrs(b, out, pairs);
        OBSVI_JSON_PUT(out, "]},\"scopeLogs\":[");
    } else {
        size_t resource = obsvi_pb_open(out, RESOURCE_LOGS_RESOURCE, 2);
        put_resource_attrs(b, out, pairs);
        obsvi_pb_close(out, resource, 2);
    }
    return !out->failed;
}

struct obsvi_batch_body *obsvi_batch_body_new(const struct obsvi_config *config)
{
    struct obsvi_batch_body *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->is_json = config->protocol == OBSVI_HTTP_JSON;
    b->is_compressed = config->compression == OBSVI_COMPRESSION_GZIP;
    if (b->is_compressed)
        b->gzip = obsvi_gzip_new();
    if ((b->is_compressed && !b->gzip) || !encode_resource(b, &config->resource)) {
        obsvi_batch_body_free(b);
        return NULL;
    }
    return b;
}

static void free_scope(struct scope *scope)
{
    obsvi_bytes_fini(&scope->name);
    obsvi_bytes_fini(&scope->head);
    obsvi_bytes_fini(&scope->records);
}

static void free_scopes(struct obsvi_batch_body *b)
{
    for (size_t i = 0; i < b->scope_count; i++)
        free_scope(&b->scopes[i]);
    free(b->scopes);
    b->scopes = NULL;
    b->scope_count = b->scope_cap = b->last = 0;
}

void obsvi_batch_body_free(struct obsvi_batch_body *b)
{
    if (!b)
        return;
    free_scopes(b);
    obsvi_bytes_fini(&b->resource);
    obsvi_bytes_fini(&b->raw);
    obsvi_gzip_free(b->gzip);
    free(b);
}

/* ---- Scopes -------------------------------------------------------------------------------------------- */

static void encode_scope_head(const struct obsvi_batch_body *b, struct scope *scope, struct obsvi_str name)
{
    obsvi_bytes_put(&scope->name, name.ptr, name.len);
    if (b->is_json) {
        OBSVI_JSON_PUT(&scope->head, "{\"scope\":{\"name\":");
        obsvi_json_put_string(&scope->head, name);
        OBSVI_JSON_PUT(&scope->head, "},\"logRecords\":[");
        return;
    }
    size_t head = obsvi_pb_open(&scope->head, SCOPE_LOGS_SCOPE, 1);
    obsvi_pb_put_len(&scope->head, SCOPE_NAME, name.ptr, name.len);
    obsvi_pb_close(&scope->head, head, 1);
}

static struct scope *add_scope(struct obsvi_batch_body *b, struct obsvi_str name)
{
    if (b->scope_count == b->scope_cap) {
        size_t cap = b->scope_cap ? 2 * b->scope_cap : 8;
        struct scope *scopes = realloc(b->scopes, cap * sizeof *scopes);
        if (!scopes)
            return NULL;
        b->scopes = scopes;
        b->scope_cap = cap;
    }
    struct scope *scope = &b->scopes[b->scope_count];
    memset(scope, 0, sizeof *scope);
    encode_scope_head(b, scope, name);
    if (scope->name.failed || scope->head.failed) {
        free_scope(scope);
        return NULL;
    }
    b->last = b->scope_count++;
    return scope;
}

static bool has_name(const struct scope *scope, struct obsvi_str name)
{
    return scope->name.len == name.len && memcmp(scope->name.data, name.ptr, name.len) == 0;
}

static struct scope *find_scope(struct obsvi_batch_body *b, struct obsvi_str name)
{
    if (b->last < b->scope_count && has_name(&b->scopes[b->last], name))
        return &b->scopes[b->last];
    for (size_t i = 0; i < b->scope_count; i++)
        if (has_name(&b->scopes[i], name)) {
            b->last = i;
            return &b->scopes[i];
        }
    return add_scope(b, name);
}

/* Content of the ScopeLogs message (protobuf), or the whole object (JSON). */
static size_t scope_content_bytes(const struct obsvi_batch_body *b, const struct scope *scope)
{
    return scope->head.len + scope->records.len + (b->is_json ? sizeof json_scope_tail - 1 : 0);
}

static size_t scope_framed_bytes(const struct obsvi_batch_body *b, const struct scope *scope)
{
    if (!scope->records.len)
        return 0;
    size_t n = scope_content_bytes(b, scope);
    return b->is_json ? n : obsvi_pb_len_bytes(n);
}

/* ---- Records ------------------------------------------------------------------------------------------- */

bool obsvi_encoder_otlp(struct obsvi_encoder *e, struct obsvi_batch_body *b)
{
    struct scope *scope = find_scope(b, e->view.logger);
    if (!scope)
        return false;
    struct obsvi_bytes *out = &scope->records;
    size_t start = out->len, framed_before = scope_framed_bytes(b, scope);
    if (!b->is_json) {
        obsvi_otlp_put_record(out, &e->view);
    } else {
        if (start)
            obsvi_bytes_put_u8(out, ',');
        obsvi_otlp_json_put_record(out, &e->view);
    }
    if (out->failed) {
        out->len = start;
        out->failed = false;
        return false;
    }
    b->scopes_bytes += scope_framed_bytes(b, scope) - framed_before;
    b->open_scopes += start == 0;
    b->count++;
    return true;
}

uint32_t obsvi_batch_body_count(const struct obsvi_batch_body *b)
{
    return b->count;
}

size_t obsvi_batch_body_bytes(const struct obsvi_batch_body *b)
{
    if (!b->count)
        return 0;
    size_t n = b->resource.len + b->scopes_bytes;
    if (!b->is_json)
        return obsvi_pb_len_bytes(n);
    return n + sizeof json_request_head - 1 + sizeof json_request_tail - 1 + (b->open_scopes - 1);
}

/* ---- Seal ---------------------------------------------------------------------------------------------- */

static void put_scope(const struct obsvi_batch_body *b, struct obsvi_bytes *out, const struct scope *scope)
{
    if (!b->is_json) {
        uint8_t *at = obsvi_bytes_room(out, 1 + OBSVI_PB_VARINT_BYTES_MAX);
        if (!at)
            return;
        uint8_t *start = at;
        *at++ = OBSVI_PB_TAG(RESOURCE_LOGS_SCOPE_LOGS, OBSVI_PB_LEN);
        at = obsvi_pb_varint(at, scope_content_bytes(b, scope));
        out->len += (size_t)(at - start);
    }
    obsvi_bytes_put(out, scope->head.data, scope->head.len);
    obsvi_bytes_put(out, scope->records.data, scope->records.len);
    if (b->is_json)
        OBSVI_JSON_PUT(out, json_scope_tail);
}

static void put_request(const struct obsvi_batch_body *b, struct obsvi_bytes *out)
{
    if (b->is_json) {
        OBSVI_JSON_PUT(out, json_request_head);
    } else {
        uint8_t *at = obsvi_bytes_room(out, 1 + OBSVI_PB_VARINT_BYTES_MAX);
        if (!at)
            return;
        *at = OBSVI_PB_TAG(REQUEST_RESOURCE_LOGS, OBSVI_PB_LEN);
        out->len += (size_t)(obsvi_pb_varint(at + 1, b->resource.len + b->scopes_bytes) - at);
    }
    obsvi_bytes_put(out, b->resource.data, b->resource.len);
    bool is_first = true;
    for (size_t i = 0; i < b->scope_count; i++) {
        if (!b->scopes[i].records.len)
            continue;
        if (b->is_json && !is_first)
            obsvi_bytes_put_u8(out, ',');
        is_first = false;
        put_scope(b, out, &b->scopes[i]);
    }
    if (b->is_json)
        OBSVI_JSON_PUT(out, json_request_tail);
}

static void empty(struct obsvi_batch_body *b)
{
    b->count = 0;
    b->scopes_bytes = b->open_scopes = 0;
    if (b->scope_count > SCOPES_KEPT_MAX) {
        free_scopes(b);
        return;
    }
    for (size_t i = 0; i < b->scope_count; i++) {
        if (b->scopes[i].records.cap > SCOPE_BYTES_KEPT_MAX)
            obsvi_bytes_fini(&b->scopes[i].records);
        obsvi_bytes_clear(&b->scopes[i].records);
    }
}

bool obsvi_batch_body_seal(struct obsvi_batch_body *b, struct obsvi_bytes *out, bool *is_gzip)
{
    size_t start = out->len;
    struct obsvi_bytes *raw = b->is_compressed ? &b->raw : out;
    if (b->is_compressed)
        obsvi_bytes_clear(raw);
    obsvi_bytes_room(raw, obsvi_batch_body_bytes(b));
    put_request(b, raw);
    if (raw->failed || (b->is_compressed && !obsvi_gzip_put(b->gzip, out, raw->data, raw->len))) {
        out->len = start;
        out->failed = false;
        return false;
    }
    *is_gzip = b->is_compressed;
    empty(b);
    return true;
}
