/* The record format: what the writer wrote the reader reads; what does not fit is left out whole; damage is
 * refused. */
#include "front/record.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static uint64_t space[OBSVI_RECORD_BYTES_MAX / 8];

static struct obsvi_writer begin(size_t bytes)
{
    struct obsvi_writer w;
    obsvi_writer_begin(&w, space, bytes, 123456789, 13);
    return w;
}

static struct obsvi_record finish(struct obsvi_writer *w)
{
    struct obsvi_record r;
    size_t n = obsvi_writer_end(w);
    assert_true(n >= sizeof(struct obsvi_record_head) && n % 8 == 0);
    assert_true(obsvi_record_read(&r, space, n));
    return r;
}

static void assert_str(struct obsvi_str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static struct obsvi_value next_entry(struct obsvi_cursor *c, const char *key)
{
    struct obsvi_str k;
    struct obsvi_value v;
    assert_true(obsvi_read_entry(c, &k, &v));
    assert_str(k, key);
    return v;
}

static struct obsvi_value next_item(struct obsvi_cursor *c)
{
    struct obsvi_value v;
    assert_true(obsvi_read_item(c, &v));
    return v;
}

static void test_every_part_comes_back(void **state)
{
    (void)state;
    static const uint8_t trace[16] = {1, 2}, span[8] = {3, 4};
    struct obsvi_writer w = begin(4096);
    obsvi_writer_logger(&w, "trade-exec", 10);
    obsvi_writer_level(&w, "WARNING", 7);
    obsvi_writer_body(&w, "order rejected", 14);
    obsvi_writer_event(&w, "order_rejected", 14);
    obsvi_writer_attr_str(&w, "symbol", 6, "BTC-USD", 7);
    obsvi_writer_attr_i64(&w, "qty", 3, INT64_MIN);
    obsvi_writer_attr_open(&w, "px", 2, OBSVI_F64);
    obsvi_writer_value_f64(&w, -0.5);
    obsvi_writer_attr_close(&w);
    obsvi_writer_attr_open(&w, "live", 4, OBSVI_BOOL);
    obsvi_writer_value_bool(&w, true);
    obsvi_writer_attr_close(&w);
    obsvi_writer_attr_open(&w, "none", 4, OBSVI_NULL);
    obsvi_writer_attr_close(&w);
    obsvi_writer_attr_open(&w, "raw", 3, OBSVI_BYTES);
    obsvi_writer_value_bytes(&w, "\0\1", 2);
    obsvi_writer_attr_close(&w);
    obsvi_writer_attr_open(&w, "cut", 3, OBSVI_STR_CUT);
    obsvi_writer_value_cut(&w, "abc", 3, 99);
    obsvi_writer_attr_close(&w);
    obsvi_writer_exception(&w, OBSVI_STR("ValueError"), OBSVI_STR("bad"), OBSVI_STR("Traceback"));
    obsvi_writer_trace(&w, trace, span, 1);

    struct obsvi_record r = finish(&w);
    assert_int_equal(r.head->time_ns, 123456789);
    assert_int_equal(r.head->severity, 13);
    assert_str(r.logger, "trade-exec");
    assert_str(r.level, "WARNING");
    assert_str(r.body, "order rejected");
    assert_str(r.event, "order_rejected");
    assert_int_equal(r.head->attr_count, 7);
    struct obsvi_cursor c = r.attrs;
    assert_str(next_entry(&c, "symbol").str, "BTC-USD");
    assert_true(next_entry(&c, "qty").i64 == INT64_MIN);
    assert_true(next_entry(&c, "px").f64 == -0.5);
    assert_true(next_entry(&c, "live").boolean);
    assert_int_equal(next_entry(&c, "none").type, OBSVI_NULL);
    assert_int_equal(next_entry(&c, "raw").str.len, 2);
    struct obsvi_value cut = next_entry(&c, "cut");
    assert_int_equal(cut.type, OBSVI_STR);
    assert_int_equal(cut.original_bytes, 99);
    assert_str(cut.str, "abc");
    struct obsvi_str key;
    struct obsvi_value v;
    assert_false(obsvi_read_entry(&c, &key, &v));
    assert_false(c.failed);
    assert_str(r.exception_type.str, "ValueError");
    assert_str(r.exception_message.str, "bad");
    assert_str(r.exception_stacktrace.str, "Traceback");
    assert_memory_equal(r.trace_id, trace, 16);
    assert_memory_equal(r.span_id, span, 8);
    assert_int_equal(r.trace_flags, 1);
}

static void test_containers_nest(void **state)
{
    (void)state;
    struct obsvi_writer w = begin(4096);
    obsvi_writer_attr_open(&w, "m", 1, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(&w);
    obsvi_writer_entry_open(&w, "list", 4, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(&w);
    obsvi_writer_item_open(&w, OBSVI_I64);
    obsvi_writer_value_i64(&w, 7);
    obsvi_writer_item_open(&w, OBSVI_ARRAY);
    obsvi_writer_container_close(&w, obsvi_writer_container_open(&w));
    obsvi_writer_container_close(&w, list);
    obsvi_writer_entry_open(&w, "s", 1, OBSVI_STR);
    obsvi_writer_value_bytes(&w, "x", 1);
    obsvi_writer_container_close(&w, map);
    obsvi_writer_attr_close(&w);

    struct obsvi_record r = finish(&w);
    struct obsvi_cursor c = r.attrs;
    struct obsvi_cursor entries = next_entry(&c, "m").items;
    struct obsvi_cursor items = next_entry(&entries, "list").items;
    assert_int_equal(next_item(&items).i64, 7);
    struct obsvi_value empty = next_item(&items);
    assert_int_equal(empty.type, OBSVI_ARRAY);
    assert_int_equal(obsvi_cursor_left(&empty.items), 0);
    struct obsvi_value v;
    assert_false(obsvi_read_item(&items, &v));
    assert_str(next_entry(&entries, "s").str, "x");
}

static void test_an_attribute_that_does_not_fit_is_dropped_whole(void **state)
{
    (void)state;
    static char big[1000];
    memset(big, 'x', sizeof big);
    struct obsvi_writer w = begin(512);
    obsvi_writer_attr_i64(&w, "first", 5, 1);
    obsvi_writer_attr_str(&w, "big", 3, big, sizeof big);
    obsvi_writer_attr_open(&w, "list", 4, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(&w);
    for (int i = 0; i < 100; i++) {
        obsvi_writer_item_open(&w, OBSVI_I64);
        obsvi_writer_value_i64(&w, i);
    }
    obsvi_writer_container_close(&w, list);
    obsvi_writer_attr_close(&w);
    obsvi_writer_attr_i64(&w, "last", 4, 2);
    struct obsvi_record r = finish(&w);
    assert_int_equal(r.head->attr_count, 2);
    assert_int_equal(r.head->attrs_dropped_count, 2);
    struct obsvi_cursor c = r.attrs;
    assert_int_equal(next_entry(&c, "first").i64, 1);
    assert_int_equal(next_entry(&c, "last").i64, 2);
}

static void test_a_dropped_schema_key_keeps_its_position(void **state)
{
    (void)state;
    static char big[1000];
    struct obsvi_writer w = begin(512);
    obsvi_writer_attr_str(&w, NULL, OBSVI_KEY_FROM_SCHEMA, big, sizeof big);
    obsvi_writer_attr_i64(&w, NULL, OBSVI_KEY_FROM_SCHEMA, 5);
    struct obsvi_record r = finish(&w);
    assert_int_equal(r.head->attr_count, 2);
    assert_int_equal(r.head->attrs_dropped_count, 1);
    struct obsvi_cursor c = r.attrs;
    struct obsvi_str key;
    struct obsvi_value v;
    assert_true(obsvi_read_entry(&c, &key, &v));
    assert_int_equal(v.type, OBSVI_OMITTED);
    assert_true(obsvi_read_entry(&c, &key, &v));
    assert_null(key.ptr);
    assert_int_equal(key.len, OBSVI_KEY_FROM_SCHEMA);
    assert_int_equal(v.i64, 5);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    size_t n = OBSVI_TEXT_BYTES_MAX + 1000;
    char *text = malloc(n + 2);
    for (size_t i = 0; i < n; i += 3)
        memcpy(text + i, "\xe6\x95\xb0", i + 3 <= n + 2 ? 3 : n + 2 - i);
    n = n / 3 * 3;
    struct obsvi_writer w = begin(sizeof space);
    obsvi_writer_body(&w, text, n);
    obsvi_writer_attr_str(&w, "k", 1, text, 3000);
    struct obsvi_record r = finish(&w);
    assert_true(r.head->flags & OBSVI_BODY_CUT);
    assert_int_equal(r.head->body_original_bytes, n);
    assert_int_equal(r.body.len, OBSVI_TEXT_BYTES_MAX / 3 * 3);
    struct obsvi_cursor c = r.attrs;
    assert_int_equal(next_entry(&c, "k").original_bytes, 0);
    free(text);
}

static void test_a_long_attribute_is_cut_and_says_its_length(void **state)
{
    (void)state;
    size_t n = 1024 * 1024;
    char *text = malloc(n);
    memset(text, 'x', n);
    struct obsvi_writer w = begin(sizeof space);
    obsvi_writer_attr_str(&w, "k", 1, text, n);
    struct obsvi_record r = finish(&w);
    struct obsvi_cursor c = r.attrs;
    struct obsvi_value v = next_entry(&c, "k");
    assert_int_equal(v.str.len, OBSVI_TEXT_BYTES_MAX);
    assert_int_equal(v.original_bytes, n);
    free(text);
}

static void test_a_stack_trace_keeps_head_and_tail(void **state)
{
    (void)state;
    size_t n = 200 * 1024;
    char *trace = malloc(n);
    memset(trace, '.', n);
    memcpy(trace, "HEAD", 4);
    memcpy(trace + n - 4, "TAIL", 4);
    struct obsvi_writer w = begin(sizeof space);
    obsvi_writer_exception(&w, OBSVI_STR("E"), (struct obsvi_str){0}, (struct obsvi_str){trace, n});
    struct obsvi_record r = finish(&w);
    assert_int_equal(r.exception_message.type, OBSVI_NULL);
    struct obsvi_value v = r.exception_stacktrace;
    assert_true(v.str.len <= OBSVI_STACKTRACE_BYTES_MAX && v.str.len > OBSVI_STACKTRACE_BYTES_MAX - 128);
    assert_int_equal(v.original_bytes, n);
    assert_memory_equal(v.str.ptr, "HEAD", 4);
    assert_memory_equal(v.str.ptr + v.str.len - 4, "TAIL", 4);
    assert_non_null(memmem(v.str.ptr, v.str.len, " bytes left out]", 16));
    free(trace);
}

static void test_an_exception_finds_room_after_huge_attributes(void **state)
{
    (void)state;
    static char text[100 * 1024];
    struct obsvi_writer w = begin(sizeof space);
    for (int i = 0; i < 4; i++)
        obsvi_writer_attr_str(&w, "k", 1, text, sizeof text);
    obsvi_writer_exception(&w, OBSVI_STR("E"), OBSVI_STR("m"), (struct obsvi_str){text, sizeof text});
    struct obsvi_record r = finish(&w);
    assert_int_equal(r.head->attrs_dropped_count, 2);
    assert_int_equal(r.exception_stacktrace.type, OBSVI_STR);
    assert_true(r.exception_stacktrace.str.len > 4096);
}

static void test_no_space_is_too_small_to_be_safe(void **state)
{
    (void)state;
    static const uint8_t id[16] = {1};
    static char text[300];
    for (size_t bytes = 0; bytes < 400; bytes += 8) {
        uint64_t *exact = malloc(bytes + 8); /* the sanitizer watches its end */
        uint64_t *at = bytes ? exact + 1 : exact;
        struct obsvi_writer w;
        obsvi_writer_begin(&w, at, bytes, 1, 1);
        obsvi_writer_logger(&w, text, 20);
        obsvi_writer_level(&w, text, 20);
        obsvi_writer_body(&w, text, sizeof text);
        obsvi_writer_event(&w, text, 20);
        obsvi_writer_attr_str(&w, "key", 3, text, 100);
        obsvi_writer_attr_i64(&w, NULL, OBSVI_KEY_FROM_SCHEMA, 1);
        struct obsvi_str t = {text, 200};
        obsvi_writer_exception(&w, t, t, t);
        obsvi_writer_trace(&w, id, id, 0);
        size_t n = obsvi_writer_end(&w);
        struct obsvi_record r;
        if (bytes < sizeof(struct obsvi_record_head))
            assert_int_equal(n, 0);
        else
            assert_true(n <= bytes && obsvi_record_read(&r, at, n));
        free(exact);
    }
}

static void walk(struct obsvi_cursor c, bool is_map, unsigned depth)
{
    struct obsvi_str key;
    struct obsvi_value v;
    while (is_map ? obsvi_read_entry(&c, &key, &v) : obsvi_read_item(&c, &v)) {
        if (v.type == OBSVI_STR || v.type == OBSVI_BYTES)
            assert_true(v.str.len == 0 || v.str.ptr[0] + v.str.ptr[v.str.len - 1] < 1000);
        if ((v.type == OBSVI_ARRAY || v.type == OBSVI_MAP) && depth < OBSVI_DEPTH_MAX)
            walk(v.items, v.type == OBSVI_MAP, depth + 1);
    }
}

/* Every byte of a real record set to several values in turn, and every shorter length: read or refused, never
 * out of bounds. */
static void test_damage_is_never_read_out_of_bounds(void **state)
{
    (void)state;
    static const uint8_t id[16] = {1};
    static const uint8_t values[] = {0, 1, 2, 7, 8, 9, 10, 0x7f, 0x80, 0xff};
    struct obsvi_writer w = begin(1024);
    obsvi_writer_logger(&w, "log", 3);
    obsvi_writer_body(&w, "body", 4);
    obsvi_writer_attr_str(&w, "symbol", 6, "BTC", 3);
    obsvi_writer_attr_open(&w, "m", 1, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(&w);
    obsvi_writer_entry_open(&w, "a", 1, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(&w);
    obsvi_writer_item_open(&w, OBSVI_F64);
    obsvi_writer_value_f64(&w, 1);
    obsvi_writer_container_close(&w, list);
    obsvi_writer_container_close(&w, map);
    obsvi_writer_attr_close(&w);
    obsvi_writer_exception(&w, OBSVI_STR("E"), OBSVI_STR("m"), OBSVI_STR("t"));
    obsvi_writer_trace(&w, id, id, 0);
    size_t n = obsvi_writer_end(&w);
    unsigned refused = 0, read = 0;
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < sizeof values; i++) {
            uint8_t *copy = malloc(n);
            memcpy(copy, space, n);
            copy[at] = values[i];
            struct obsvi_record r;
            if (obsvi_record_read(&r, copy, n)) {
                walk(r.attrs, true, 0);
                read++;
            } else {
                refused++;
            }
            free(copy);
        }
    assert_true(refused > 100 && read > 100);
    struct obsvi_record r;
    for (size_t shorter = 0; shorter < n; shorter++)
        assert_false(obsvi_record_read(&r, space, shorter));
    assert_false(obsvi_record_read(&r, (uint8_t *)space + 1, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_comes_back),
        cmocka_unit_test(test_containers_nest),
        cmocka_unit_test(test_an_attribute_that_does_not_fit_is_dropped_whole),
        cmocka_unit_test(test_a_dropped_schema_key_keeps_its_position),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_a_long_attribute_is_cut_and_says_its_length),
        cmocka_unit_test(test_a_stack_trace_keeps_head_and_tail),
        cmocka_unit_test(test_an_exception_finds_room_after_huge_attributes),
        cmocka_unit_test(test_no_space_is_too_small_to_be_safe),
        cmocka_unit_test(test_damage_is_never_read_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
