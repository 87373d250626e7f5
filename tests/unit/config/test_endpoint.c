/* Endpoint URLs (spec: protocol/exporter.md, Endpoint URLs for OTLP/HTTP), and what switches export off. */
#include "capture.h"

#include "config/endpoint.h"

struct row {
    bool is_base;
    const char *text;
    const char *expected; /* NULL: refused */
    unsigned warnings;
    const char *warned_of;
};

static const struct row rows[] = {
    /* a base: v1/logs after exactly one slash */
    {true, "http://c:4318", "http://c:4318/v1/logs", 0, NULL},
    {true, "http://c:4318/", "http://c:4318/v1/logs", 0, NULL},
    {true, "http://c:4318/mycollector", "http://c:4318/mycollector/v1/logs", 0, NULL},
    {true, "http://c:4318/mycollector/", "http://c:4318/mycollector/v1/logs", 0, NULL},
    {true, "http://c:4318/a//", "http://c:4318/a/v1/logs", 0, NULL},
    {true, "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp",
     "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/logs", 0, NULL},
    {true, "https://c", "https://c/v1/logs", 0, NULL},
    /* the logs form: as it is, "/" only where there is no path at all */
    {false, "http://c:4318/v1/logs", "http://c:4318/v1/logs", 0, NULL},
    {false, "http://c:4318/x/", "http://c:4318/x/", 0, NULL},
    {false, "http://c:4318", "http://c:4318/", 1, "without v1/logs"},
    {false, "http://c:4318?a=1", "http://c:4318/?a=1", 1, "without v1/logs"},
    {false, "http://c:4318/", "http://c:4318/", 1, "without v1/logs"},
    /* otherwise left alone: case, port, escapes, dots, query */
    {true, "HTTP://Host.Example:80/A%2fb/../c", "HTTP://Host.Example:80/A%2fb/../c/v1/logs", 0, NULL},
    {true, "http://c/x?tenant=a&b=/", "http://c/x/v1/logs?tenant=a&b=/", 0, NULL},
    {true, "http://c?x=1", "http://c/v1/logs?x=1", 0, NULL},
    {false, "http://c/p?x=1", "http://c/p?x=1", 0, NULL},
    {true, "http://[::1]:4318", "http://[::1]:4318/v1/logs", 0, NULL},
    {true, "  http://c:4318\r\n", "http://c:4318/v1/logs", 0, NULL},
    /* a fragment is never sent */
    {true, "http://c/x#frag", "http://c/x/v1/logs", 0, NULL},
    {false, "http://c/x?q#frag", "http://c/x?q", 0, NULL},
    /* quotes, user and password */
    {true, "\"http://c:4318\"", "http://c:4318/v1/logs", 1, "quotes"},
    {true, "http://user:pass@c:4318/x", "http://c:4318/x/v1/logs", 1, "OTEL_EXPORTER_OTLP_HEADERS"},
    {true, "http://user:p@ss@c:4318/x", "http://c:4318/x/v1/logs", 1, "OTEL_EXPORTER_OTLP_HEADERS"},
    {true, "https://@c/x", "https://c/x/v1/logs", 1, "left out"},
    /* valid, but unlikely to be meant */
    {true, "http://c:4317", "http://c:4317/v1/logs", 1, "4318"},
    {true, "http://c:4318/v1/logs", "http://c:4318/v1/logs/v1/logs", 1, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"},
    {true, "https://otlp-gateway-prod-eu-west-2.grafana.net",
     "https://otlp-gateway-prod-eu-west-2.grafana.net/v1/logs", 1, "/otlp"},
    /* not usable */
    {true, "c:4318", NULL, 1, "http:// or https://"},
    {true, "localhost", NULL, 1, "http:// or https://"},
    {true, "grpc://c:4317", NULL, 1, "http:// or https://"},
    {true, "ftp://c", NULL, 1, "http:// or https://"},
    {true, "://c", NULL, 1, "http:// or https://"},
    {true, "http:/c", NULL, 1, "http:// or https://"},
    {true, "http://", NULL, 1, "no host"},
    {true, "http:///v1/logs", NULL, 1, "no host"},
    {true, "http://?x", NULL, 1, "no host"},
    {true, "http://user@/x", NULL, 1, "no host"},
    {true, "http://:4318", NULL, 1, "not a usable URL"},
    {true, "http://c:port", NULL, 1, "not a usable URL"},
    {true, "http://c:99999", NULL, 1, "not a usable URL"},
    {true, "http://a b", NULL, 1, "not a usable URL"},
    {true, "http://a\tb/", NULL, 1, "not a usable URL"},
    {true, "http://c/\x01", NULL, 1, "not a usable URL"},
    {true, "http://[::1", NULL, 1, "not a usable URL"},
    {true, "http://c\\d/", NULL, 1, "not a usable URL"},
    {false, "c:4318/v1/logs", NULL, 1, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"},
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        capture_start();
        setenv(rows[i].is_base ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
               rows[i].text, 1);
        struct obsvi_config c = loaded(NULL);
        if (!c.endpoint != !rows[i].expected)
            fail_msg("%s: %s", rows[i].text, c.endpoint ? c.endpoint : captured.text);
        if (rows[i].expected) {
            assert_string_equal(c.endpoint, rows[i].expected);
            assert_true(c.export_on);
            assert_null(c.export_off_reason);
        } else {
            assert_false(c.export_on);
            assert_non_null(strstr(c.export_off_reason, "is not a usable URL"));
        }
        assert_true(c.stdout_on);
        assert_warned(rows[i].warnings);
        if (rows[i].warned_of)
            assert_warned_of(rows[i].warned_of);
        obsvi_config_fini(&c);
    }
}

static void test_bad_logs_endpoint_is_not_replaced_by_another(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(
        ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=c:4318"));
    assert_false(c.export_on);
    assert_warned(1);
    obsvi_config_fini(&c);
}

static void test_credentials_over_plain_http_only_to_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        bool is_sent;
    } table[] = {
        {"http://localhost:4318", true},
        {"http://LOCALHOST", true},
        {"http://127.0.0.1:4318", true},
        {"http://127.8.9.10", true},
        {"http://[::1]:4318", true},
        {"https://c.example", true},
        {"http://c.example", false},
        {"http://10.0.0.1:4318", false},
        {"http://localhost.evil.com", false},
        {"http://127.0.0.1.evil.com", false},
        {"http://128.0.0.1", false},
        {"http://[::2]", false},
        {"http://host.docker.internal", false},
        {"HTTP://c.example", false},
        {"http://localhost@evil.com", false},
        {"http://0.0.0.0:4318", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        capture_start();
        setenv("OTEL_EXPORTER_OTLP_ENDPOINT", table[i].endpoint, 1);
        set("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic s3cr3t");
        struct obsvi_config c = loaded(NULL);
        if (c.export_on != table[i].is_sent)
            fail_msg("%s", table[i].endpoint);
        if (!table[i].is_sent) {
            assert_warned_of("OTEL_EXPORTER_OTLP_ENDPOINT: credentials are not sent over plain http");
            assert_null(c.endpoint);
        }
        assert_true(c.stdout_on);
        obsvi_config_fini(&c);
    }
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                                                    "OTEL_EXPORTER_OTLP_HEADERS=x-scope-orgid=7"));
    assert_true(c.export_on); /* a tenant's number is no credential */
    assert_warned(0);
    obsvi_config_fini(&c);
}

static void test_what_switches_export_off(void **state)
{
    (void)state;
    static const struct {
        const char *environment[4];
        const char *reason;
        unsigned warnings;
    } table[] = {
        {{NULL}, "OTEL_EXPORTER_OTLP_ENDPOINT is not set", 0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT="}, "OTEL_EXPORTER_OTLP_ENDPOINT is not set", 0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_SDK_DISABLED=True"}, "OTEL_SDK_DISABLED is true", 0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_LOGS_EXPORTER=none"},
         "OTEL_LOGS_EXPORTER is none",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_LOGS_EXPORTER=Console"},
         "OTEL_LOGS_EXPORTER is Console",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_LOGS_EXPORTER=otlp,none"},
         "OTEL_LOGS_EXPORTER is otlp,none",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_PROTOCOL=gRPC"},
         "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which is not supported",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=grpc"},
         "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL is grpc, which is not supported",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp-gateway-<region>.grafana.net/otlp"},
         "OTEL_EXPORTER_OTLP_ENDPOINT still holds a placeholder",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c",
          "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic <BASE64(instance_id:token)>"},
         "OTEL_EXPORTER_OTLP_HEADERS still holds a placeholder",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", "OTEL_SERVICE_NAME=<your service>"},
         "OTEL_SERVICE_NAME still holds a placeholder",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", "OTEL_RESOURCE_ATTRIBUTES=a=b,c=<d>"},
         "OTEL_RESOURCE_ATTRIBUTES still holds a placeholder",
         1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_config c = loaded_from(table[i].environment);
        assert_false(c.export_on);
        assert_null(c.endpoint);
        assert_string_equal(c.export_off_reason, table[i].reason);
        assert_true(c.stdout_on);
        assert_warned(table[i].warnings);
        char line[512];
        obsvi_config_summary(&c, line, sizeof line);
        assert_non_null(strstr(line, "JSON on stdout; nothing is exported: "));
        assert_non_null(strstr(line, table[i].reason));
        obsvi_config_fini(&c);
    }
}

static void test_grpc_names_the_alternative(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(
        ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"));
    assert_warned_of("http/protobuf");
    assert_warned_of("4318");
    obsvi_config_fini(&c);
    c = loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                                "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
                                "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json"));
    assert_true(c.export_on); /* other signals may use gRPC */
    assert_int_equal(c.protocol, OBSVI_HTTP_JSON);
    assert_warned(0);
    obsvi_config_fini(&c);
}

static void test_text_that_only_looks_like_a_placeholder(void **state)
{
    (void)state;
    struct obsvi_config c =
        loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                                "OTEL_RESOURCE_ATTRIBUTES=owner=Bob <bob@example.com>,a=1<2,b=2>1,c=<>"));
    assert_true(c.export_on);
    assert_warned(0);
    assert_string_equal(pair_value(&c.resource, "owner"), "Bob <bob@example.com>");
    obsvi_config_fini(&c);
}

static void test_summary(void **state)
{
    (void)state;
    char line[512];
    struct obsvi_config c =
        loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=https://u:pw@g.example/otlp?key=s3cr3t",
                                "OTEL_SERVICE_NAME=trade-exec"));
    obsvi_config_summary(&c, line, sizeof line);
    assert_string_equal(line, "service \"trade-exec\": JSON on stdout; exporting to "
                              "https://g.example/otlp/v1/logs?**** (http/protobuf, gzip)");
    obsvi_config_fini(&c);
    c = loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_SERVICE_NAME=x",
                                "OBSV_STDOUT=off", "OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/JSON",
                                "OTEL_EXPORTER_OTLP_COMPRESSION=None"));
    obsvi_config_summary(&c, line, sizeof line);
    assert_string_equal(line, "service \"x\": nothing on stdout (OBSV_STDOUT is off); exporting to "
                              "http://c:4318/v1/logs (http/json)");
    char small[16]; /* cut, never overrun */
    obsvi_config_summary(&c, small, sizeof small);
    assert_string_equal(small, "service \"x\": no");
    obsvi_config_fini(&c);
}

static void test_certificate_files(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(ENVIRONMENT("OTEL_EXPORTER_OTLP_ENDPOINT=https://c",
                                                    "OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere/ca.pem",
                                                    "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY=/dev/null"));
    assert_string_equal(c.certificate, "/nowhere/ca.pem"); /* kept: never fall back to other authorities */
    assert_warned_of("OTEL_EXPORTER_OTLP_CERTIFICATE: /nowhere/ca.pem: No such file");
    assert_warned_of("OTEL_EXPORTER_OTLP_CLIENT_KEY: has no effect");
    assert_warned(2);
    assert_true(c.export_on);
    obsvi_config_fini(&c);
    c = loaded_from(ENVIRONMENT(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/dev/null", "OTEL_EXPORTER_OTLP_CLIENT_KEY=/dev/zero",
        "OTEL_EXPORTER_OTLP_CERTIFICATE=/dev/zero", "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE=/dev/null"));
    assert_string_equal(c.certificate, "/dev/null");
    assert_string_equal(c.client_certificate, "/dev/null");
    assert_string_equal(c.client_key, "/dev/zero");
    assert_warned(0);
    obsvi_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_bad_logs_endpoint_is_not_replaced_by_another),
        cmocka_unit_test(test_credentials_over_plain_http_only_to_this_machine),
        cmocka_unit_test(test_what_switches_export_off),
        cmocka_unit_test(test_grpc_names_the_alternative),
        cmocka_unit_test(test_text_that_only_looks_like_a_placeholder),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_certificate_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
