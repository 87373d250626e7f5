/* The n-th allocation fails, for every n: the load says so, leaves nothing behind (leaks are found by the
 * address sanitizer) and shows no secret; the first n that no longer fails gives the whole configuration. */
#include "capture.h"

#include "config/text.h"

static const char *const environment[] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT=https://u:s3cr3t@c.example/otlp?k=s3cr3t",
    "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic s3cr3t,a=1,a=2,s3cr3t==,\"x",
    "OTEL_EXPORTER_OTLP_CERTIFICATE=/dev/null",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/dev/null",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY=/dev/null",
    "OTEL_RESOURCE_ATTRIBUTES=service.name=x,a=%41,deployment.environment=old,telemetry.sdk.name=y,"
    "level=1,extra_level=2,_=3",
    "APP_VERSION=1",
    "LOG_LEVEL=bad",
    NULL,
};

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    enum { MORE_THAN_ENOUGH = 1000 };
    unsigned n = 1;
    for (; n < MORE_THAN_ENOUGH; n++) {
        struct obsvi_config c;
        capture_start();
        set_all(environment);
        obsvi_text_fail_at = n;
        int error = obsvi_config_load(&c, ENVIRONMENT("telemetry.sdk.language=python", "APP_ENV=prod"));
        obsvi_text_fail_at = 0;
        assert_null(strstr(captured.text, "s3cr3t"));
        if (!error) {
            assert_string_equal(c.service_name, "x");
            assert_string_equal(c.environment, "prod");
            assert_string_equal(c.endpoint, "https://c.example/otlp/v1/logs?k=s3cr3t");
            obsvi_config_fini(&c);
            break;
        }
        assert_int_equal(error, OBSV_ERR_NOMEM);
        assert_null(c.endpoint);
        assert_null(c.values);
        assert_int_equal(c.headers.count, 0);
        obsvi_config_fini(&c); /* harmless */
    }
    assert_in_range(n, 30, MORE_THAN_ENOUGH - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
