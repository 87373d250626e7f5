/* The OTLP request, byte for byte against vectors computed by hand from the .proto files. The official
 * decoder judges generated records in the Python tests; this is the anchor that needs nothing else. */
#include "unit/encode/rig.h"

#include "encode/otlp.h"

#include <libdeflate.h>

static const uint8_t trace[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                     span[8] = {8, 7, 6, 5, 4, 3, 2, 1};

static void put_record(struct rig *rig)
{
    struct obsvi_writer *w = rig_begin(rig, "hi");
    w->head.time_ns = 0x0102030405060708;
    obsvi_writer_event(w, "e", 1);
    rig_str(rig, "s", "x");
    rig_i64(rig, "i", -1);
    obsvi_writer_attr_open(w, "n", 1, OBSVI_NULL);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "l", 1, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(w);
    obsvi_writer_item_open(w, OBSVI_BOOL);
    obsvi_writer_value_bool(w, false);
    obsvi_writer_container_close(w, list);
    obsvi_writer_attr_close(w);
    obsvi_writer_trace(w, trace, span, 1);
    rig_load(rig);
}

/* The parts, put together with lengths that are added up here rather than by the code under test. */
static size_t field(uint8_t *out, uint8_t tag, const void *content, size_t n)
{
    size_t at = 0;
    out[at++] = tag;
    if (n >= 128)
        out[at++] = (uint8_t)(n & 0x7f) | 0x80;
    out[at++] = (uint8_t)(n >= 128 ? n >> 7 : n);
    memcpy(out + at, content, n);
    return at + n;
}

static size_t text_attr(uint8_t *out, const char *key, const char *value)
{
    uint8_t any[64], attr[128];
    size_t any_bytes = field(any, 0x0a, value, strlen(value));
    size_t n = field(attr, 0x0a, key, strlen(key));
    n += field(attr + n, 0x12, any, any_bytes);
    return field(out, 0x0a, attr, n);
}

static size_t expect_request(uint8_t *out, int records)
{
    static const uint8_t record[] =
        {
            0x09, 8,    7,    6,    5,    4,    3,    2,    1,         /* time_unix_nano */
            0x10, 9,                                                   /* severity_number */
            0x1a, 4,    'I',  'N',  'F',  'O',                         /* severity_text */
            0x2a, 4,    0x0a, 2,    'h',  'i',                         /* body */
            0x32, 8,    0x0a, 1,    's',  0x12, 3,    0x0a, 1,    'x', /* "s": "x" */
            0x32, 16,   0x0a, 1,    'i',  0x12, 11,   0x18,            /* "i": -1, */
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,    0x32, 5,    0x0a,
            1,    'n',  0x12, 0, /* "n": an AnyValue with nothing set */
            0x32, 11,   0x0a, 1,    'l',  0x12, 6,    0x2a, 4,    0x0a, 2,    0x10, 0, /* "l": [false] */
            0x45, 1,    0,    0,    0,                                                 /* flags */
            0x4a, 16,   1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,
            12,   13,   14,   15,   16,   0x52, 8,    8,    7,    6,    5,    4,    3,
            2,    1,    0x59, 8,    7,    6,    5,    4,    3,    2,    1, /* observed_time_unix_nano */
            0x62, 1,    'e',                                               /* event_name */
    };
    uint8_t resource[256], scope_logs[1024], resource_logs[2048];
    size_t n = text_attr(resource, "service.name", "svc");
    n += text_attr(resource + n, "telemetry.sdk.name", "obsv");
    size_t all = field(resource_logs, 0x0a, resource, n);
    size_t scope_bytes = field(scope_logs, 0x0a, "\x0a\x03log", 5);
    for (int i = 0; i < records; i++)
        scope_bytes += field(scope_logs + scope_bytes, 0x12, record, sizeof record);
    all += field(resource_logs + all, 0x12, scope_logs, scope_bytes);
    return field(out, 0x0a, resource_logs, all);
}

static void test_protobuf(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    put_record(rig);
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    for (int round = 1; round <= 3; round++) { /* a sealed batch leaves an empty one behind */
        uint8_t expected[4096];
        size_t n = expect_request(expected, round);
        for (int i = 0; i < round; i++)
            assert_true(obsvi_encoder_otlp(rig->encoder, b));
        assert_int_equal(obsvi_batch_body_count(b), round);
        assert_int_equal(obsvi_batch_body_bytes(b), n);
        struct obsvi_bytes out = {0};
        bool is_gzip = true;
        assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
        assert_false(is_gzip);
        assert_int_equal(out.len, n);
        assert_memory_equal(out.data, expected, n);
        assert_int_equal(obsvi_batch_body_count(b), 0);
        assert_int_equal(obsvi_batch_body_bytes(b), 0);
        obsvi_bytes_fini(&out);
    }
    obsvi_batch_body_free(b);
    rig_free(rig);
}

static void test_json(void **state)
{
    (void)state;
    static const char record[] =
        "{\"timeUnixNano\":\"72623859790382856\",\"observedTimeUnixNano\":\"72623859790382856\","
        "\"severityNumber\":9,"
        "\"severityText\":\"INFO\",\"body\":{\"stringValue\":\"hi\"},\"attributes\":["
        "{\"key\":\"s\",\"value\":{\"stringValue\":\"x\"}},{\"key\":\"i\",\"value\":{\"intValue\":\"-1\"}},"
        "{\"key\":\"n\",\"value\":{}},{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":"
        "false}]}}}],"
        "\"flags\":1,\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0807060504030201\","
        "\"eventName\":\"e\"}";
    static const char head[] = "{\"resourceLogs\":[{\"resource\":{\"attributes\":["
                               "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"svc\"}},"
                               "{\"key\":\"telemetry.sdk.name\",\"value\":{\"stringValue\":\"obsv\"}}]},"
                               "\"scopeLogs\":[{\"scope\":{\"name\":\"log\"},\"logRecords\":[";
    struct rig *rig = rig_new();
    rig->config.protocol = OBSVI_HTTP_JSON;
    put_record(rig);
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    assert_true(obsvi_encoder_otlp(rig->encoder, b));
    assert_true(obsvi_encoder_otlp(rig->encoder, b));
    size_t bytes = obsvi_batch_body_bytes(b);
    char expected[4096];
    int n = snprintf(expected, sizeof expected, "%s%s,%s]}]}]}", head, record, record);
    struct obsvi_bytes out = {0};
    bool is_gzip;
    assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
    assert_int_equal(out.len, n);
    assert_memory_equal(out.data, expected, out.len);
    assert_int_equal(bytes, out.len);
    obsvi_bytes_fini(&out);
    obsvi_batch_body_free(b);
    rig_free(rig);
}

static void log_to(struct rig *rig, struct obsvi_batch_body *b, const char *logger)
{
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_begin(w, rig->space, sizeof rig->space, 1, 9);
    obsvi_writer_logger(w, logger, strlen(logger));
    rig_load(rig);
    assert_true(obsvi_encoder_otlp(rig->encoder, b));
}

static void test_records_are_gathered_by_logger(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.protocol = OBSVI_HTTP_JSON;
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    log_to(rig, b, "a");
    log_to(rig, b, "");
    log_to(rig, b, "a");
    size_t bytes = obsvi_batch_body_bytes(b);
    struct obsvi_bytes out = {0};
    bool is_gzip;
    assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
    assert_int_equal(bytes, out.len);
    obsvi_bytes_put_u8(&out, 0);
    const char *text = (char *)out.data;
    const char *a = strstr(text, "{\"scope\":{\"name\":\"a\"}"),
               *root = strstr(text, "{\"scope\":{\"name\":\"root\"}");
    assert_true(a && root && a < root);
    assert_null(strstr(a + 1, "{\"scope\":{\"name\":\"a\"}"));
    obsvi_bytes_fini(&out);
    obsvi_batch_body_free(b);
    rig_free(rig);
}

static void test_any_number_of_loggers(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            char name[32];
            snprintf(name, sizeof name, "session-%d", i);
            log_to(rig, b, name);
        }
        size_t bytes = obsvi_batch_body_bytes(b);
        struct obsvi_bytes out = {0};
        bool is_gzip;
        assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
        assert_int_equal(out.len, bytes);
        obsvi_bytes_fini(&out);
    }
    obsvi_batch_body_free(b);
    rig_free(rig);
}

static void test_gzip_holds_the_same_request(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.compression = OBSVI_COMPRESSION_GZIP;
    put_record(rig);
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    assert_true(obsvi_encoder_otlp(rig->encoder, b));
    struct obsvi_bytes out = {0};
    bool is_gzip = false;
    assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
    assert_true(is_gzip);
    uint8_t expected[4096], plain[4096];
    size_t n = expect_request(expected, 1), plain_bytes = 0;
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    assert_int_equal(libdeflate_gzip_decompress(d, out.data, out.len, plain, sizeof plain, &plain_bytes), 0);
    assert_int_equal(plain_bytes, n);
    assert_memory_equal(plain, expected, n);
    libdeflate_free_decompressor(d);
    obsvi_bytes_fini(&out);
    obsvi_batch_body_free(b);
    rig_free(rig);
}

static void test_a_resource_that_loki_would_refuse_is_mended(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    char *value = filled('v', 5000);
    rig->config.protocol = OBSVI_HTTP_JSON;
    rig->resource[0] = (struct obsvi_pair){(char *)"_", (char *)"a\xff"};
    rig->resource[1] = (struct obsvi_pair){(char *)"service.name", value};
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    log_to(rig, b, "a");
    struct obsvi_bytes out = {0};
    bool is_gzip;
    assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
    obsvi_bytes_put_u8(&out, 0);
    assert_contains((char *)out.data, "{\"key\":\"key_5f\",\"value\":{\"stringValue\":\"a\xef\xbf\xbd\"}}");
    assert_true(out.len < 3000);
    obsvi_bytes_fini(&out);
    obsvi_batch_body_free(b);
    free(value);
    rig_free(rig);
}

/* A decoder stops at 100 nested messages: what is deeper travels as JSON text. */
static void test_deep_maps_end_as_json_text(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.protocol = OBSVI_HTTP_JSON;
    struct obsvi_writer *w = rig_begin(rig, "x");
    size_t marks[40];
    obsvi_writer_attr_open(w, "k", 1, OBSVI_MAP);
    for (int i = 0; i < 40; i++) {
        marks[i] = obsvi_writer_container_open(w);
        obsvi_writer_entry_open(w, "k", 1, i < 39 ? OBSVI_MAP : OBSVI_NULL);
    }
    for (int i = 40; i > 0; i--)
        obsvi_writer_container_close(w, marks[i - 1]);
    obsvi_writer_attr_close(w);
    rig_load(rig);
    struct obsvi_batch_body *b = obsvi_batch_body_new(&rig->config);
    assert_true(obsvi_encoder_otlp(rig->encoder, b));
    struct obsvi_bytes out = {0};
    bool is_gzip;
    assert_true(obsvi_batch_body_seal(b, &out, &is_gzip));
    obsvi_bytes_put_u8(&out, 0);
    unsigned maps = 0;
    for (const char *at = (char *)out.data; (at = strstr(at, "kvlistValue")); at++)
        maps++;
    assert_int_equal(maps, (OBSVI_OTLP_MESSAGES_MAX - OBSVI_OTLP_MESSAGES_ABOVE) / OBSVI_OTLP_MESSAGES_MAP);
    assert_contains((char *)out.data, "{\"stringValue\":\"{\\\"k\\\":{");
    obsvi_bytes_fini(&out);
    obsvi_batch_body_free(b);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_records_are_gathered_by_logger),
        cmocka_unit_test(test_any_number_of_loggers),
        cmocka_unit_test(test_gzip_holds_the_same_request),
        cmocka_unit_test(test_a_resource_that_loki_would_refuse_is_mended),
        cmocka_unit_test(test_deep_maps_end_as_json_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
