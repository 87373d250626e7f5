/* The resource: service.name's precedence, OTEL_RESOURCE_ATTRIBUTES (spec: resource/sdk.md), APP_ENV,
 * APP_VERSION, telemetry.sdk.* (semconv resource/README.md). */
#include "capture.h"

#include "base/loki.h"

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
    {"a=1,=2", NULL, "has no key"},
    {"a=1,b=2=3", NULL, "%3D"},
    {"a=1,b=%zz", NULL, "hexadecimal"},
    {"a=1,b=50%", NULL, "hexadecimal"},
    {"a=1,b=%4", NULL, "hexadecimal"},
    {"a=1,%zz=2", NULL, "hexadecimal"},
    {"a=1,b=x%00y", NULL, "NUL"},
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

/* ---- What Loki would refuse or take for its own (base/loki.h) -------------------------------------------
 */

static const struct row renamed[] = {
    {"level=2", "|extra_level=2", "level is sent as extra_level:"},
    {"a=1,detected_level=x,b=2", "|a=1|extra_detected_level=x|b=2", "detected_level is sent as"},
    {"severity_text=x", "|extra_severity_text=x", "replace what each record says of itself"},
    {"Log.Level=x", "|extra_Log.Level=x", "Log.Level is sent as extra_Log.Level:"},
    {"log..level=x", "|extra_log..level=x", ""},
    {"LVL=x", "|extra_LVL=x", ""},
    {"trace_id=x", "|extra_trace_id=x", ""},
    {"trace.id=x", "|extra_trace.id=x", ""},
    {"flags=1", "|extra_flags=1", ""},
    {"scope_name=x", "|extra_scope_name=x", ""},
    {"log_repair=x", "|extra_log_repair=x", ""},
    {"level=1,extra_level=2", "|extra_extra_level=1|extra_level=2", "level is sent as extra_extra_level:"},
    {"level=1,lvl=2,severity=3", "|extra_level=1|extra_lvl=2|extra_severity=3", ", and 2 more"},
    {"level=1,level=2", "|extra_level=2", ""},
    /* Loki would make nothing of the key, and refuse the request */
    {"_=2", "|key_5f=2", "_ is sent as key_5f:"},
    {"a=1,!!=2", "|a=1|key_2121=2", "have every record refused"},
    {"\xe6\x95\xb0\xe9\x87\x8f=2", "|key_e695b0e9878f=2", "key_e695b0e9878f"},
    {"%E6%95%B0%E9%87%8F=2", "|key_e695b0e9878f=2", "key_e695b0e9878f"},
    {"_=1,key_5f=2", "|extra_key_5f=1|key_5f=2", ""},
    {"_=1,__=2", "|key_5f=1|key_5f5f=2", ", and 1 more"},
};

static void test_keys_that_loki_cannot_take_are_renamed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        char expected[256];
        capture_start();
        set("OTEL_SERVICE_NAME=s");
        setenv("OTEL_RESOURCE_ATTRIBUTES", renamed[i].text, 1);
        struct obsvi_config c = loaded(NULL);
        snprintf(expected, sizeof expected, "service.name=s%s" SDK, renamed[i].expected);
        assert_pairs(&c.resource, expected);
        assert_warned(1);
        assert_warned_of(renamed[i].problem);
        obsvi_config_fini(&c);
    }
}

/* The JSON line has fields of these names, but no resource attributes. */
static void test_other_keys_keep_their_names(void **state)
{
    (void)state;
    static const char *const kept = "env=1,version=2,message=3,levels=4,extra_level=5,service_name=6,"
                                    "Trace_Id=7,level.of.detail=8";
    capture_start();
    set("OTEL_SERVICE_NAME=s");
    setenv("OTEL_RESOURCE_ATTRIBUTES", kept, 1);
    struct obsvi_config c = loaded(NULL);
    assert_pairs(&c.resource,
                 "service.name=s|env=1|version=2|message=3|levels=4|extra_level=5|service_name=6|"
                 "Trace_Id=7|level.of.detail=8" SDK);
    assert_warned(0);
    obsvi_config_fini(&c);
}

/* Sets OTEL_RESOURCE_ATTRIBUTES to `before`, then `count` of "k<n>=vvv…", then `after`. */
static struct obsvi_config loaded_with_many(const char *before, int count, int value_bytes, const char *after)
{
    static char text[256 * 1024], value[8 * 1024];
    capture_start();
    set("OTEL_SERVICE_NAME=s");
    set("APP_VERSION=1.2");
    set("APP_ENV=test");
    memset(value, 'v', sizeof value);
    size_t n = (size_t)snprintf(text, sizeof text, "%s", before);
    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "k%03d=%.*s,", i, value_bytes, value);
    snprintf(text + n, sizeof text - n, "%s", after);
    setenv("OTEL_RESOURCE_ATTRIBUTES", text, 1);
    return loaded(NULL);
}

static int k_count(const struct obsvi_config *c)
{
    int count = 0;
    for (size_t i = 0; i < c->resource.count; i++)
        count += c->resource.items[i].key[0] == 'k' && c->resource.items[i].key[4] == '\0';
    return count;
}

static void assert_essentials(const struct obsvi_config *c)
{
    assert_string_equal(c->resource.items[0].key, "service.name");
    assert_string_equal(pair_value(&c->resource, "deployment.environment.name"), "test");
    assert_string_equal(pair_value(&c->resource, "service.version"), "1.2");
    assert_string_equal(pair_value(&c->resource, "telemetry.sdk.name"), "obsv");
    assert_string_equal(pair_value(&c->resource, "telemetry.sdk.language"), "c");
    assert_string_equal(pair_value(&c->resource, "telemetry.sdk.version"), OBSV_VERSION_STRING);
}

/* 128 entries, less 64 of the record, 18 added to it, telemetry.sdk.*, service.version */
enum { K_MAX = 128 - 64 - 18 - 3 - 1 };

static void test_too_many_attributes_are_left_out(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_with_many("", K_MAX, 1, "");
    assert_int_equal(k_count(&c), K_MAX);
    assert_essentials(&c);
    assert_warned(0);
    obsvi_config_fini(&c);

    c = loaded_with_many("", 300, 1, "k8s.pod.name=pod");
    assert_int_equal(k_count(&c), K_MAX);
    assert_string_equal(c.resource.items[1].key, "k000");
    assert_string_equal(c.resource.items[K_MAX].key, "k041");
    assert_string_equal(pair_value(&c.resource, "k8s.pod.name"), "pod");
    assert_essentials(&c);
    assert_warned(1);
    assert_warned_of("left out: 258, the first is k042: ");
    assert_warned_of("128 attributes");
    assert_warned_of("remove or shorten");
    obsvi_config_fini(&c);
}

static size_t metadata_bytes(const struct obsvi_config *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < c->resource.count; i++)
        if (obsvi_loki_label_rank(c->resource.items[i].key) < 0)
            bytes += strlen(c->resource.items[i].key) + strlen(c->resource.items[i].value);
    return bytes;
}

static void test_too_large_attributes_are_left_out(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_with_many("", 40, 1500, "small=1,k8s.pod.name=pod");
    assert_in_range(metadata_bytes(&c), 25 * 1024, 28 * 1024);
    assert_non_null(pair_value(&c.resource, "k000"));
    assert_null(pair_value(&c.resource, "k039"));
    assert_string_equal(pair_value(&c.resource, "small"), "1"); /* the next that fits is sent */
    assert_string_equal(pair_value(&c.resource, "k8s.pod.name"), "pod");
    assert_essentials(&c);
    assert_warned(1);
    char expected[64];
    snprintf(expected, sizeof expected, "left out: %d, the first is k%03d: ", 40 - k_count(&c), k_count(&c));
    assert_warned_of(expected);
    obsvi_config_fini(&c);

    /* values are cut when they are encoded: this is no more than 10 times 2000 */
    c = loaded_with_many("", 10, 8000, "");
    assert_int_equal(k_count(&c), 10);
    assert_warned(0);
    obsvi_config_fini(&c);
}

/* Each of these bytes becomes the three of U+FFFD. */
static void test_broken_text_counts_as_it_will_be_sent(void **state)
{
    (void)state;
    static char text[32 * 1024];
    for (int i = 0; i < 20; i++) {
        size_t n = strlen(text);
        n += (size_t)sprintf(text + n, "b%02d=", i);
        memset(text + n, 0xff, 600);
        text[n + 600] = ',';
    }
    struct obsvi_config c = loaded_with_many(text, 0, 0, "");
    assert_int_equal(c.resource.count, 1 + 15 + 5); /* 27 KiB hold 15 of 1800 and what is essential */
    assert_essentials(&c);
    assert_warned_of("left out: 5, the first is b1");
    obsvi_config_fini(&c);
}

static void test_too_many_labels_are_left_out(void **state)
{
    (void)state;
    static const char labels[] =
        "k8s.job.name=18,k8s.cronjob.name=17,k8s.daemonset.name=16,k8s.statefulset.name=15,"
        "k8s.deployment.name=14,k8s.replicaset.name=13,container.name=12,k8s.container.name=11,"
        "k8s.pod.name=10,k8s.namespace.name=9,k8s.cluster.name=8,cloud.availability_zone=7,cloud.region=6,"
        "deployment.environment.name=test,deployment.environment=4,service.instance.id=3,service.namespace="
        "2,";
    struct obsvi_config c = loaded_with_many(labels, 0, 0, "");
    assert_int_equal(c.resource.count, 1 + 15 + 1 + 3);
    assert_null(pair_value(&c.resource, "k8s.job.name"));
    assert_null(pair_value(&c.resource, "k8s.cronjob.name"));
    assert_string_equal(c.resource.items[1].key, "k8s.daemonset.name");
    assert_string_equal(c.resource.items[15].key, "service.namespace");
    assert_essentials(&c);
    assert_warned(1);
    assert_warned_of("left out: 2, the first is k8s.job.name: they would be labels");
    assert_warned_of("more than 15");
    obsvi_config_fini(&c);

    c = loaded_with_many(strstr(labels, "k8s.daemonset.name"), 0, 0, "service.name=t");
    assert_int_equal(c.resource.count, 1 + 15 + 1 + 3);
    assert_warned(0);
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
        cmocka_unit_test(test_keys_that_loki_cannot_take_are_renamed),
        cmocka_unit_test(test_other_keys_keep_their_names),
        cmocka_unit_test(test_too_many_attributes_are_left_out),
        cmocka_unit_test(test_too_large_attributes_are_left_out),
        cmocka_unit_test(test_broken_text_counts_as_it_will_be_sent),
        cmocka_unit_test(test_too_many_labels_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
