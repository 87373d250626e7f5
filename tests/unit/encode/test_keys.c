/* Keys: repair of those that Loki refuses, renaming of those that collide, and a table that does not grow for
 * ever. */
#include "unit/encode/rig.h"

static struct obsvi_keys keys;

static int open_keys(void **state)
{
    (void)state;
    return obsvi_keys_init(&keys) ? 0 : -1;
}

static int close_keys(void **state)
{
    (void)state;
    obsvi_keys_fini(&keys);
    return 0;
}

static void assert_final(const char *original, const char *expected)
{
    struct obsvi_key *key = obsvi_keys_find(&keys, obsvi_str_of(original));
    assert_non_null(key);
    struct obsvi_str text = key->final->text;
    if (text.len != strlen(expected) || memcmp(text.ptr, expected, text.len) != 0)
        fail_msg("%s became %.*s, not %s", original, (int)text.len, text.ptr, expected);
}

static void test_ordinary_keys_stay(void **state)
{
    (void)state;
    static const char *const ordinary[] = {
        "symbol",
        "order_id",
        "a.b",
        "1",
        "_x",
        "__x__",
        "http.request.method",
        "Message",
        "TRACE_ID",
        "levels",
        "log",
        "event",
        "level_name",
        "\xe6\x95\xb0"
        "a",
        "key with space",
        "exception.type",
        "code.file.path",
        "service.name",
    };
    for (size_t i = 0; i < sizeof ordinary / sizeof *ordinary; i++)
        assert_final(ordinary[i], ordinary[i]);
}

static void test_keys_that_loki_refuses_are_repaired(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"", "key_empty"},  {"_", "key_5f"},
        {"!!", "key_2121"}, {"\xe6\x95\xb0\xe9\x87\x8f", "key_e695b0e9878f"},
        {"\xff", "key_ff"}, {"a\xff", "a\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_final(table[i][0], table[i][1]);
        assert_true(obsvi_keys_find(&keys, obsvi_str_of(table[i][0]))->is_repaired);
    }
}

static void test_long_keys_are_cut(void **state)
{
    (void)state;
    static char key[3001];
    memset(key, 'k', 3000);
    assert_int_equal(obsvi_keys_find(&keys, obsvi_str_of(key))->final->text.len, OBSVI_KEY_BYTES_MAX);
    memset(key, '_', 3000); /* normalises to trace_id */
    memcpy(key, "trace", 5);
    memcpy(key + 1022, "id", 2);
    key[1024] = '\0';
    struct obsvi_str text = obsvi_keys_find(&keys, obsvi_str_of(key))->final->text;
    assert_int_equal(text.len, OBSVI_KEY_BYTES_MAX);
    assert_memory_equal(text.ptr, "extra_trace_", 12);
    memset(key, '!', 1024);
    assert_int_equal(obsvi_keys_find(&keys, obsvi_str_of(key))->final->text.len, 4 + 64);
}

static void test_colliding_keys_get_a_prefix(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        /* the JSON line */
        "timestamp",
        "level",
        "logger",
        "message",
        "service",
        "env",
        "version",
        "exception",
        "trace_id",
        "span_id",
        /* Loki's level detection, every spelling in its default list */
        "LEVEL",
        "Level",
        "log.level",
        "severity",
        "SEVERITY",
        "Severity",
        "SeverityText",
        "lvl",
        "LVL",
        "Lvl",
        "severity_text",
        "Severity_Text",
        "SEVERITY_TEXT",
        "detected_level",
        "log_level",
        /* what Loki adds to an OTLP record */
        "scope_name",
        "scope_version",
        "severity_number",
        "observed_timestamp",
        "flags",
        "event_name",
        "dropped_attributes_count",
        /* the same after normalisation */
        "trace.id",
        "span-id",
        "scope__name",
        "detected-level",
        "event name",
        /* our mark */
        "log_repair",
    };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "extra_%s", reserved[i]);
        assert_final(reserved[i], expected);
        assert_false(obsvi_keys_find(&keys, obsvi_str_of(reserved[i]))->is_repaired);
    }
}

static void test_encoded_forms(void **state)
{
    (void)state;
    const struct obsvi_key *key = obsvi_keys_find(&keys, OBSVI_STR("a\"b"));
    assert_int_equal(key->json.len, 8);
    assert_memory_equal(key->json.ptr, ",\"a\\\"b\":", 8);
    assert_int_equal(key->otlp.len, 5);
    assert_memory_equal(key->otlp.ptr,
                        "\x0a\x03"
                        "a\"b",
                        5);
    assert_memory_equal(key->otlp_json.ptr, "{\"key\":\"a\\\"b\",\"value\":", key->otlp_json.len);
}

static void test_the_guess_of_the_next_key_is_only_a_guess(void **state)
{
    (void)state;
    struct obsvi_key *a = obsvi_keys_find_after(&keys, NULL, OBSVI_STR("a"));
    struct obsvi_key *b = obsvi_keys_find_after(&keys, a, OBSVI_STR("b"));
    assert_ptr_equal(obsvi_keys_find_after(&keys, a, OBSVI_STR("b")), b);
    struct obsvi_key *c = obsvi_keys_find_after(&keys, a, OBSVI_STR("c"));
    assert_memory_equal(c->text.ptr, "c", 1);
    assert_ptr_equal(obsvi_keys_find_after(&keys, NULL, OBSVI_STR("b")), b);
}

static void test_a_wrong_guess_is_noticed_at_every_byte_of_every_length(void **state)
{
    (void)state;
    char name[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t n = 1; n < 24; n++) {
        struct obsvi_key *right = obsvi_keys_find_after(&keys, NULL, (struct obsvi_str){name, n});
        assert_int_equal(right->original.len, n);
        for (size_t i = 0; i < n; i++) {
            name[i] ^= 0x20;
            struct obsvi_key *other = obsvi_keys_find_after(&keys, NULL, (struct obsvi_str){name, n});
            assert_ptr_not_equal(other, right);
            assert_memory_equal(other->original.ptr, name, n);
            name[i] ^= 0x20;
            assert_ptr_equal(obsvi_keys_find_after(&keys, NULL, (struct obsvi_str){name, n}), right);
        }
    }
}

static void test_the_table_is_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "order-%d", i);
        assert_true(obsvi_keys_trim(&keys));
        assert_non_null(obsvi_keys_find(&keys, obsvi_str_of(name)));
        assert_true(keys.count <= 2048);
        assert_non_null(keys.own[OBSVI_OWN_LOG_REPAIR]);
    }
    assert_null(obsvi_keys_peek(&keys, OBSVI_STR("order-0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_keys_stay),
        cmocka_unit_test(test_keys_that_loki_refuses_are_repaired),
        cmocka_unit_test(test_long_keys_are_cut),
        cmocka_unit_test(test_colliding_keys_get_a_prefix),
        cmocka_unit_test(test_encoded_forms),
        cmocka_unit_test(test_the_guess_of_the_next_key_is_only_a_guess),
        cmocka_unit_test(test_a_wrong_guess_is_noticed_at_every_byte_of_every_length),
        cmocka_unit_test(test_the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, open_keys, close_keys);
}
