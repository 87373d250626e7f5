/* The resource: service.name's precedence, OTEL_RESOURCE_ATTRIBUTES (spec: resource/sdk.md), APP_ENV,
 * APP_VERSION, telemetry.sdk.* (semconv resource/README.md). */
#include "capture.h"

#include <unistd.h>

#define SDK "|telemetry.sdk.name=obsv|telemetry.sdk.language=c|telemetry.sdk.version=" OBSV_VERSION_STRING

struct row {
    const char *text;     /* OTEL_RESOURCE_ATTRIBUTES */
    const char *expected; /* between service.name=s and telemetry.sdk.*; NULL: all of it discarded */
    const char *problem;
};

static const struct row rows[] = {
    {"", "", NULL},
    {"a=1", "|a=1", NULL},
    {"a=1,b=2", "|a=1|b=2", NULL},
    {" a = 1 , b=2\t", "|a=1|b=2", NULL},
    {"a=1,", "|a=1", NULL},
    {"a=", "|a=", NULL},
    {"a=1,b=2,a=3", "|a=3|b=2", NULL},
    {"a=x%2Cy%3Dz%25", "|a=x,y=z%", NULL},
    {"k%2C1=v", "|k,1=v", NULL},
    {"a=b+c", "|a=b+c", NULL},
    {"a=%C3%A9,b=\xc3\xa9", "|a=\xc3\xa9|b=\xc3\xa9", NULL},
    {"host.name=h 1", "|host.name=h 1", NULL},
    {"service.instance.id=7", "|service.instance.id=7", NULL},
    /* one error discards everything */
    {"a=1,b", NULL, "key=value"},
    {"a=1,=2", NULL, "letter or digit"},
    {"a=1,b=2=3", NULL, "%3D"},
    {"a=1,b=%zz", NULL, "hexadecimal"},
    {"a=1,b=50%", NULL, "hexadecimal"},
    {"a=1,b=%4", NULL, "hexadecimal"},
    {"a=1,%zz=2", NULL, "hexadecimal"},
    {"a=1,b=x%00y", NULL, "NUL"},
    {"a=1,_=2", NULL, "letter or digit"},
    {"a=1,\xe6\x95\xb0=2", NULL, "letter or digit"},
};

static void test_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256];
        capture_start();
        set("OTEL_SERVICE_NAME=s");
        setenv("OTEL_RESOURCE_ATTRIBUTES", rows[i].text, 1);
        struct obsvi_config c = loaded(NULL);
        snprintf(expected, sizeof expected, "service.name=s%s" SDK, rows[i].expected ? rows[i].expected : "");
        assert_pairs(&c.resource, expected);
        assert_warned(rows[i].expected ? 0 : 1);
        if (!rows[i].expected) {
            assert_warned_of("OTEL_RESOURCE_ATTRIBUTES: ");
            assert_warned_of(rows[i].problem);
            assert_int_equal(value_of(&c, OBSVI_SET_RESOURCE_ATTRIBUTES).origin, OBSVI_ORIGIN_INVALID);
        }
        obsvi_config_fini(&c);
    }
}

static void assert_service(const char *const *environment, const char *const *overrides, const char *expected)
{
    capture_start();
    set_all(environment);
    struct obsvi_config c = loaded(overrides);
    assert_string_equal(c.service_name, expected);
    assert_string_equal(c.resource.items[0].key, "service.name");
    assert_string_equal(c.resource.items[0].value, expected);
    for (size_t i = 1; i < c.resource.count; i++)
        assert_string_not_equal(c.resource.items[i].key, "service.name");
    obsvi_config_fini(&c);
}

static void test_service_name_precedence(void **state)
{
    (void)state;
    const char *const three[] = {"OTEL_SERVICE_NAME=one", "OTEL_RESOURCE_ATTRIBUTES=a=1,service.name=two",
                                 "APP_NAME=three", NULL};
    assert_service(three, NULL, "one");
    assert_service(three + 1, NULL, "two");
    assert_service(three + 2, NULL, "three");
    assert_service(
        ENVIRONMENT("OTEL_SERVICE_NAME=", "OTEL_RESOURCE_ATTRIBUTES=service.name=", "APP_NAME=three"), NULL,
        "three");
    /* a discarded list names no service */
    assert_service(ENVIRONMENT("OTEL_RESOURCE_ATTRIBUTES=service.name=two,bad", "APP_NAME=three"), NULL,
                   "three");
    /* the program wins over the environment, by whichever name it speaks */
    assert_service(three, ENVIRONMENT("APP_NAME=mine"), "mine");
    assert_service(three, ENVIRONMENT("OTEL_RESOURCE_ATTRIBUTES=service.name=mine"), "mine");
    assert_service(three, ENVIRONMENT("APP_NAME=mine", "service_name=more mine"), "more mine");
    assert_service(three, ENVIRONMENT("OTEL_SERVICE_NAME="), "two");
}

static void test_unknown_service_is_the_executable(void **state)
{
    (void)state;
    char path[4096], expected[4200];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    snprintf(expected, sizeof expected, "unknown_service:%s", strrchr(path, '/') + 1);
    assert_service(NULL, NULL, expected);
    assert_warned(0);
}

struct fill {
    const char *environment[4];
    const char *overrides[3];
    const char *expected_environment, *expected_version;
    const char *expected_resource; /* between service.name=s and telemetry.sdk.* */
};

static const struct fill fills[] = {
    {{NULL}, {NULL}, NULL, NULL, ""},
    {{"APP_ENV=prod", "APP_VERSION=1.2"},
     {NULL},
     "prod",
     "1.2",
     "|deployment.environment.name=prod|service.version=1.2"},
    {{"APP_ENV=prod", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test"},
     {NULL},
     "test",
     NULL,
     "|deployment.environment.name=test"},
    {{"APP_ENV=prod", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment=old"},
     {NULL},
     "old",
     NULL,
     "|deployment.environment=old"},
    {{"OTEL_RESOURCE_ATTRIBUTES=deployment.environment=old,deployment.environment.name=new"},
     {NULL},
     "new",
     NULL,
     "|deployment.environment=old|deployment.environment.name=new"},
    {{"APP_VERSION=1", "OTEL_RESOURCE_ATTRIBUTES=service.version=2"},
     {NULL},
     NULL,
     "2",
     "|service.version=2"},
    {{"OTEL_RESOURCE_ATTRIBUTES=service.version=2,deployment.environment=old"},
     {"APP_ENV=prod", "APP_VERSION=3"},
     "prod",
     "3",
     "|service.version=3|deployment.environment.name=prod"},
    {{"APP_ENV=prod"},
     {"resource_attributes=deployment.environment.name=test"},
     "test",
     NULL,
     "|deployment.environment.name=test"},
};

static void test_app_variables_fill_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        char expected[256];
        capture_start();
        set_all(fills[i].environment);
        set("OTEL_SERVICE_NAME=s");
        struct obsvi_config c = loaded(fills[i].overrides);
        snprintf(expected, sizeof expected, "service.name=s%s" SDK, fills[i].expected_resource);
        assert_pairs(&c.resource, expected);
        assert_string_equal(c.environment ? c.environment : "-",
                            fills[i].expected_environment ? fills[i].expected_environment : "-");
        assert_string_equal(c.version ? c.version : "-",
                            fills[i].expected_version ? fills[i].expected_version : "-");
        assert_warned(0);
        obsvi_config_fini(&c);
    }
}

static void test_sdk_attributes_are_the_librarys_own(void **state)
{
    (void)state;
    capture_start();
    set("OTEL_SERVICE_NAME=s");
    set("OTEL_RESOURCE_ATTRIBUTES=telemetry.sdk.name=opentelemetry,a=1,telemetry.sdk.version=9");
    struct obsvi_config c = loaded(ENVIRONMENT("telemetry.sdk.language=python"));
    assert_pairs(&c.resource, "service.name=s|a=1|telemetry.sdk.name=obsv|telemetry.sdk.language=python"
                              "|telemetry.sdk.version=" OBSV_VERSION_STRING);
    assert_warned(1);
    assert_warned_of("telemetry.sdk");
    obsvi_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_service_name_precedence),
        cmocka_unit_test(test_unknown_service_is_the_executable),
        cmocka_unit_test(test_app_variables_fill_in),
        cmocka_unit_test(test_sdk_attributes_are_the_librarys_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
