/* Limits, duplicates and marks: what both sinks will say of a record. */
#include "unit/encode/rig.h"

static const struct obsvi_view *load(struct rig *rig)
{
    rig_load(rig);
    return &rig->encoder->view;
}

static struct obsvi_cost cost_in_loki(const struct obsvi_view *view)
{
    struct obsvi_cost sum = {0, 0};
    for (uint32_t i = 0; i < view->attr_count; i++) {
        struct obsvi_cost one = obsvi_mend_measure(&view->attrs[i].value, view->attrs[i].key->text.len);
        sum.bytes += one.bytes;
        sum.entries += one.entries;
    }
    return sum;
}

static void assert_within_loki(const struct obsvi_view *view)
{
    struct obsvi_cost sum = cost_in_loki(view);
    assert_true(sum.bytes <= OBSVI_LOKI_METADATA_BYTES_MAX);
    assert_true(sum.entries <= OBSVI_LOKI_ENTRIES_MAX - 7);
}

static void test_the_last_of_two_equal_keys_wins_in_the_first_place(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    rig_i64(rig, "a", 1);
    rig_i64(rig, "b", 2);
    rig_i64(rig, "a", 3);
    assert_contains(rig_line(rig), ",\"a\":3,\"b\":2,\"dropped_attributes_count\":1}");
    rig_free(rig);
}

static void test_renamed_keys_stay_unique(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    rig_i64(rig, "level", 1);
    rig_i64(rig, "extra_level", 2);
    rig_i64(rig, "_", 3);
    rig_i64(rig, "key_5f", 4);
    assert_contains(rig_line(rig),
                    ",\"extra_level\":1,\"extra_extra_level\":2,\"key_5f\":3,\"extra_key_5f\":4,"
                    "\"log_repair\":\"key\"}");
    rig_begin(rig, "x"); /* the other way round; and nothing is left over from the record before */
    rig_i64(rig, "extra_level", 2);
    rig_i64(rig, "level", 1);
    assert_contains(rig_line(rig), ",\"extra_level\":2,\"extra_extra_level\":1}");
    rig_free(rig);
}

/* {outer: {inner: value}} */
static void nest(struct rig *rig, const char *outer, const char *inner, const char *value)
{
    struct obsvi_writer *w = &rig->w;
    obsvi_writer_attr_open(w, outer, strlen(outer), OBSVI_MAP);
    size_t mark = obsvi_writer_container_open(w);
    obsvi_writer_entry_open(w, inner, strlen(inner), OBSVI_STR);
    obsvi_writer_value_bytes(w, value, strlen(value));
    obsvi_writer_container_close(w, mark);
    obsvi_writer_attr_close(w);
}

static void test_a_map_whose_leaf_would_be_a_field_in_loki_is_renamed(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    nest(rig, "log", "Level", "v");
    nest(rig, "extra_log", "a", "v");
    nest(rig, "detected__", "_level", "v");
    nest(rig, "trace", "id", "v");
    nest(rig, "trace.", "a", "v"); /* no leaf of the name */
    nest(rig, "logs", "level", "v");
    nest(rig, "scope", "name_of_a_scope_that_is_longer_than_any_field", "v");
    assert_contains(rig_line(rig), ",\"extra_extra_log\":{\"Level\":\"v\"},\"extra_log\":{\"a\":\"v\"},"
                                   "\"extra_detected__\":{\"_level\":\"v\"},\"extra_trace\":{\"id\":\"v\"},"
                                   "\"trace.\":{\"a\":\"v\"},\"logs\":{\"level\":\"v\"},"
                                   "\"scope\":{\"name_of_a_scope_that_is_longer_than_any_field\":\"v\"}}");
    rig_begin(rig, "x"); /* the name alone is harmless */
    nest(rig, "log", "file", "v");
    rig_i64(rig, "trace", 1);
    assert_contains(rig_line(rig), ",\"log\":{\"file\":\"v\"},\"trace\":1}");
    rig_free(rig);
}

/* What OTLP carries is what Loki flattens: maps in maps, but not those in arrays. */
static void test_a_renamed_map_has_one_name_in_both_sinks(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.protocol = OBSVI_HTTP_JSON;
    struct obsvi_writer *w = rig_begin(rig, "x");
    size_t marks[2];
    obsvi_writer_attr_open(w, "dropped", 7, OBSVI_MAP);
    marks[0] = obsvi_writer_container_open(w);
    obsvi_writer_entry_open(w, "attributes", 10, OBSVI_MAP);
    marks[1] = obsvi_writer_container_open(w);
    obsvi_writer_entry_open(w, "a", 1, OBSVI_NULL);
    obsvi_writer_entry_open(w, "count", 5, OBSVI_NULL);
    obsvi_writer_container_close(w, marks[1]);
    obsvi_writer_container_close(w, marks[0]);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "log", 3, OBSVI_ARRAY);
    marks[0] = obsvi_writer_container_open(w);
    obsvi_writer_item_open(w, OBSVI_MAP);
    marks[1] = obsvi_writer_container_open(w);
    obsvi_writer_entry_open(w, "level", 5, OBSVI_NULL);
    obsvi_writer_container_close(w, marks[1]);
    obsvi_writer_container_close(w, marks[0]);
    obsvi_writer_attr_close(w);
    nest(rig, "severity", "text", "v");
    nest(rig, "detected", "level", "v");
    assert_contains(
        rig_line(rig),
        ",\"extra_dropped\":{\"attributes\":{\"a\":null,\"count\":null}},\"log\":[{\"level\":null}],"
        "\"extra_severity\":{\"text\":\"v\"},\"extra_detected\":{\"level\":\"v\"}}");
    struct obsvi_batch_body *body = obsvi_batch_body_new(&rig->config);
    assert_true(obsvi_encoder_otlp(rig->encoder, body));
    obsvi_bytes_clear(&rig->line);
    bool is_gzip;
    assert_true(obsvi_batch_body_seal(body, &rig->line, &is_gzip));
    obsvi_bytes_put_u8(&rig->line, 0);
    const char *request = (char *)rig->line.data;
    assert_contains(request, "{\"key\":\"extra_dropped\",\"value\":{\"kvlistValue\"");
    assert_contains(request, "{\"key\":\"log\",\"value\":{\"arrayValue\"");
    assert_contains(request, "{\"key\":\"extra_severity\",\"value\":{\"kvlistValue\"");
    assert_contains(request, "{\"key\":\"extra_detected\",\"value\":{\"kvlistValue\"");
    obsvi_batch_body_free(body);
    rig_free(rig);
}

static void test_event_collides_only_where_the_line_has_one(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    rig_i64(rig, "event", 1);
    assert_contains(rig_line(rig), ",\"event\":1}");
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_event(w, "e", 1);
    rig_i64(rig, "event", 1);
    assert_contains(rig_line(rig), ",\"event\":\"e\",\"extra_event\":1}");
    rig_free(rig);
}

static void test_a_users_exception_attribute_wins_over_ours(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    rig_str(rig, "exception.type", "mine");
    obsvi_writer_exception(w, OBSVI_STR("theirs"), OBSVI_STR("m"), (struct obsvi_str){0});
    const struct obsvi_view *view = load(rig);
    assert_int_equal(view->attr_count, 2);
    assert_memory_equal(view->attrs[0].value.str.ptr, "mine", 4);
    assert_int_equal(view->attrs[0].sinks, OBSVI_TO_BOTH);
    assert_memory_equal(view->attrs[1].key->text.ptr, "exception.message", 17);
    assert_int_equal(view->attrs[1].sinks, OBSVI_TO_OTLP);
    rig_free(rig);
}

static void test_an_unusual_level_name_is_kept_beside_the_canonical_one(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_begin(w, rig->space, sizeof rig->space, 0, 12);
    obsvi_writer_level(w, "NOTICE", 6);
    const struct obsvi_view *view = load(rig);
    assert_memory_equal(view->severity_text.ptr, "INFO", 4);
    assert_int_equal(view->attr_count, 1);
    assert_memory_equal(view->attrs[0].key->text.ptr, "level_name", 10);
    assert_int_equal(view->attrs[0].sinks, OBSVI_TO_OTLP);
    obsvi_writer_begin(w, rig->space, sizeof rig->space, 0, 13);
    obsvi_writer_level(w, "warning", 7);
    assert_int_equal(load(rig)->attr_count, 0);
    rig_free(rig);
}

static void test_the_count_limit_drops_the_newest(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.attr_count_limit = 2;
    rig_begin(rig, "x");
    rig_i64(rig, "a", 1);
    rig_i64(rig, "b", 2);
    rig_i64(rig, "c", 3);
    rig_i64(rig, "a", 4);
    assert_contains(rig_line(rig), ",\"a\":4,\"b\":2,\"dropped_attributes_count\":2}");
    rig_free(rig);
}

static void test_130_attributes_leave_room_for_lokis_own(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    for (int i = 0; i < 130; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        rig_i64(rig, key, i);
    }
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_true(view->attr_count >= 110);
    assert_int_equal(view->attr_count + view->dropped_count, 130);
    rig_free(rig);
}

static void put_map(struct rig *rig, const char *key, int leaves)
{
    struct obsvi_writer *w = &rig->w;
    obsvi_writer_attr_open(w, key, strlen(key), OBSVI_MAP);
    size_t map = obsvi_writer_container_open(w);
    for (int i = 0; i < leaves; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "leaf%d", i);
        obsvi_writer_entry_open(w, name, (size_t)n, OBSVI_I64);
        obsvi_writer_value_i64(w, i);
    }
    obsvi_writer_container_close(w, map);
    obsvi_writer_attr_close(w);
}

static void test_leaves_of_maps_count(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig_begin(rig, "x");
    put_map(rig, "small", 10);
    put_map(rig, "big", 500);
    rig_i64(rig, "after", 1);
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_true(cost_in_loki(view).entries > 100);
    assert_int_equal(view->dropped_count, 1);
    const char *line = rig_line_of_loaded(rig);
    assert_contains(line, "\"leaf9\":9},\"big\":{\"leaf0\":0,\"leaf1\":1,");
    assert_contains(line, "\"log_repair\":\"truncated\"");
    assert_lacks(line, "leaf499");
    rig_free(rig);
}

static void test_a_huge_attribute_is_cut_and_the_small_ones_stay(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    char *big = filled('x', 70000);
    rig_begin(rig, "x");
    rig_str(rig, "before", "whole");
    rig_str(rig, "big", big);
    rig_str(rig, "after", "whole");
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_int_equal(view->dropped_count, 0);
    size_t kept = view->attrs[1].value.str.len;
    assert_true(kept > 50000);
    const char *line = rig_line_of_loaded(rig);
    assert_contains(line, "\"before\":\"whole\",\"big\":\"xxx");
    assert_contains(line, "bytes]\",\"after\":\"whole\",\"log_repair\":\"truncated\"}");
    const char *mark = strstr(line, "x\xe2\x80\xa6[+");
    assert_non_null(mark);
    size_t x_count = (size_t)(mark + 1 - (strstr(line, "\"big\":\"") + 7));
    assert_int_equal(x_count + strtoul(mark + 6, NULL, 10), 70000);
    free(big);
    rig_free(rig);
}

static void test_what_the_caller_cut_is_in_the_mark(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_attr_open(w, "k", 1, OBSVI_STR_CUT);
    obsvi_writer_value_cut(w, "abc", 3, 1000003);
    obsvi_writer_attr_close(w);
    assert_contains(rig_line(rig), "\"k\":\"abc\xe2\x80\xa6[+1000000 bytes]\",\"log_repair\":\"truncated\"");
    rig_free(rig);
}

static void test_many_big_attributes_share_the_room(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    char *big = filled('x', 4000);
    rig_begin(rig, "x");
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        rig_str(rig, key, big);
    }
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_int_equal(view->dropped_count, 0);
    for (uint32_t i = 0; i < 40; i++)
        assert_true(view->attrs[i].value.str.len > 1200);
    free(big);
    rig_free(rig);
}

static void test_big_arrays_lose_their_last_items(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_attr_open(w, "k", 1, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(w);
    for (int i = 0; i < 10000; i++) {
        obsvi_writer_item_open(w, OBSVI_STR);
        obsvi_writer_value_bytes(w, "<item>\n", 7);
    }
    obsvi_writer_container_close(w, list);
    obsvi_writer_attr_close(w);
    rig_i64(rig, "after", 1);
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_int_equal(view->dropped_count, 0);
    assert_contains(rig_line_of_loaded(rig), "\"k\":[\"<item>\\n\",\"<item>\\n\",");
    rig_free(rig);
}

static void test_body_and_stack_trace_limits(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    char *body = filled('b', 300000), *trace = filled('t', 100000);
    memcpy(trace, "HEAD", 4);
    memcpy(trace + 99996, "TAIL", 4);
    struct obsvi_writer *w = rig_begin(rig, body);
    obsvi_writer_exception(w, OBSVI_STR("E"), OBSVI_STR("m"), obsvi_str_of(trace));
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_true(view->body.len <= OBSVI_LOKI_LINE_BYTES_MAX && view->body.len >= OBSVI_TEXT_BYTES_MAX);
    assert_true(view->exception_stacktrace.str.len <= OBSVI_VIEW_STACKTRACE_BYTES_MAX);
    const char *line = rig_line_of_loaded(rig);
    char mark[64];
    snprintf(mark, sizeof mark, "b\xe2\x80\xa6[+%d bytes]", 300000 - OBSVI_TEXT_BYTES_MAX);
    assert_contains(line, mark);
    assert_contains(line, "\"stacktrace\":\"HEADttt");
    assert_contains(line, " bytes left out] ...\\nttt");
    assert_contains(line, "tttTAIL\"");
    free(body);
    free(trace);
    rig_free(rig);
}

static void test_invalid_bytes_may_triple_and_stay_within_limits(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    char *bad = filled('\xff', 120000);
    struct obsvi_writer *w = rig_begin(rig, bad);
    rig_str(rig, "k", bad);
    obsvi_writer_exception(w, OBSVI_STR("E"), obsvi_str_of(bad), obsvi_str_of(bad));
    const struct obsvi_view *view = load(rig);
    assert_within_loki(view);
    assert_true(view->body.len <= OBSVI_LOKI_LINE_BYTES_MAX);
    assert_contains(rig_line_of_loaded(rig), "\"log_repair\":\"truncated,utf8\"");
    free(bad);
    rig_free(rig);
}

static void test_the_users_length_limit_is_exact_and_in_characters(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->config.attr_value_length_limit = 3;
    struct obsvi_writer *w = rig_begin(rig, "the body is not limited");
    rig_str(rig, "s", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    rig_str(rig, "fits", "abc");
    obsvi_writer_attr_open(w, "raw", 3, OBSVI_BYTES);
    obsvi_writer_value_bytes(w, "foobar", 6);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "l", 1, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(w);
    obsvi_writer_item_open(w, OBSVI_STR);
    obsvi_writer_value_bytes(w, "abcdef", 6);
    obsvi_writer_item_open(w, OBSVI_I64);
    obsvi_writer_value_i64(w, 12345);
    obsvi_writer_container_close(w, list);
    obsvi_writer_attr_close(w);
    const char *line = rig_line(rig);
    assert_contains(line, "\"message\":\"the body is not limited\"");
    assert_contains(line, ",\"s\":\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\",\"fits\":\"abc\",\"raw\":\"Zm9v\","
                          "\"l\":[\"abc\",12345]}");
    rig_free(rig);
}

static void test_nested_keys_are_repaired_and_unique(void **state)
{
    (void)state;
    static const char *const names[] = {"", "a", "\xe6\x95\xb0", "a", "level"};
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    obsvi_writer_attr_open(w, "m", 1, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(w);
    for (int i = 0; i < 5; i++) {
        obsvi_writer_entry_open(w, names[i], strlen(names[i]), OBSVI_I64);
        obsvi_writer_value_i64(w, i);
    }
    obsvi_writer_container_close(w, map);
    obsvi_writer_attr_close(w);
    assert_contains(rig_line(rig), ",\"m\":{\"key_empty\":0,\"key_e695b0\":2,\"a\":3,\"level\":4},"
                                   "\"log_repair\":\"key,duplicate\"}");
    rig_free(rig);
}

static void test_depth_ends_at_64(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    for (int levels = OBSVI_DEPTH_MAX; levels <= OBSVI_DEPTH_MAX + 1; levels++) {
        struct obsvi_writer *w = rig_begin(rig, "x");
        size_t marks[OBSVI_DEPTH_MAX + 1];
        obsvi_writer_attr_open(w, "k", 1, OBSVI_ARRAY);
        for (int i = 0; i < levels; i++) {
            marks[i] = obsvi_writer_container_open(w);
            obsvi_writer_item_open(w, i + 1 < levels ? OBSVI_ARRAY : OBSVI_NULL);
        }
        for (int i = levels; i > 0; i--)
            obsvi_writer_container_close(w, marks[i - 1]);
        obsvi_writer_attr_close(w);
        const char *line = rig_line(rig);
        char expected[2 * OBSVI_DEPTH_MAX + 16] = "";
        memset(expected, '[', OBSVI_DEPTH_MAX);
        strcat(expected, levels > OBSVI_DEPTH_MAX ? "[]]" : "null]");
        assert_contains(line, levels > OBSVI_DEPTH_MAX ? expected + 1 : expected);
        assert_int_equal(strstr(line, "\"log_repair\":\"depth\"") != NULL, levels > OBSVI_DEPTH_MAX);
    }
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_of_two_equal_keys_wins_in_the_first_place),
        cmocka_unit_test(test_renamed_keys_stay_unique),
        cmocka_unit_test(test_a_map_whose_leaf_would_be_a_field_in_loki_is_renamed),
        cmocka_unit_test(test_a_renamed_map_has_one_name_in_both_sinks),
        cmocka_unit_test(test_event_collides_only_where_the_line_has_one),
        cmocka_unit_test(test_a_users_exception_attribute_wins_over_ours),
        cmocka_unit_test(test_an_unusual_level_name_is_kept_beside_the_canonical_one),
        cmocka_unit_test(test_the_count_limit_drops_the_newest),
        cmocka_unit_test(test_130_attributes_leave_room_for_lokis_own),
        cmocka_unit_test(test_leaves_of_maps_count),
        cmocka_unit_test(test_a_huge_attribute_is_cut_and_the_small_ones_stay),
        cmocka_unit_test(test_what_the_caller_cut_is_in_the_mark),
        cmocka_unit_test(test_many_big_attributes_share_the_room),
        cmocka_unit_test(test_big_arrays_lose_their_last_items),
        cmocka_unit_test(test_body_and_stack_trace_limits),
        cmocka_unit_test(test_invalid_bytes_may_triple_and_stay_within_limits),
        cmocka_unit_test(test_the_users_length_limit_is_exact_and_in_characters),
        cmocka_unit_test(test_nested_keys_are_repaired_and_unique),
        cmocka_unit_test(test_depth_ends_at_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
