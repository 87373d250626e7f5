/* The readable form: one of our stdout lines goes in, what a person sees comes out; nothing a terminal would
 * obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "line.h"
#include "render.h"

#define HEAD                                                                                                 \
    "{\"timestamp\":\"2026-01-02T03:04:05.678901234Z\",\"level\":\"INFO\",\"logger\":\"a.b\",\"message\":"

static struct obsvi_bytes render(const char *line, struct obsvi_render r)
{
    struct obsvi_bytes out = {0};
    json_t *record = obsvi_line_parse(line, strlen(line));
    if (!record)
        fail_msg("not one of our lines: %s", line);
    obsvi_render_record(&r, record, &out);
    obsvi_bytes_put_u8(&out, '\0');
    json_decref(record);
    return out;
}

static void assert_rendered(const char *line, struct obsvi_render r, const char *expected)
{
    struct obsvi_bytes out = render(line, r);
    assert_string_equal((char *)out.data, expected);
    obsvi_bytes_fini(&out);
}

static void lines_look_like_this(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *expected;
    } table[] = {
        {"\"m\"}", "m"},
        {"\"\"}", ""},
        {"\"two words\"}", "two words"},
        {"\"m\",\"service\":\"s\",\"env\":\"e\",\"version\":\"1\"}", "m"},
        {"\"m\",\"i\":3,\"f\":3.0,\"t\":true,\"n\":null}", "m  i=3 f=3.0 t=true n=null"},
        {"\"m\",\"z\":1,\"a\":2}", "m  z=1 a=2"},
        {"\"m\",\"s\":\"bare-word.1\"}", "m  s=bare-word.1"},
        {"\"m\",\"s\":\"Z\xc3\xbcrich\"}", "m  s=Z\xc3\xbcrich"},
        {"\"m\",\"s\":\"\"}", "m  s=\"\""},
        {"\"m\",\"s\":\"two words\"}", "m  s=\"two words\""},
        {"\"m\",\"s\":\"a=b\"}", "m  s=\"a=b\""},
        {"\"m\",\"s\":\"3\",\"t\":\"true\",\"x\":\"0x1f\",\"n\":\"NaN\"}",
         "m  s=\"3\" t=\"true\" x=\"0x1f\" n=\"NaN\""},
        {"\"m\",\"s\":\"quote\\\"\"}", "m  s=\"quote\\\"\""},
        {"\"m\",\"a key\":1,\"\":2}", "m  \"a key\"=1 \"\"=2"},
        {"\"m\",\"o\":{\"a\":[1,2.5,\"x\"],\"b\":{}}}", "m  o={\"a\":[1,2.5,\"x\"],\"b\":{}}"},
        {"\"m\",\"trace_id\":\"ab\",\"span_id\":\"cd\",\"k\":1}", "m  k=1 trace_id=ab span_id=cd"},
        {"\"m\",\"trace_id\":7}", "m  trace_id=7"},
        {"\"m\",\"exception\":\"text\"}", "m  exception=text"},
        {"\"m\",\"exception\":{\"type\":\"E\",\"message\":\"no\"}}", "m\n    E: no"},
        {"\"m\",\"k\":1,\"exception\":{\"type\":\"E\",\"message\":\"no\",\"stacktrace\":\"Traceback:\\n  "
         "f\\nE: no\\n\"}}",
         "m  k=1\n    Traceback:\n      f\n    E: no"},
        {"\"m\",\"exception\":{\"type\":\"E\",\"message\":\"no\",\"stacktrace\":\"at f()\"}}",
         "m\n    E: no\n    at f()"},
        {"\"m\",\"exception\":{\"type\":\"E\",\"more\":1}}", "m  exception={\"type\":\"E\",\"more\":1}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_bytes line = {0}, expected = {0};
        obsvi_bytes_put_text(&line, HEAD);
        obsvi_bytes_put(&line, table[i].rest, strlen(table[i].rest) + 1);
        obsvi_bytes_put_text(&expected, "03:04:05.678 INFO  a.b ");
        obsvi_bytes_put_text(&expected, table[i].expected);
        obsvi_bytes_put(&expected, "\n", 2);
        assert_rendered((char *)line.data, (struct obsvi_render){0}, (char *)expected.data);
        obsvi_bytes_fini(&line);
        obsvi_bytes_fini(&expected);
    }
}

static void full_shows_date_and_resource(void **state)
{
    (void)state;
    assert_rendered(HEAD "\"m\",\"service\":\"s\",\"env\":\"e\",\"version\":\"1\",\"k\":2}",
                    (struct obsvi_render){.is_full = true},
                    "2026-01-02T03:04:05.678901234Z INFO  a.b m  k=2 resource.service.name=s "
                    "resource.deployment.environment.name=e resource.service.version=\"1\"\n");
}

static void colours_surround_and_end(void **state)
{
    (void)state;
    assert_rendered(HEAD "\"m\",\"k\":2}", (struct obsvi_render){.is_colored = true},
                    "\033[2m03:04:05.678\033[0m \033[32mINFO\033[0m  \033[36ma.b\033[0m \033[1mm\033[0m  "
                    "\033[2mk=\033[0m2\n");
}

/* Each of these would let a record act on the terminal, or forge another record. */
static void nothing_a_terminal_obeys_is_written(void **state)
{
    (void)state;
    static const char *const evil[] = {
        "\\u001b[2J",
        "\\u001b]0;title\\u0007",
        "\\r03:04:05.678 ERROR forged",
        "\\b\\b\\b",
        "\\u007f",
        "\\u009b31m",
        "\\u202e gnp.exe",
        "\\u2066x\\u2069",
        "\\u2028line",
        "\\u0000",
        "\\ufeff",
        "\\f\\u000b",
    };
    static const char *const places[] = {"%s",
                                         "\"m\",\"k\":\"%s\"",
                                         "\"m\",\"k\":[\"%s\",{\"%s\":1}]",
                                         "\"m\",\"%s\":1",
                                         "\"m\",\"exception\":{\"stacktrace\":\"%s\"}",
                                         "\"m\",\"k\":{\"bytes_base64\":\"%s\"}",
                                         "\"m\",\"k\":{\"double_nonfinite\":\"%s\"}",
                                         "\"m\",\"k\":{\"map_entries\":[[\"%s\",\"%s\"]]}"};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
            bool is_key = strstr(places[p], "%s\":1");
            if (is_key && strcmp(evil[i], "\\u0000") == 0)
                continue; /* such a key cannot be read, and the line is passed through */
            char line[1024], filled[512], quoted[64];
            snprintf(quoted, sizeof quoted, p == 0 ? "\"%s\"" : "%s", evil[i]);
            snprintf(filled, sizeof filled, places[p], quoted, quoted);
            snprintf(line, sizeof line, "%s%s}", HEAD, filled);
            struct obsvi_bytes out = render(line, (struct obsvi_render){0});
            for (size_t at = 0; at + 1 < out.len; at++)
                if (out.data[at] != '\n' && (out.data[at] < ' ' || out.data[at] == 0x7f))
                    fail_msg("byte %d of '%s'", out.data[at], line);
            assert_null(memmem(out.data, out.len, "\xc2\x9b", 2));
            assert_null(memmem(out.data, out.len, "\xe2\x80\xae", 3));
            assert_null(memmem(out.data, out.len, "\xe2\x81\xa6", 3));
            assert_null(memmem(out.data, out.len, "\xe2\x80\xa8", 3));
            obsvi_bytes_fini(&out);
        }
    }
}

static void continued_lines_are_indented_everywhere(void **state)
{
    (void)state;
    struct obsvi_bytes out =
        render(HEAD "\"m\\nforged\",\"a\\nforged\":\"b\\nforged\",\"c\":{\"bytes_base64\":\"x\\nforged\"},"
                    "\"exception\":{\"type\":\"E\\nforged\",\"message\":\"m\\nforged\",\"stacktrace\":"
                    "\"s\\nforged\\n\\n\"}}",
               (struct obsvi_render){.is_full = true});
    const char *text = (char *)out.data;
    int lines = 0;
    for (const char *newline = strchr(text, '\n'); newline[1]; newline = strchr(newline + 1, '\n'), lines++)
        assert_memory_equal(newline + 1, "    ", 4);
    assert_int_equal(lines, 6);
    obsvi_bytes_fini(&out);
}

static void other_lines_are_not_ours(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{",
        "{}",
        "[]",
        "7",
        "text",
        "{\"a\":1}",
        HEAD "7}",
        HEAD "\"m\"",
        HEAD "\"m\"}}",
        HEAD "\"m\",\"k\":1,\"k\":2}",
        HEAD "\"m\",\"k\":9223372036854775808}",
        HEAD "\"m\",\"k\":\"\xff\"}",
        "{\"timestamp\":\"yesterday\",\"level\":\"INFO\",\"logger\":\"a\",\"message\":\"m\"}",
        "{\"timestamp\":1,\"level\":\"INFO\",\"logger\":\"a\",\"message\":\"m\"}",
        "{\"timestamp\":\"2026-01-02T03:04:05Z\",\"level\":20,\"logger\":\"a\",\"message\":\"m\"}",
        "{\"timestamp\":\"2026-01-02T03:04:05Z\",\"level\":\"INFO\",\"message\":\"m\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_null(obsvi_line_parse(lines[i], strlen(lines[i])));
}

static void time_stamps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t time_ns; /* 0: refused */
    } table[] = {
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1970-01-01T00:00:01Z", UINT64_C(1000000000)},
        {"2025-11-22T16:34:56.789012345Z", UINT64_C(1763829296789012345)},
        {"2025-11-22T16:34:56.789012345999Z", UINT64_C(1763829296789012345)},
        {"2025-11-22T17:34:56.5+01:00", UINT64_C(1763829296500000000)},
        {"2025-11-22 16:34:56-00:00", UINT64_C(1763829296000000000)},
        {"2025-11-22T16:34:56", 0},
        {"2025-13-22T16:34:56Z", 0},
        {"2025-00-22T16:34:56Z", 0},
        {"2025-01-00T16:34:56Z", 0},
        {"2025-02-29T16:34:56Z", 0},
        {"2024-02-29T00:00:00Z", UINT64_C(1709164800000000000)},
        {"2016-12-31T23:59:60Z", UINT64_C(1483228800000000000)},
        {"2025-11-22T24:34:56Z", 0},
        {"2025-11-22T16:34:56Zx", 0},
        {"2025-11-22T16:34:56+1", 0},
        {"1969-12-31T23:59:59Z", 0},
        {"9999-12-31T23:59:59Z", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint64_t time_ns = 0;
        assert_int_equal(obsvi_timestamp_read(table[i].text, &time_ns), table[i].time_ns != 0);
        assert_true(time_ns == table[i].time_ns);
    }
    char text[OBSVI_TIMESTAMP_BYTES];
    obsvi_timestamp_write(UINT64_MAX, text);
    assert_string_equal(text, "2554-07-21T23:34:33.709551615Z");
}

static void doubles_are_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } table[] = {{0, "0.0"},
                 {-0.0, "-0.0"},
                 {3, "3.0"},
                 {0.1, "0.1"},
                 {1e300, "1e+300"},
                 {5e-324, "4.94065645841247e-324"},
                 {1.0 / 3, "0.3333333333333333"},
                 {123456789.125, "123456789.125"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_bytes out = {0};
        obsvi_show_double(&out, table[i].value);
        obsvi_bytes_put_u8(&out, '\0');
        assert_string_equal((char *)out.data, table[i].text);
        assert_true(strtod((char *)out.data, NULL) == table[i].value);
        obsvi_bytes_fini(&out);
    }
}

static void levels(void **state)
{
    (void)state;
    assert_int_equal(obsvi_severity_number("warning"), 13);
    assert_int_equal(obsvi_severity_number("CRITICAL"), 21);
    assert_int_equal(obsvi_severity_number("Level 25"), 0);
    assert_string_equal(obsvi_severity_name(16), "WARN");
    assert_string_equal(obsvi_severity_name(0), "");
    assert_string_equal(obsvi_severity_name(25), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_look_like_this),
        cmocka_unit_test(full_shows_date_and_resource),
        cmocka_unit_test(colours_surround_and_end),
        cmocka_unit_test(nothing_a_terminal_obeys_is_written),
        cmocka_unit_test(continued_lines_are_indented_everywhere),
        cmocka_unit_test(other_lines_are_not_ours),
        cmocka_unit_test(time_stamps),
        cmocka_unit_test(doubles_are_short_and_read_back),
        cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
