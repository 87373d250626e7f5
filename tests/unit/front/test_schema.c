/* Call-site schemas: what is registered comes back, and a full table says no instead of failing. */
#include "front/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void assert_text(struct obsvi_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_comes_back_as_it_was_given(void **state)
{
    (void)state;
    char event[] = "order_submitted";
    const char *keys[] = {"symbol", "qty"};
    uint32_t id = obsvi_schema_register(event, "venue.c", "submit", 42, keys, 2);
    memset(event, 'x', sizeof event - 1); /* the table has a copy */
    const struct obsvi_schema *s = obsvi_schema_get(id);
    assert_non_null(s);
    assert_text(s->event, "order_submitted");
    assert_text(s->file, "venue.c");
    assert_text(s->function, "submit");
    assert_int_equal(s->line, 42);
    assert_int_equal(s->key_count, 2);
    assert_text(s->keys[0], "symbol");
    assert_text(s->keys[1], "qty");
}

static void test_absent_texts_are_empty(void **state)
{
    (void)state;
    const struct obsvi_schema *s = obsvi_schema_get(obsvi_schema_register(NULL, NULL, NULL, 0, NULL, 0));
    assert_non_null(s);
    assert_int_equal(s->event.len + s->file.len + s->function.len, 0);
}

static void test_unknown_ids_are_nobody(void **state)
{
    (void)state;
    assert_null(obsvi_schema_get(0));
    assert_null(obsvi_schema_get(8000));
    assert_null(obsvi_schema_get(UINT32_MAX));
}

static void test_a_full_table_refuses(void **state)
{
    (void)state;
    uint32_t id = 1;
    int registered = 0;
    while (id != 0 && registered < 100000) {
        id = obsvi_schema_register("event", "file.c", "function", registered, NULL, 0);
        registered += id != 0;
    }
    assert_int_equal(id, 0);
    assert_true(registered > 1000);
    assert_int_equal(obsvi_schema_register("late", NULL, NULL, 0, NULL, 0), 0);
    assert_text(obsvi_schema_get(1)->event, "order_submitted"); /* older ones stay */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_as_it_was_given),
        cmocka_unit_test(test_absent_texts_are_empty),
        cmocka_unit_test(test_unknown_ids_are_nobody),
        cmocka_unit_test(test_a_full_table_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
