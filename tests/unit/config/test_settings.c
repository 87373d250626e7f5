/* The table itself: complete, consistent, and what docs/CONFIGURATION.md says. */
#include "capture.h"

#include <ctype.h>
#include <stdio.h>

#include "config/parse.h"

static void test_rows_are_complete(void **state)
{
    (void)state;
    assert_int_equal(obsvi_settings_count, OBSVI_SET_COUNT);
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        const struct obsvi_setting *s = &obsvi_settings[i];
        assert_non_null(s->name);
        assert_non_null(s->keyword);
        assert_non_null(s->group);
        assert_non_null(s->help);
        assert_true(strlen(s->help) > 20 && s->help[strlen(s->help) - 1] == '.');
        for (const char *c = s->keyword; *c; c++)
            assert_true(islower((unsigned char)*c) || *c == '_');
        bool has_choices = s->kind == OBSVI_KIND_CHOICE || s->kind == OBSVI_KIND_LIST;
        assert_int_equal(has_choices, s->choices != NULL);
        bool is_number = s->kind == OBSVI_KIND_INTEGER || s->kind == OBSVI_KIND_DURATION ||
                         s->kind == OBSVI_KIND_TIMEOUT || s->kind == OBSVI_KIND_BYTES ||
                         s->kind == OBSVI_KIND_LEVEL;
        assert_int_equal(is_number, s->max != 0);
        assert_true(s->min >= 0 && s->min <= s->max);
    }
}

static void test_names_and_keywords_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < obsvi_settings_count; i++)
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(obsvi_settings[i].name, obsvi_settings[j].name);
            assert_string_not_equal(obsvi_settings[i].keyword, obsvi_settings[j].keyword);
        }
}

static void test_groups_stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < obsvi_settings_count; i++)
        for (size_t j = 0; j + 1 < i; j++)
            if (strcmp(obsvi_settings[i].group, obsvi_settings[j].group) == 0)
                assert_string_equal(obsvi_settings[i].group, obsvi_settings[i - 1].group);
}

static void test_defaults_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        int64_t ignored;
        if (obsvi_settings[i].default_text)
            assert_int_equal(
                obsvi_parse(&obsvi_settings[i], obsvi_str_of(obsvi_settings[i].default_text), &ignored),
                OBSVI_PARSE_OK);
    }
}

static void test_writing_the_defaults_changes_nothing(void **state)
{
    (void)state;
    struct obsvi_config silent = loaded_from(NULL);
    capture_start();
    for (size_t i = 0; i < obsvi_settings_count; i++)
        if (obsvi_settings[i].default_text)
            setenv(obsvi_settings[i].name, obsvi_settings[i].default_text, 1);
    struct obsvi_config c = loaded(NULL);
    assert_warned(0);
    for (size_t i = 0; i < obsvi_settings_count; i++)
        assert_string_equal(c.values[i].text ? c.values[i].text : "",
                            silent.values[i].text ? silent.values[i].text : "");
    assert_int_equal(c.timeout_ms, silent.timeout_ms);
    assert_int_equal(c.ring_bytes, silent.ring_bytes);
    assert_int_equal(c.outbox_bytes, silent.outbox_bytes);
    assert_int_equal(c.level, silent.level);
    obsvi_config_fini(&c);
    obsvi_config_fini(&silent);
}

static void read_file(const char *path, struct obsvi_bytes *out)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    uint8_t chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        obsvi_bytes_put(out, chunk, n);
    fclose(f);
}

static void test_documentation_is_up_to_date(void **state)
{
    (void)state;
    struct obsvi_bytes made = {0}, stored = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s", __FILE__);
    char *folder = strstr(path, "tests/unit/config/");
    assert_non_null(folder);
    strcpy(folder, "docs/CONFIGURATION.md");
    obsvi_config_reference(&made);
    read_file(path, &stored);
    if (made.len != stored.len || memcmp(made.data, stored.data, made.len) != 0)
        fail_msg("docs/CONFIGURATION.md is out of date: obsv config --markdown > docs/CONFIGURATION.md");
    obsvi_bytes_fini(&made);
    obsvi_bytes_fini(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_names_and_keywords_are_unique),
        cmocka_unit_test(test_groups_stand_together),
        cmocka_unit_test(test_defaults_are_valid),
        cmocka_unit_test(test_writing_the_defaults_changes_nothing),
        cmocka_unit_test(test_documentation_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
