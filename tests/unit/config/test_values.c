/* Numbers, durations, timeouts, sizes, Booleans, choices, lists and levels: each rule of the specification's
 * configuration/common.md and sdk-environment-variables.md, seen through the whole configuration. */
#include "capture.h"

enum { BAD = 1 }; /* one warning, and the default */

struct row {
    const char *assignment;
    int64_t expected;
    unsigned warnings;
};

typedef int64_t (*read_fn)(const struct obsvi_config *c);

static void check(const struct row *rows, size_t count, read_fn read)
{
    for (size_t i = 0; i < count; i++) {
        capture_start();
        set(rows[i].assignment);
        struct obsvi_config c = loaded(NULL);
        if (read(&c) != rows[i].expected)
            fail_msg("%s: %lld", rows[i].assignment, (long long)read(&c));
        assert_warned(rows[i].warnings);
        if (rows[i].warnings) { /* it names the variable */
            char name[64];
            snprintf(name, sizeof name, "%.*s: ", (int)strcspn(rows[i].assignment, "="), rows[i].assignment);
            assert_warned_of(name);
        }
        obsvi_config_fini(&c);
    }
}

#define CHECK(rows, read) check(rows, sizeof(rows) / sizeof *(rows), read)
#define READ(name, field)                                                                                    \
    static int64_t name(const struct obsvi_config *c)                                                        \
    {                                                                                                        \
        return (int64_t)c->field;                                                                            \
    }

READ(read_timeout, timeout_ms)
READ(read_delay, schedule_delay_ms)
READ(read_export_timeout, export_timeout_ms)
READ(read_shutdown, shutdown_timeout_ms)
READ(read_queue, max_queue_size)
READ(read_batch, max_export_batch_size)
READ(read_count_limit, attr_count_limit)
READ(read_length_limit, attr_value_length_limit)
READ(read_outbox, outbox_bytes)
READ(read_stdout_buffer, stdout_buffer_bytes)
READ(read_ring, ring_bytes)
READ(read_level, level)
READ(read_code, code_attributes)
READ(read_stdout, stdout_on)
READ(read_protocol, protocol)
READ(read_compression, compression)
READ(read_diag, diag_level)

static void test_timeout(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"OTEL_EXPORTER_OTLP_TIMEOUT=", 10000, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=2500", 2500, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=+2500", 2500, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT= 2500\r", 2500, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=0", UINT32_MAX, 0}, /* no limit */
        {"OTEL_EXPORTER_OTLP_TIMEOUT=100", 100, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=99", 99, 1}, /* used, but suspicious: seconds? */
        {"OTEL_EXPORTER_OTLP_TIMEOUT=10", 10, 1},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=2147483647", INT32_MAX, 0},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=2147483648", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=99999999999999999999999999", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=-99999999999999999999999999", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=-1", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=abc", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=10s", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=1e3", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=10.5", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=0x10", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=1 000", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_TIMEOUT=-", 10000, BAD},
        {"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=7000", 7000, 0},
        {"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=abc", 10000, BAD},
    };
    CHECK(rows, read_timeout);
    static const struct row export[] = {
        {"OTEL_BLRP_EXPORT_TIMEOUT=", 30000, 0},
        {"OTEL_BLRP_EXPORT_TIMEOUT=1", 1, 0},
        {"OTEL_BLRP_EXPORT_TIMEOUT=0", UINT32_MAX, 0},
        {"OTEL_BLRP_EXPORT_TIMEOUT=-5", 30000, BAD},
    };
    CHECK(export, read_export_timeout);
}

static void test_duration(void **state)
{
    (void)state;
    static const struct row delay[] = {
        {"OTEL_BLRP_SCHEDULE_DELAY=", 200, 0},
        {"OTEL_BLRP_SCHEDULE_DELAY=0", 0, 0}, /* zero is zero, not "no limit" */
        {"OTEL_BLRP_SCHEDULE_DELAY=1000", 1000, 0},
        {"OTEL_BLRP_SCHEDULE_DELAY=-1", 200, BAD},
        {"OTEL_BLRP_SCHEDULE_DELAY=soon", 200, BAD},
    };
    CHECK(delay, read_delay);
    static const struct row shutdown[] = {
        {"OBSV_SHUTDOWN_TIMEOUT=", 3000, 0},
        {"OBSV_SHUTDOWN_TIMEOUT=0", 0, 0}, /* a hard deadline has no "for ever" */
        {"OBSV_SHUTDOWN_TIMEOUT=-1", 3000, BAD},
    };
    CHECK(shutdown, read_shutdown);
}

static void test_integer(void **state)
{
    (void)state;
    static const struct row queue[] = {
        {"OTEL_BLRP_MAX_QUEUE_SIZE=", UINT32_MAX, 0}, /* bounded by bytes */
        {"OTEL_BLRP_MAX_QUEUE_SIZE=2048", 2048, 0},       {"OTEL_BLRP_MAX_QUEUE_SIZE=0", UINT32_MAX, BAD},
        {"OTEL_BLRP_MAX_QUEUE_SIZE=-1", UINT32_MAX, BAD}, {"OTEL_BLRP_MAX_QUEUE_SIZE=many", UINT32_MAX, BAD},
    };
    CHECK(queue, read_queue);
    static const struct row count[] = {
        {"OTEL_ATTRIBUTE_COUNT_LIMIT=", 128, 0},
        {"OTEL_ATTRIBUTE_COUNT_LIMIT=0", 0, 0},
        {"OTEL_ATTRIBUTE_COUNT_LIMIT=abc", 128, BAD},
        {"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=64", 64, 0},
        {"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=-1", 128, BAD},
    };
    CHECK(count, read_count_limit);
    static const struct row length[] = {
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=", UINT32_MAX, 0},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=0", 0, 0},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=-1", UINT32_MAX, BAD},
        {"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=4095", 4095, 0},
    };
    CHECK(length, read_length_limit);
}

static void test_batch_is_never_larger_than_queue(void **state)
{
    (void)state;
    static const struct row alone[] = {
        {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=", 512, 0},
        {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=4096", 4096, 0}, /* no queue limit, no conflict */
        {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=0", 512, BAD},
    };
    CHECK(alone, read_batch);
    static const struct {
        const char *queue, *batch;
        uint32_t expected;
        unsigned warnings;
    } pairs[] = {
        {"2048", "4096", 512, 1}, /* as if unset */
        {"100", "4096", 100, 1},
        {"100", "", 100, 0}, /* the default gives way silently */
        {"100", "100", 100, 0},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        capture_start();
        setenv("OTEL_BLRP_MAX_QUEUE_SIZE", pairs[i].queue, 1);
        setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", pairs[i].batch, 1);
        struct obsvi_config c = loaded(NULL);
        assert_int_equal(c.max_export_batch_size, pairs[i].expected);
        assert_warned(pairs[i].warnings);
        obsvi_config_fini(&c);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct row ring[] = {
        {"OBSV_RING_BYTES=", 1 << 20, 0},
        {"OBSV_RING_BYTES=524288", 512 << 10, 0},
        {"OBSV_RING_BYTES=512KiB", 512 << 10, 0},
        {"OBSV_RING_BYTES=64 mib", 64 << 20, 0},
        {"OBSV_RING_BYTES=262144", 1 << 20, BAD}, /* would not hold the largest record twice */
        {"OBSV_RING_BYTES=128MiB", 1 << 20, BAD},
        {"OBSV_RING_BYTES=3MiB", 1 << 20, BAD}, /* not a power of two */
        {"OBSV_RING_BYTES=1MB", 1 << 20, BAD},
        {"OBSV_RING_BYTES=MiB", 1 << 20, BAD},
        {"OBSV_RING_BYTES=9223372036854775807GiB", 1 << 20, BAD},
    };
    CHECK(ring, read_ring);
    static const struct row outbox[] = {
        {"OBSV_OUTBOX_BYTES=", 32 << 20, 0},
        {"OBSV_OUTBOX_BYTES=8GiB", INT64_C(8) << 30, 0},
        {"OBSV_OUTBOX_BYTES=1", 32 << 20, BAD},
        {"OBSV_OUTBOX_BYTES=-1", 32 << 20, BAD},
    };
    CHECK(outbox, read_outbox);
    static const struct row buffer[] = {
        {"OBSV_STDOUT_BUFFER_BYTES=", 1 << 20, 0},
        {"OBSV_STDOUT_BUFFER_BYTES=64KiB", 64 << 10, 0},
        {"OBSV_STDOUT_BUFFER_BYTES=63KiB", 1 << 20, BAD},
    };
    CHECK(buffer, read_stdout_buffer);
}

static void test_boolean(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"OBSV_CODE_ATTRIBUTES=", false, 0},           {"OBSV_CODE_ATTRIBUTES=true", true, 0},
        {"OBSV_CODE_ATTRIBUTES=TRUE", true, 0},        {"OBSV_CODE_ATTRIBUTES=True", true, 0},
        {"OBSV_CODE_ATTRIBUTES=false", false, 0},      {"OBSV_CODE_ATTRIBUTES=False", false, 0},
        {"OBSV_CODE_ATTRIBUTES=1", false, BAD},        {"OBSV_CODE_ATTRIBUTES=yes", false, BAD},
        {"OBSV_CODE_ATTRIBUTES=on", false, BAD},       {"OBSV_CODE_ATTRIBUTES=0", false, BAD},
        {"OBSV_CODE_ATTRIBUTES=t", false, BAD},        {"OBSV_CODE_ATTRIBUTES=true ", false, BAD},
        {"OBSV_CODE_ATTRIBUTES=\"true\"", false, BAD},
    };
    CHECK(rows, read_code);
    static const struct {
        const char *disabled;
        bool export_on;
        unsigned warnings;
    } sdk[] = {{"true", false, 0}, {"tRuE", false, 0}, {"1", true, 1}, {"false", true, 0}, {"", true, 0}};
    for (size_t i = 0; i < sizeof sdk / sizeof *sdk; i++) {
        capture_start();
        set("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318");
        setenv("OTEL_SDK_DISABLED", sdk[i].disabled, 1);
        struct obsvi_config c = loaded(NULL);
        assert_int_equal(c.export_on, sdk[i].export_on);
        assert_true(c.stdout_on);
        assert_warned(sdk[i].warnings);
        obsvi_config_fini(&c);
    }
}

static void test_choice(void **state)
{
    (void)state;
    static const struct row protocol[] = {
        {"OTEL_EXPORTER_OTLP_PROTOCOL=", OBSVI_HTTP_PROTOBUF, 0},
        {"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", OBSVI_HTTP_PROTOBUF, 0},
        {"OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/Json", OBSVI_HTTP_JSON, 0},
        {"OTEL_EXPORTER_OTLP_PROTOCOL=http", OBSVI_HTTP_PROTOBUF, BAD},
        {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json", OBSVI_HTTP_JSON, 0},
    };
    CHECK(protocol, read_protocol);
    static const struct row compression[] = {
        {"OTEL_EXPORTER_OTLP_COMPRESSION=", OBSVI_COMPRESSION_GZIP, 0},
        {"OTEL_EXPORTER_OTLP_COMPRESSION=GZIP", OBSVI_COMPRESSION_GZIP, 0},
        {"OTEL_EXPORTER_OTLP_COMPRESSION=none", OBSVI_COMPRESSION_NONE, 0},
        {"OTEL_EXPORTER_OTLP_COMPRESSION=zstd", OBSVI_COMPRESSION_GZIP, BAD},
        {"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=none", OBSVI_COMPRESSION_NONE, 0},
    };
    CHECK(compression, read_compression);
    static const struct row out[] = {
        {"OBSV_STDOUT=", true, 0},       {"OBSV_STDOUT=on", true, 0},   {"OBSV_STDOUT=OFF", false, 0},
        {"OBSV_STDOUT=false", false, 0}, {"OBSV_STDOUT=true", true, 0}, {"OBSV_STDOUT=no", true, BAD},
    };
    CHECK(out, read_stdout);
}

static void test_bad_choice_is_shown_as_it_was_written(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_COMPRESSION=ZStd"));
    assert_warned_of(
        "OTEL_EXPORTER_OTLP_COMPRESSION: \"ZStd\" is not understood, gzip is used; write gzip or none");
    obsvi_config_fini(&c);
}

static void test_exporter_list(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool export_on;
        unsigned warnings;
    } rows[] = {
        {"", true, 0},
        {"otlp", true, 0},
        {"OTLP", true, 0},
        {"console", false, 0},
        {"none", false, 0},
        {"otlp,console", true, 0},
        {" console , otlp ", true, 0},
        {"otlp,zipkin", true, 1},
        {"console,zipkin", false, 1},
        {"zipkin", true, 1},
        {"logging", true, 1},
        {",", true, 1},
        {"none,otlp", false, 1},
        {"none,console", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        capture_start();
        set("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318");
        setenv("OTEL_LOGS_EXPORTER", rows[i].list, 1);
        struct obsvi_config c = loaded(NULL);
        if (c.export_on != rows[i].export_on)
            fail_msg("%s", rows[i].list);
        assert_true(c.stdout_on);
        assert_warned(rows[i].warnings);
        obsvi_config_fini(&c);
    }
    /* only OBSV_STDOUT switches stdout off */
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_LOGS_EXPORTER=console", "OBSV_STDOUT=off"));
    assert_false(c.stdout_on);
    obsvi_config_fini(&c);
}

static void test_level(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"LOG_LEVEL=", 20, 0},
        {"LOG_LEVEL=NOTSET", 0, 0},
        {"LOG_LEVEL=trace", 5, 0},
        {"LOG_LEVEL=Debug", 10, 0},
        {"LOG_LEVEL=info", 20, 0},
        {"LOG_LEVEL=WARN", 30, 0},
        {"LOG_LEVEL=warning", 30, 0},
        {"LOG_LEVEL=ERROR", 40, 0},
        {"LOG_LEVEL=fatal", 50, 0},
        {"LOG_LEVEL=critical", 50, 0},
        {"LOG_LEVEL=0", 0, 0},
        {"LOG_LEVEL=25", 25, 0},
        {"LOG_LEVEL=1000000", 1000000, 0},
        {"LOG_LEVEL=1000001", 20, BAD},
        {"LOG_LEVEL=-1", 20, BAD},
        {"LOG_LEVEL=INFOO", 20, BAD},
        {"LOG_LEVEL= debug ", 10, 0},
    };
    CHECK(rows, read_level);
}

static void test_diagnostics_level(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"OTEL_LOG_LEVEL=", OBSVI_DIAG_INFO, 0},           {"OTEL_LOG_LEVEL=none", 0, 0},
        {"OTEL_LOG_LEVEL=ERROR", OBSVI_DIAG_ERROR, 0},     {"OTEL_LOG_LEVEL=warn", OBSVI_DIAG_WARNING, 0},
        {"OTEL_LOG_LEVEL=warning", OBSVI_DIAG_WARNING, 0}, {"OTEL_LOG_LEVEL=info", OBSVI_DIAG_INFO, 0},
        {"OTEL_LOG_LEVEL=debug", OBSVI_DIAG_DEBUG, 0},     {"OTEL_LOG_LEVEL=loud", OBSVI_DIAG_INFO, BAD},
    };
    CHECK(rows, read_diag);
    /* it counts before the first warning, and is not the level of records */
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_LOG_LEVEL=error", "LOG_LEVEL=INFOO"));
    assert_warned(0);
    assert_int_equal(c.level, 20);
    obsvi_config_fini(&c);
    c = loaded_from(ENVIRONMENT("OTEL_LOG_LEVEL=none", "LOG_LEVEL=INFOO", "OBSV_STDUOT=off"));
    assert_warned(0);
    obsvi_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_integer),
        cmocka_unit_test(test_batch_is_never_larger_than_queue),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_boolean),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_bad_choice_is_shown_as_it_was_written),
        cmocka_unit_test(test_exporter_list),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_diagnostics_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
