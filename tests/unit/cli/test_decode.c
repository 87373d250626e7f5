/* Decoding of requests: every kind of value exactly, whatever is malformed refused, and no bytes at all do
 * harm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode.h"
#include "pb.h"
#include "show.h"

#define SEED 20261122u

/* ---- What came out ------------------------------------------------------------------------------------- */

struct result {
    enum obsvi_decode_result result;
    int count;
    struct obsvi_bytes text; /* the records, one JSON line each */
    char why[200];
};

static void collect(const json_t *record, void *arg)
{
    struct result *r = arg;
    r->count++;
    obsvi_show_json(&r->text, record, OBSVI_SHOW_EXACT);
    obsvi_bytes_put_u8(&r->text, '\n');
}

typedef enum obsvi_decode_result (*decode_fn)(struct obsvi_decoder *d, const void *body, size_t n);

/* The body is copied to memory of exactly its size, so that a sanitizer sees a read behind its end. */
static struct result run(decode_fn decode, const void *body, size_t n)
{
    struct result r = {0};
    struct obsvi_decoder d = {.each = collect, .arg = &r};
    void *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    if (n)
        memcpy(exact, body, n);
    r.result = decode(&d, exact, n);
    memcpy(r.why, d.why, sizeof r.why);
    free(exact);
    if (r.result != OBSVI_DECODE_OK)
        assert_int_equal(r.count, 0);
    assert_int_equal(r.result == OBSVI_DECODE_OK, r.why[0] == '\0');
    return r;
}

static void finish(struct result *r)
{
    obsvi_bytes_fini(&r->text);
}

static json_t *only_record(struct result *r)
{
    assert_int_equal(r->result, OBSVI_DECODE_OK);
    assert_int_equal(r->count, 1);
    json_t *record = json_loadb((char *)r->text.data, r->text.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(record);
    finish(r);
    return record;
}

/* Compares a member of the only record with JSON text. */
static void assert_member(json_t *record, const char *key, const char *expected)
{
    struct obsvi_bytes text = {0};
    obsvi_show_json(&text, json_object_get(record, key), OBSVI_SHOW_EXACT);
    obsvi_bytes_put_u8(&text, '\0');
    assert_string_equal((char *)text.data, expected);
    obsvi_bytes_fini(&text);
}

static void assert_refused(decode_fn decode, const void *body, size_t n, const char *why)
{
    struct result r = run(decode, body, n);
    assert_int_equal(r.result, OBSVI_DECODE_MALFORMED);
    if (!strstr(r.why, why))
        fail_msg("refused with \"%s\", expected \"%s\"", r.why, why);
    finish(&r);
}

/* ---- A request with everything in it ------------------------------------------------------------------- */

static void put_every_value(struct obsvi_bytes *record)
{
    struct obsvi_bytes any = {0}, inner = {0}, list = {0};
    pb_text(&any, 1, "t\"\n\xc3\xa9");
    pb_key_value(record, 6, "text", &any);
    pb_int(&any, 2, 1);
    pb_key_value(record, 6, "yes", &any);
    pb_int(&any, 3, UINT64_C(1) << 63);
    pb_key_value(record, 6, "least", &any);
    pb_double(&any, 4, 0.1);
    pb_key_value(record, 6, "tenth", &any);
    pb_double(&any, 4, 3);
    pb_key_value(record, 6, "whole", &any);
    pb_double(&any, 4, -INFINITY);
    pb_key_value(record, 6, "under", &any);
    pb_bytes(&any, 7, "\0\1\377\376", 4);
    pb_key_value(record, 6, "raw", &any);
    pb_key_value(record, 6, "none", &any);
    pb_int(&inner, 3, 7);
    pb_message(&list, 1, &inner);
    pb_text(&inner, 1, "");
    pb_message(&list, 1, &inner);
    pb_message(&any, 5, &list);
    pb_key_value(record, 6, "list", &any);
    pb_int(&inner, 3, 1);
    pb_key_value(&list, 1, "a", &inner);
    pb_int(&inner, 3, 2);
    pb_key_value(&list, 1, "a", &inner);
    pb_message(&any, 6, &list);
    pb_key_value(record, 6, "twice", &any);
    pb_text(&inner, 1, "x");
    pb_key_value(&list, 1, "bytes_base64", &inner);
    pb_message(&any, 6, &list);
    pb_key_value(record, 6, "lookalike", &any);
}

static struct obsvi_bytes full_request(void)
{
    struct obsvi_bytes record = {0}, any = {0};
    pb_fixed(&record, 1, UINT64_C(1763829296789012345), 8);
    pb_fixed(&record, 11, UINT64_MAX, 8);
    pb_int(&record, 2, 17);
    pb_text(&record, 3, "ERROR");
    pb_text(&any, 1, "order_rejected");
    pb_message(&record, 5, &any);
    put_every_value(&record);
    pb_int(&record, 7, 5);
    pb_fixed(&record, 8, 1, 4);
    pb_bytes(&record, 9, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
    pb_bytes(&record, 10, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
    pb_text(&record, 12, "order_rejected");
    pb_int(&record, 100, 1); /* of a later version of the protocol */
    return pb_request(&record);
}

static void protobuf_keeps_every_field(void **state)
{
    (void)state;
    struct obsvi_bytes request = full_request();
    struct result r = run(obsvi_decode_protobuf, request.data, request.len);
    json_t *record = only_record(&r);
    assert_member(record, "timestamp", "\"2025-11-22T16:34:56.789012345Z\"");
    assert_member(record, "time_unix_nano", "\"1763829296789012345\"");
    assert_member(record, "observed_time_unix_nano", "\"18446744073709551615\"");
    assert_member(record, "severity_number", "17");
    assert_member(record, "severity_text", "\"ERROR\"");
    assert_member(record, "logger", "\"trade-exec\"");
    assert_member(record, "scope_version", "\"1.2\"");
    assert_member(record, "body", "\"order_rejected\"");
    assert_member(
        record, "attributes",
        "{\"text\":\"t\\\"\\n\xc3\xa9\",\"yes\":true,\"least\":-9223372036854775808,\"tenth\":0.1,"
        "\"whole\":3.0,\"under\":{\"double_nonfinite\":\"-Infinity\"},\"raw\":{\"bytes_base64\":\"AAH//"
        "g==\"},\"none\":null,\"list\":[7,\"\"],\"twice\":{\"map_entries\":[[\"a\",1],[\"a\",2]]},"
        "\"lookalike\":{\"map_entries\":[[\"bytes_base64\",\"x\"]]}}");
    assert_member(record, "dropped_attributes_count", "5");
    assert_member(record, "event_name", "\"order_rejected\"");
    assert_member(record, "trace_id", "\"00112233445566778899aabbccddeeff\"");
    assert_member(record, "span_id", "\"0123456789abcdef\"");
    assert_member(record, "flags", "1");
    assert_member(record, "resource", "{\"service.name\":\"svc\"}");
    assert_null(json_object_get(record, "duplicate_keys"));
    json_decref(record);
    obsvi_bytes_fini(&request);
}

static void a_duplicate_key_is_named_and_the_last_value_kept(void **state)
{
    (void)state;
    struct obsvi_bytes record = {0}, any = {0};
    pb_text(&any, 1, "first");
    pb_key_value(&record, 6, "k", &any);
    pb_text(&any, 1, "last");
    pb_key_value(&record, 6, "k", &any);
    struct obsvi_bytes request = pb_request(&record);
    struct result r = run(obsvi_decode_protobuf, request.data, request.len);
    json_t *decoded = only_record(&r);
    assert_member(decoded, "attributes", "{\"k\":\"last\"}");
    assert_member(decoded, "duplicate_keys", "[\"k\"]");
    json_decref(decoded);
    obsvi_bytes_fini(&request);
}

static void an_empty_request_is_valid(void **state)
{
    (void)state;
    struct result protobuf = run(obsvi_decode_protobuf, NULL, 0), json = run(obsvi_decode_json, "{}", 2);
    assert_int_equal(protobuf.result, OBSVI_DECODE_OK);
    assert_int_equal(json.result, OBSVI_DECODE_OK);
    assert_int_equal(protobuf.count + json.count, 0);
}

/* Absent fields are their defaults, and both encodings agree on the record. */
static void an_empty_record_has_every_member(void **state)
{
    (void)state;
    static const char json[] = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}";
    static const char protobuf[] = {0x0a, 0x04, 0x12, 0x02, 0x12, 0x00};
    static const char expected[] =
        "{\"timestamp\":null,\"time_unix_nano\":\"0\",\"observed_time_unix_nano\":\"0\",\"severity_number\":"
        "0,"
        "\"severity_text\":\"\",\"logger\":\"\",\"scope_version\":\"\",\"body\":null,\"attributes\":{},"
        "\"dropped_attributes_count\":0,\"event_name\":\"\",\"trace_id\":\"\",\"span_id\":\"\",\"flags\":0,"
        "\"resource\":{}}\n";
    struct result a = run(obsvi_decode_json, json, sizeof json - 1);
    struct result b = run(obsvi_decode_protobuf, protobuf, sizeof protobuf);
    assert_int_equal(a.text.len, sizeof expected - 1);
    assert_memory_equal(a.text.data, expected, a.text.len);
    assert_int_equal(b.text.len, a.text.len);
    assert_memory_equal(b.text.data, expected, b.text.len);
    finish(&a);
    finish(&b);
}

/* ---- Malformed protobuf -------------------------------------------------------------------------------- */

static void malformed_protobuf_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } table[] = {
#define ROW(bytes, why) {bytes, sizeof bytes - 1, why}
        ROW("\x0a", "ExportLogsServiceRequest"),                     /* no length */
        ROW("\x0a\x01", "ExportLogsServiceRequest"),                 /* length beyond the end */
        ROW("\x0a\xff\xff\xff\xff\x0f", "ExportLogsServiceRequest"), /* 4 GiB */
        ROW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ExportLogsServiceRequest"), /* 2^64 - 1 */
        ROW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "ExportLogsServiceRequest"),                             /* varint of 11 */
        ROW("\x00\x00", "ExportLogsServiceRequest"),                 /* field 0 */
        ROW("\x0e\x00", "ExportLogsServiceRequest"),                 /* wire type 6 */
        ROW("\x0f\x00", "ExportLogsServiceRequest"),                 /* wire type 7 */
        ROW("\x0c", "ExportLogsServiceRequest"),                     /* group end without a group */
        ROW("\x0b", "ExportLogsServiceRequest"),                     /* group without an end */
        ROW("\x0b\x14", "ExportLogsServiceRequest"),                 /* group with another one's end */
        ROW("\xf8\xff\xff\xff\x1f\x00", "ExportLogsServiceRequest"), /* field number beyond 2^29 */
        ROW("\x0a\x02\x12\x05", "ResourceLogs"),
        ROW("\x0a\x04\x12\x02\x12\x05", "ScopeLogs"),
        ROW("\x0a\x06\x12\x04\x12\x02\x09\x01", "LogRecord"), /* fixed64 cut off */
        ROW("\x0a\x06\x12\x04\x12\x02\x2a\x05", "LogRecord"),
        ROW("\x0a\x08\x12\x06\x12\x04\x2a\x02\x0a\x05", "AnyValue"),
        ROW("\x0a\x08\x12\x06\x12\x04\x32\x02\x0a\x05", "KeyValue"),
        ROW("\x0a\x09\x12\x07\x12\x05\x2a\x03\x0a\x01\xff", "a string value is not valid UTF-8"),
        ROW("\x0a\x0b\x12\x09\x12\x07\x2a\x05\x0a\x03\xed\xa0\x80", "a string value is not valid UTF-8"),
        ROW("\x0a\x09\x12\x07\x12\x05\x32\x03\x0a\x01\x80", "an attribute key is not valid UTF-8"),
        ROW("\x0a\x07\x12\x05\x12\x03\x1a\x01\xc0", "severity_text is not valid UTF-8"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_refused(obsvi_decode_protobuf, table[i].bytes, table[i].n, table[i].why);
}

static void unknown_fields_and_wire_types_are_skipped(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } table[] = {
#define ROW(bytes) {bytes, sizeof bytes - 1}
        ROW("\x7a\x01x"),                          /* field 15 */
        ROW("\x08\x05"),                           /* resource_logs as a varint */
        ROW("\x0b\x0c"),                           /* an empty group */
        ROW("\x0b\x13\x18\x01\x14\x22\x02zz\x0c"), /* groups within groups */
        ROW("\x0d\x01\x02\x03\x04\x09\x01\x02\x03\x04\x05\x06\x07\x08"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct result r = run(obsvi_decode_protobuf, table[i].bytes, table[i].n);
        assert_int_equal(r.result, OBSVI_DECODE_OK);
        assert_int_equal(r.count, 0);
        finish(&r);
    }
}

/* A message that ends early is refused, unless it ends between two of its outermost fields. */
static void a_request_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    struct obsvi_bytes request = full_request();
    for (size_t n = 1; n < request.len; n++) {
        struct result r = run(obsvi_decode_protobuf, request.data, n);
        assert_int_equal(r.result, OBSVI_DECODE_MALFORMED);
        finish(&r);
    }
    obsvi_bytes_fini(&request);
}

static void nothing_is_handed_out_before_the_end_is_checked(void **state)
{
    (void)state;
    struct obsvi_bytes request = full_request();
    obsvi_bytes_put_u8(&request, 0x0a);
    assert_refused(obsvi_decode_protobuf, request.data, request.len, "ExportLogsServiceRequest");
    obsvi_bytes_fini(&request);
}

static struct obsvi_bytes nested_body(int depth, int field)
{
    struct obsvi_bytes any = {0}, outer = {0}, record = {0};
    pb_int(&any, 3, 1);
    for (int i = 0; i < depth; i++) {
        struct obsvi_bytes list = {0};
        if (field == 5)
            pb_message(&list, 1, &any);
        else
            pb_key_value(&list, 1, "k", &any);
        pb_message(&outer, field, &list);
        any = outer;
        outer = (struct obsvi_bytes){0};
    }
    pb_message(&record, 5, &any);
    return pb_request(&record);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (int field = 5; field <= 6; field++) {
        struct obsvi_bytes fits = nested_body(OBSVI_DECODE_DEPTH_MAX, field);
        struct obsvi_bytes deep = nested_body(OBSVI_DECODE_DEPTH_MAX + 1, field);
        struct obsvi_bytes abyss = nested_body(5000, field);
        struct result r = run(obsvi_decode_protobuf, fits.data, fits.len);
        json_decref(only_record(&r));
        assert_refused(obsvi_decode_protobuf, deep.data, deep.len, "nested more than");
        assert_refused(obsvi_decode_protobuf, abyss.data, abyss.len, "nested more than");
        obsvi_bytes_fini(&fits);
        obsvi_bytes_fini(&deep);
        obsvi_bytes_fini(&abyss);
    }
}

/* Two bytes on the wire can be a hundred in memory: what they add up to is bounded. */
static void the_number_of_values_is_bounded(void **state)
{
    (void)state;
    struct obsvi_bytes list = {0}, any = {0}, record = {0}, json = {0};
    for (size_t i = 0; i <= OBSVI_DECODE_VALUES_MAX; i++) {
        obsvi_bytes_put(&list, "\x0a", 2);
        obsvi_bytes_put(&json, i ? ",{" : "[{", 2);
    }
    pb_message(&any, 5, &list);
    pb_message(&record, 5, &any);
    struct obsvi_bytes request = pb_request(&record);
    struct result r = run(obsvi_decode_protobuf, request.data, request.len);
    assert_int_equal(r.result, OBSVI_DECODE_TOO_LARGE);
    r = run(obsvi_decode_json, json.data, json.len);
    assert_int_equal(r.result, OBSVI_DECODE_TOO_LARGE);
    obsvi_bytes_fini(&request);
    obsvi_bytes_fini(&json);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static void json_is_read_by_the_rules_of_otlp(void **state)
{
    (void)state;
    static const struct {
        const char *record, *member, *expected;
    } table[] = {
        {"\"timeUnixNano\":\"1763829296789012345\"", "time_unix_nano", "\"1763829296789012345\""},
        {"\"timeUnixNano\":1763829296789012345", "time_unix_nano", "\"1763829296789012345\""},
        {"\"timeUnixNano\":\"18446744073709551615\"", "time_unix_nano", "\"18446744073709551615\""},
        {"\"observedTimeUnixNano\":\"1\"", "timestamp", "\"1970-01-01T00:00:00.000000001Z\""},
        {"\"severityNumber\":9", "severity_number", "9"},
        {"\"severityNumber\":null", "severity_number", "0"},
        {"\"severity_number\":9", "severity_number", "0"},
        {"\"flags\":257", "flags", "257"},
        {"\"droppedAttributesCount\":\"3\"", "dropped_attributes_count", "3"},
        {"\"traceId\":\"0AF7651916cd43dd8448eb211c80319c\"", "trace_id",
         "\"0af7651916cd43dd8448eb211c80319c\""},
        {"\"spanId\":\"\"", "span_id", "\"\""},
        {"\"eventName\":\"e\"", "event_name", "\"e\""},
        {"\"body\":{\"stringValue\":\"\"}", "body", "\"\""},
        {"\"body\":{\"stringValue\":\"a\\u0000b\"}", "body", "\"a\\u0000b\""},
        {"\"body\":{}", "body", "null"},
        {"\"body\":null", "body", "null"},
        {"\"body\":{\"boolValue\":false}", "body", "false"},
        {"\"body\":{\"intValue\":\"-9223372036854775808\"}", "body", "-9223372036854775808"},
        {"\"body\":{\"intValue\":9223372036854775807}", "body", "9223372036854775807"},
        {"\"body\":{\"intValue\":1e3}", "body", "1000"},
        {"\"body\":{\"doubleValue\":1}", "body", "1.0"},
        {"\"body\":{\"doubleValue\":\"NaN\"}", "body", "{\"double_nonfinite\":\"NaN\"}"},
        {"\"body\":{\"doubleValue\":\"-Infinity\"}", "body", "{\"double_nonfinite\":\"-Infinity\"}"},
        {"\"body\":{\"doubleValue\":\"2.5e-3\"}", "body", "0.0025"},
        {"\"body\":{\"bytesValue\":\"AAH//g==\"}", "body", "{\"bytes_base64\":\"AAH//g==\"}"},
        {"\"body\":{\"bytesValue\":\"AAH__g\"}", "body", "{\"bytes_base64\":\"AAH//g==\"}"},
        {"\"body\":{\"arrayValue\":{\"values\":[{\"intValue\":1},{}]}}", "body", "[1,null]"},
        {"\"body\":{\"arrayValue\":{}}", "body", "[]"},
        {"\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"boolValue\":true}}]}}", "body",
         "{\"k\":true}"},
        {"\"attributes\":[{\"key\":\"k\"},{\"key\":\"k\",\"value\":{\"intValue\":2}}]", "attributes",
         "{\"k\":2}"},
        {"\"attributes\":[{\"key\":\"k\"},{\"key\":\"k\"}]", "duplicate_keys", "[\"k\"]"},
        {"\"later\":{\"any\":[1,\"thing\"]}", "attributes", "{}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char body[512];
        int n = snprintf(body, sizeof body, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{%s}]}]}]}",
                         table[i].record);
        struct result r = run(obsvi_decode_json, body, (size_t)n);
        json_t *record = only_record(&r);
        assert_member(record, table[i].member, table[i].expected);
        json_decref(record);
    }
}

static void malformed_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *record, *why;
    } table[] = {
        {"\"timeUnixNano\":\"-1\"", "timeUnixNano is not an unsigned 64-bit integer"},
        {"\"timeUnixNano\":-1", "timeUnixNano is not"},
        {"\"timeUnixNano\":\" 1\"", "timeUnixNano is not"},
        {"\"timeUnixNano\":\"18446744073709551616\"", "timeUnixNano is not"},
        {"\"timeUnixNano\":true", "timeUnixNano is not"},
        {"\"severityNumber\":\"SEVERITY_NUMBER_INFO\"", "severityNumber is not an integer"},
        {"\"severityNumber\":9.5", "severityNumber is not"},
        {"\"severityText\":3", "severityText is not a string"},
        {"\"flags\":4294967296", "flags is not"},
        {"\"traceId\":\"0g\"", "traceId is not hexadecimal"},
        {"\"traceId\":\"abc\"", "traceId is not hexadecimal"},
        {"\"body\":\"text\"", "an AnyValue is not an object"},
        {"\"body\":{\"stringValue\":1}", "stringValue is not"},
        {"\"body\":{\"boolValue\":\"true\"}", "boolValue is not"},
        {"\"body\":{\"intValue\":\"9223372036854775808\"}", "intValue is not"},
        {"\"body\":{\"intValue\":\"\"}", "intValue is not"},
        {"\"body\":{\"intValue\":1.5}", "intValue is not"},
        {"\"body\":{\"doubleValue\":\"0x10\"}", "doubleValue is not"},
        {"\"body\":{\"doubleValue\":\"\"}", "doubleValue is not"},
        {"\"body\":{\"bytesValue\":\"A\"}", "bytesValue is not base64"},
        {"\"body\":{\"bytesValue\":\"A*==\"}", "bytesValue is not base64"},
        {"\"body\":{\"bytesValue\":7}", "bytesValue is not base64"},
        {"\"body\":{\"arrayValue\":[]}", "arrayValue is not an object"},
        {"\"body\":{\"arrayValue\":{\"values\":{}}}", "values is not a list"},
        {"\"body\":{\"kvlistValue\":7}", "kvlistValue is not an object"},
        {"\"body\":{\"kvlistValue\":{\"values\":[7]}}", "values is not a list of objects"},
        {"\"attributes\":{}", "attributes is not a list"},
        {"\"attributes\":[1]", "attributes is not a list of objects"},
        {"\"attributes\":[{\"key\":1}]", "key is not a string"},
        {"\"a\":\"\xff\"", "malformed JSON"},
        {"\"a\":\"\\ud800\"", "malformed JSON"},
        {"\"a\":1e999", "malformed JSON"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char body[512];
        int n =
            snprintf(body, sizeof body, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{},{%s}]}]}]}",
                     table[i].record);
        assert_refused(obsvi_decode_json, body, (size_t)n, table[i].why);
    }
}

static void json_with_the_wrong_frame_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "[]",
        "7",
        "\"x\"",
        "{",
        "{}x",
        "\0{}",
        "{\"resourceLogs\":{}}",
        "{\"resourceLogs\":[1]}",
        "{\"resourceLogs\":[{\"resource\":[]}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":1}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[[]]}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"scope\":\"x\"}]}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[null]}]}]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_refused(obsvi_decode_json, bodies[i], strlen(bodies[i]), "");
}

static void nesting_of_json_is_bounded(void **state)
{
    (void)state;
    static const char head[] = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":";
    struct obsvi_bytes json = {0}, abyss = {0};
    obsvi_bytes_put_text(&json, head);
    for (int i = 0; i <= OBSVI_DECODE_DEPTH_MAX; i++)
        obsvi_bytes_put_text(&json, "{\"arrayValue\":{\"values\":[");
    obsvi_bytes_put_text(&json, "{}");
    for (int i = 0; i <= OBSVI_DECODE_DEPTH_MAX; i++)
        obsvi_bytes_put_text(&json, "]}}");
    obsvi_bytes_put_text(&json, "}]}]}]}");
    assert_refused(obsvi_decode_json, json.data, json.len, "nested more than");
    for (int i = 0; i < 100000; i++)
        obsvi_bytes_put_u8(&abyss, '[');
    assert_refused(obsvi_decode_json, abyss.data, abyss.len, "malformed JSON");
    obsvi_bytes_fini(&json);
    obsvi_bytes_fini(&abyss);
}

/* ---- Any bytes ----------------------------------------------------------------------------------------- */

static uint32_t random_u32(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = SEED;
    uint8_t body[256];
    for (int round = 0; round < 20000; round++) {
        size_t n = random_u32(&seed) % sizeof body;
        for (size_t i = 0; i < n; i++)
            body[i] = (uint8_t)random_u32(&seed);
        struct result r = run(round % 2 ? obsvi_decode_protobuf : obsvi_decode_json, body, n);
        finish(&r);
    }
}

/* The first record written is valid JSON. (jansson writes U+0000 in keys, but does not read it.) */
static bool is_valid_json(const struct obsvi_bytes *text)
{
    json_error_t error;
    json_t *first =
        json_loadb((char *)text->data, text->len, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &error);
    bool is_valid = first || json_error_code(&error) == json_error_null_byte_in_key;
    json_decref(first);
    return is_valid;
}

static void mutate(decode_fn decode, const uint8_t *request, size_t n, uint32_t *seed)
{
    int accepted = 0, refused = 0;
    uint8_t *body = malloc(n);
    assert_non_null(body);
    for (int round = 0; round < 20000; round++) {
        memcpy(body, request, n);
        for (uint32_t hits = 1 + random_u32(seed) % 4; hits; hits--)
            body[random_u32(seed) % n] = (uint8_t)random_u32(seed);
        struct result r = run(decode, body, n);
        if (r.count)
            assert_true(is_valid_json(&r.text));
        *(r.result == OBSVI_DECODE_OK ? &accepted : &refused) += 1;
        finish(&r);
    }
    free(body);
    assert_true(accepted > 100 && refused > 100);
}

static void damaged_requests_do_no_harm(void **state)
{
    (void)state;
    static const char json[] =
        "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]"
        "},"
        "\"scopeLogs\":[{\"scope\":{\"name\":\"n\"},\"logRecords\":[{\"timeUnixNano\":\"1\",\"body\":{"
        "\"intValue\":"
        "\"5\"},\"attributes\":[{\"key\":\"b\",\"value\":{\"bytesValue\":\"AAE=\"}},{\"key\":\"d\",\"value\":"
        "{\"doubleValue\":1.5}}],\"traceId\":\"00112233445566778899aabbccddeeff\"}]}]}]}";
    uint32_t seed = SEED;
    struct obsvi_bytes request = full_request();
    mutate(obsvi_decode_protobuf, request.data, request.len, &seed);
    mutate(obsvi_decode_json, (const uint8_t *)json, sizeof json - 1, &seed);
    obsvi_bytes_fini(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protobuf_keeps_every_field),
        cmocka_unit_test(a_duplicate_key_is_named_and_the_last_value_kept),
        cmocka_unit_test(an_empty_request_is_valid),
        cmocka_unit_test(an_empty_record_has_every_member),
        cmocka_unit_test(malformed_protobuf_is_refused),
        cmocka_unit_test(unknown_fields_and_wire_types_are_skipped),
        cmocka_unit_test(a_request_cut_off_anywhere_is_refused),
        cmocka_unit_test(nothing_is_handed_out_before_the_end_is_checked),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(json_is_read_by_the_rules_of_otlp),
        cmocka_unit_test(malformed_json_is_refused),
        cmocka_unit_test(json_with_the_wrong_frame_is_refused),
        cmocka_unit_test(nesting_of_json_is_bounded),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(damaged_requests_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
