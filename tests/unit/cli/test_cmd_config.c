/* obsv config: the JSON is complete and says what the engine would do; the table is plain when it goes to no
 * terminal; no form shows a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/diag.h"
#include "cli.h"
#include "config/config.h"
#include "config/settings.h"

static void ignore_line(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

/* What `obsv config <option>` prints; the caller frees it. */
static char *output_of(const char *option)
{
    char *argv[] = {(char *)"obsv config", (char *)option, NULL};
    int file = memfd_create("output", 0), saved = dup(STDOUT_FILENO);
    assert_true(file >= 0 && saved >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    int status = obsv_cmd_config(option ? 2 : 1, argv);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    off_t size = lseek(file, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(file, text, (size_t)size, 0), size);
    close(file);
    assert_int_equal(status, OBSVI_EXIT_OK);
    return text;
}

static int start(void **state)
{
    (void)state;
    clearenv();
    obsvi_diag_set_sink(ignore_line, NULL);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:s3cr3t@c.example/otlp?key=s3cr3t", 1);
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic s3cr3t==,s3cr3t==", 1);
    setenv("OTEL_SERVICE_NAME", "trade-\xff\x1b[31m", 1);
    setenv("LOG_LEVEL", "loud", 1);
    return 0;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "(null)";
}

static void test_json(void **state)
{
    (void)state;
    char *text = output_of("--json");
    assert_null(strstr(text, "s3cr3t"));
    json_t *d = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(d);
    assert_true(json_is_true(json_object_get(d, "export")));
    assert_true(json_is_true(json_object_get(d, "stdout")));
    assert_true(json_is_null(json_object_get(d, "export_off_reason")));
    assert_string_equal(text_at(d, "endpoint"), "https://c.example/otlp/v1/logs?****");
    assert_string_equal(text_at(json_object_get(d, "headers"), "authorization"), "****");
    assert_string_equal(text_at(json_object_get(d, "resource"), "service.name"), "trade-?\x1b[31m");
    json_t *settings = json_object_get(d, "settings");
    assert_int_equal(json_array_size(settings), obsvi_settings_count);
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        assert_string_equal(text_at(json_array_get(settings, i), "name"), obsvi_settings[i].name);
        assert_string_equal(text_at(json_array_get(settings, i), "keyword"), obsvi_settings[i].keyword);
    }
    json_t *level = json_array_get(settings, OBSVI_SET_LEVEL);
    assert_string_equal(text_at(level, "value"), "INFO");
    assert_string_equal(text_at(level, "origin"), "default (given value is bad)");
    assert_string_equal(text_at(json_array_get(settings, OBSVI_SET_HEADERS), "value"),
                        "Authorization=Basic ****,****");
    json_decref(d);
    free(text);
}

static void test_table(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    char *text = output_of(NULL);
    assert_null(strstr(text, "s3cr3t"));
    assert_null(strchr(text, '\x1b')); /* neither our colours nor the service's name */
    for (size_t i = 0; i < obsvi_settings_count; i++)
        assert_non_null(strstr(text, obsvi_settings[i].name));
    assert_non_null(strstr(text, "exporting to https://c.example/otlp/v1/logs?****"));
    assert_non_null(strstr(text, "\\u001b[31m"));
    free(text);
    text = output_of("--color=always");
    assert_non_null(strstr(text, "\x1b[1mWhere records go\x1b[0m"));
    assert_null(strstr(text, "\x1b[31m\""));
    free(text);
}

static void test_markdown(void **state)
{
    (void)state;
    char *text = output_of("--markdown");
    struct obsvi_bytes expected = {0};
    obsvi_config_reference(&expected);
    assert_int_equal(strlen(text), expected.len);
    assert_memory_equal(text, expected.data, expected.len);
    obsvi_bytes_fini(&expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_json, start),
        cmocka_unit_test_setup(test_table, start),
        cmocka_unit_test_setup(test_markdown, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
