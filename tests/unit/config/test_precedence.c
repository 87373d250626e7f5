/* Who wins: program, logs form, general form, default; what was given and where it is said to come from;
 * names that are no settings. */
#include "capture.h"

#include <unistd.h>

static void assert_value(const struct obsvi_config *c, enum obsvi_setting_id id, const char *text,
                         enum obsvi_origin origin)
{
    struct obsvi_setting_value v = value_of(c, id);
    assert_string_equal(v.text ? v.text : "(unset)", text ? text : "(unset)");
    assert_int_equal(v.origin, origin);
}

struct row {
    const char *environment[3];
    const char *overrides[3];
    uint32_t expected;
};

static void test_order(void **state)
{
    (void)state;
#define ALL  "OTEL_EXPORTER_OTLP_TIMEOUT="
#define LOGS "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="
    static const struct row rows[] = {
        {{NULL}, {NULL}, 10000},
        {{ALL "1000"}, {NULL}, 1000},
        {{ALL "1000", LOGS "2000"}, {NULL}, 2000},
        {{ALL "1000", LOGS "2000"}, {ALL "3000"}, 3000},
        {{ALL "1000", LOGS "2000"}, {LOGS "3000"}, 3000},
        {{ALL "1000", LOGS "2000"}, {ALL "3000", LOGS "4000"}, 4000},
        {{ALL "1000", LOGS "2000"}, {LOGS "4000", ALL "3000"}, 4000},
        {{ALL "1000"}, {ALL "3000", ALL "4000"}, 4000}, /* the last of two */
        {{ALL "1000"}, {ALL}, 10000},                   /* as if unset */
        {{ALL "1000", LOGS "2000"}, {LOGS}, 1000},
        {{ALL "1000", LOGS "2000"}, {ALL}, 2000},
        {{ALL "1000", LOGS}, {NULL}, 1000}, /* empty is unset */
        {{ALL "1000", LOGS "  "}, {NULL}, 1000},
        {{ALL "1000", LOGS "''"}, {NULL}, 1000},
        {{ALL "1000", LOGS "bad"}, {NULL}, 1000}, /* so is bad */
        {{ALL "1000"}, {"timeout=3000"}, 3000},   /* by keyword */
        {{ALL "1000"}, {"logs_timeout=3000"}, 3000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        capture_start();
        set_all(rows[i].environment);
        struct obsvi_config c = loaded(rows[i].overrides);
        if (c.timeout_ms != rows[i].expected)
            fail_msg("row %zu: %u", i, c.timeout_ms);
        obsvi_config_fini(&c);
    }
}

static void test_every_pair_of_forms(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(ENVIRONMENT(
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://a", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://b/x",
        "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS=a=1", "OTEL_EXPORTER_OTLP_LOGS_HEADERS=b=2",
        "OTEL_EXPORTER_OTLP_COMPRESSION=none", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE=/dev/zero", "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE=/dev/null",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/dev/zero",
        "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE=/dev/null", "OTEL_EXPORTER_OTLP_CLIENT_KEY=/dev/zero",
        "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY=/dev/null", "OTEL_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=2", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=3",
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=4"));
    assert_string_equal(c.endpoint, "http://b/x");
    assert_int_equal(c.protocol, OBSVI_HTTP_PROTOBUF);
    assert_pairs(&c.headers, "b=2");
    assert_int_equal(c.compression, OBSVI_COMPRESSION_GZIP);
    assert_string_equal(c.certificate, "/dev/null");
    assert_string_equal(c.client_certificate, "/dev/null");
    assert_string_equal(c.client_key, "/dev/null");
    assert_int_equal(c.attr_count_limit, 2);
    assert_int_equal(c.attr_value_length_limit, 4);
    assert_warned(0);
    obsvi_config_fini(&c);
}

static void test_program_endpoint_beats_logs_variable(void **state)
{
    (void)state;
    capture_start();
    set("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://b/x");
    struct obsvi_config c = loaded(ENVIRONMENT("endpoint=http://mine:4318"));
    assert_string_equal(c.endpoint, "http://mine:4318/v1/logs");
    obsvi_config_fini(&c);
}

static void test_origins(void **state)
{
    (void)state;
    capture_start();
    set("LOG_LEVEL=debug");
    set("OTEL_BLRP_SCHEDULE_DELAY=bad");
    set("APP_ENV='prod'");
    set("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic s3cr3t");
    set("APP_NAME=from-environment");
    set("OTEL_EXPORTER_OTLP_ENDPOINT=nonsense");
    struct obsvi_config c = loaded(ENVIRONMENT("app_name=mine", "OTEL_EXPORTER_OTLP_TIMEOUT="));
    assert_value(&c, OBSVI_SET_LEVEL, "debug", OBSVI_ORIGIN_ENVIRONMENT);
    assert_value(&c, OBSVI_SET_SCHEDULE_DELAY, "200", OBSVI_ORIGIN_INVALID);
    assert_value(&c, OBSVI_SET_APP_ENV, "prod", OBSVI_ORIGIN_ENVIRONMENT);
    assert_value(&c, OBSVI_SET_HEADERS, "Authorization=Basic ****", OBSVI_ORIGIN_ENVIRONMENT);
    assert_value(&c, OBSVI_SET_APP_NAME, "mine", OBSVI_ORIGIN_OVERRIDE);
    assert_value(&c, OBSVI_SET_TIMEOUT, "10000", OBSVI_ORIGIN_OVERRIDE);
    assert_value(&c, OBSVI_SET_ENDPOINT, NULL, OBSVI_ORIGIN_INVALID);
    assert_value(&c, OBSVI_SET_COMPRESSION, "gzip", OBSVI_ORIGIN_DEFAULT);
    assert_value(&c, OBSVI_SET_SERVICE_NAME, NULL, OBSVI_ORIGIN_DEFAULT);
    obsvi_config_fini(&c);
}

static void test_environment_is_copied(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_SERVICE_NAME=before"));
    setenv("OTEL_SERVICE_NAME", "after!", 1);
    clearenv();
    assert_string_equal(c.service_name, "before");
    obsvi_config_fini(&c);
}

static void test_no_environment_at_all(void **state)
{
    (void)state;
    capture_start();
    environ = NULL;
    struct obsvi_config c = loaded(NULL);
    assert_false(c.export_on);
    assert_true(c.stdout_on);
    assert_warned(0);
    obsvi_config_fini(&c);
}

static void test_unknown_names(void **state)
{
    (void)state;
    static const struct {
        const char *assignment;
        const char *warned_of; /* NULL: silence */
    } environment[] = {
        {"OBSV_STDUOT=off", "OBSV_STDUOT: unknown variable, ignored; did you mean OBSV_STDOUT?"},
        {"OBSV_RING_SIZE=1", "did you mean OBSV_RING_BYTES?"},
        {"OBSV_FLUX_CAPACITOR_TEMPERATURE=1", "`obsv config`"},
        {"OTEL_EXPORTER_OTLP_HEADER=a=1", "did you mean OTEL_EXPORTER_OTLP_HEADERS?"},
        {"OTEL_EXPORTER_OTLP_ENDPIONT=http://c", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT?"},
        {"OTEL_BSP_SCHEDULE_DELAY=1", NULL}, /* other signals' */
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c", NULL},
        {"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=1", NULL},
        {"OTEL_TRACES_EXPORTER=none", NULL},
        {"OTEL_METRICS_EXPORTER=none", NULL},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1", NULL},
        {"OTEL_PYTHON_LOG_LEVEL=info", NULL},
        {"PATH=/bin", NULL},
        {"LOG_LEVELS=1", NULL},
    };
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        struct obsvi_config c = loaded_from(ENVIRONMENT(environment[i].assignment));
        assert_warned(environment[i].warned_of ? 1 : 0);
        if (environment[i].warned_of)
            assert_warned_of(environment[i].warned_of);
        obsvi_config_fini(&c);
    }
    static const char *const overrides[][2] = {
        {"OTEL_SERVICE_NAM=x", "OTEL_SERVICE_NAM: unknown setting, ignored; did you mean OTEL_SERVICE_NAME?"},
        {"servicename=x", "did you mean service_name?"},
        {"SERVICE=x", "SERVICE: unknown setting"},
        {"s3cr3t", "write it as NAME=value"},
        {"=s3cr3t", "write it as NAME=value"},
        {"", "write it as NAME=value"},
    };
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        capture_start();
        struct obsvi_config c = loaded(ENVIRONMENT(overrides[i][0]));
        assert_warned(1);
        assert_warned_of(overrides[i][1]);
        assert_null(strstr(captured.text, "s3cr3t"));
        obsvi_config_fini(&c);
    }
}

static void test_very_long_names_do_no_harm(void **state)
{
    (void)state;
    char name[4096];
    memset(name, 'A', sizeof name);
    memcpy(name, "OBSV_", 5);
    strcpy(name + sizeof name - 3, "=1");
    struct obsvi_config c = loaded_from(ENVIRONMENT("OBSV_=1"));
    assert_warned(1);
    obsvi_config_fini(&c);
    capture_start();
    assert_int_equal(putenv(name), 0);
    c = loaded(NULL);
    assert_warned(1);
    obsvi_config_fini(&c);
    clearenv();
    c = loaded_from(NULL);
    assert_warned(0);
    obsvi_config_fini(&c);
}

static void test_config_file_is_not_supported(void **state)
{
    (void)state;
    struct obsvi_config c =
        loaded_from(ENVIRONMENT("OTEL_CONFIG_FILE=/etc/otel.yaml", "OTEL_SERVICE_NAME=s"));
    assert_warned(1);
    assert_warned_of("OTEL_CONFIG_FILE: configuration files are not supported");
    assert_string_equal(c.service_name, "s"); /* the variables count all the same */
    obsvi_config_fini(&c);
}

static void test_quotes_are_removed_with_one_warning(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_SERVICE_NAME='trade exec'"));
    assert_string_equal(c.service_name, "trade exec");
    assert_warned(1);
    assert_warned_of("OTEL_SERVICE_NAME: the quotes");
    obsvi_config_fini(&c);
    c = loaded_from(ENVIRONMENT("OTEL_SERVICE_NAME=\"half", "APP_ENV='mixed\"", "APP_VERSION='"));
    assert_string_equal(c.service_name, "\"half");
    assert_string_equal(c.environment, "'mixed\"");
    assert_string_equal(c.version, "'");
    assert_warned(0);
    obsvi_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_every_pair_of_forms),
        cmocka_unit_test(test_program_endpoint_beats_logs_variable),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_environment_is_copied),
        cmocka_unit_test(test_no_environment_at_all),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_very_long_names_do_no_harm),
        cmocka_unit_test(test_config_file_is_not_supported),
        cmocka_unit_test(test_quotes_are_removed_with_one_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
