/* Law 5: whatever way a secret is written wrongly, no warning, no start-up line and no shown value holds any
 * part of it. */
#include "capture.h"

#define SECRET "s3cr3tT0ken"

static const char *const environments[][3] = {
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic " SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20" SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Basic " SECRET "==\""},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization='Basic " SECRET "=='"},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization: Basic " SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization:Basic " SECRET},
    {"OTEL_EXPORTER_OTLP_HEADERS=Basic " SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=Basic%20" SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=Basic%20" SECRET "=x"},
    {"OTEL_EXPORTER_OTLP_HEADERS=" SECRET},
    {"OTEL_EXPORTER_OTLP_HEADERS=" SECRET "="},
    {"OTEL_EXPORTER_OTLP_HEADERS=" SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=a=1," SECRET "==,b=2"},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic abc," SECRET "=="},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=" SECRET "%0d%0aX: 1"},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=" SECRET ";x"},
    {"OTEL_EXPORTER_OTLP_HEADERS=Host=" SECRET},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic <" SECRET ">"},
    {"OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-api-key=" SECRET, "OTEL_EXPORTER_OTLP_HEADERS=a=" SECRET},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic " SECRET,
     "OTEL_EXPORTER_OTLP_ENDPOINT=http://plain.example"},
    {"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic " SECRET,
     "OTEL_EXPORTER_OTLP_ENDPOINT=https://good.example/otlp"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://user:" SECRET "@c.example"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://" SECRET "@c.example"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://u:" SECRET "@@c.example"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://u:" SECRET "@/"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://u:" SECRET "@c:port"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c.example/x?token=" SECRET},
    {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://c.example?token=" SECRET "#" SECRET},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=Authorization=Basic " SECRET}, /* in the wrong variable */
    {"OTEL_EXPORTER_OTLP_ENDPOINT=" SECRET},
    {"OTEL_EXPORTER_OTLP_ENDPOINT=c.example?token=" SECRET},
    {"OTEL_EXPORTER_OTLP_HEADER=Authorization=Basic " SECRET}, /* misspelt */
    {"OBSV_HEADERS=Authorization=Basic " SECRET},
};

static void assert_hidden(const char *text, const char *where, const char *environment)
{
    if (text && strstr(text, SECRET))
        fail_msg("%s shows it in %s: %s", environment, where, text);
}

static void check_nothing_shown(struct obsvi_config *c, const char *origin)
{
    char line[1024];
    obsvi_config_summary(c, line, sizeof line);
    assert_hidden(line, "the start-up line", origin);
    assert_hidden(captured.text, "a warning", origin);
    assert_hidden(c->export_off_reason, "the reason", origin);
    for (size_t i = 0; i < obsvi_settings_count; i++)
        assert_hidden(c->values[i].text, obsvi_settings[i].name, origin);
    for (size_t i = 0; i < c->resource.count; i++)
        assert_hidden(c->resource.items[i].value, "the resource", origin);
    obsvi_config_fini(c);
}

static void test_from_the_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof environments / sizeof *environments; i++) {
        capture_start();
        set("OTEL_LOG_LEVEL=debug");
        set_all(environments[i]);
        struct obsvi_config c = loaded(NULL);
        check_nothing_shown(&c, environments[i][0]);
    }
}

static void test_from_the_program(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof environments / sizeof *environments; i++) {
        capture_start();
        set("OTEL_LOG_LEVEL=debug");
        struct obsvi_config c = loaded(environments[i]);
        check_nothing_shown(&c, environments[i][0]);
    }
}

/* The secret must really be in use somewhere, or the tests above could not fail. */
static void test_the_secret_is_kept_for_the_request(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(environments[0]);
    assert_string_equal(pair_value(&c.headers, "authorization"), "Basic " SECRET "==");
    obsvi_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_environment),
        cmocka_unit_test(test_from_the_program),
        cmocka_unit_test(test_the_secret_is_kept_for_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
