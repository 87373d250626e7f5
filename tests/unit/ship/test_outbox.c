/* The outbox: first in, first out; its sums always match its content; routine goes before important, and what
 * is in flight stays. */
#include "ship/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct obsvi_batch batch(const char *text, uint32_t record_count, bool is_important)
{
    struct obsvi_batch b = {.is_important = is_important};
    obsvi_bytes_put_text(&b.body, text);
    b.level_counts[is_important ? 4 : 2] = record_count;
    return b;
}

static void push(struct obsvi_outbox *o, const char *text, uint32_t record_count, bool is_important)
{
    struct obsvi_batch b = batch(text, record_count, is_important);
    assert_true(obsvi_outbox_push(o, &b));
    assert_null(b.body.data); /* taken over */
}

static void assert_sums(const struct obsvi_outbox *o)
{
    uint64_t bytes = 0, records = 0;
    const struct obsvi_batch *last = NULL;
    for (const struct obsvi_batch *b = o->oldest; b; b = b->next) {
        bytes += b->body.cap + sizeof *b;
        records += obsvi_batch_record_count(b);
        assert_true(!last || b->number >= last->number);
        last = b;
    }
    assert_int_equal(o->bytes, bytes);
    assert_int_equal(o->record_count, records);
    assert_ptr_equal(o->newest, last);
}

static void clear(struct obsvi_outbox *o)
{
    while (o->oldest)
        obsvi_outbox_remove(o, o->oldest);
    assert_sums(o);
    assert_int_equal(o->bytes, 0);
}

static void test_is_first_in_first_out(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "one", 1, false);
    push(&o, "two", 2, true);
    push(&o, "three", 3, false);
    assert_sums(&o);
    assert_memory_equal(o.oldest->body.data, "one", 3);
    assert_int_equal(o.oldest->body.cap, 3); /* no memory is held beyond the content */
    obsvi_outbox_remove(&o, o.oldest->next); /* from the middle */
    assert_sums(&o);
    obsvi_outbox_remove(&o, o.newest);
    assert_sums(&o);
    assert_memory_equal(o.oldest->body.data, "one", 3);
    clear(&o);
    push(&o, "four", 4, false);
    assert_int_equal(o.oldest->number, 4); /* numbers go on */
    clear(&o);
}

static void test_routine_goes_first_then_the_oldest_important(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "E1", 1, true);
    push(&o, "r1", 1, false);
    push(&o, "E2", 1, true);
    push(&o, "r2", 1, false);
    const char *const order[] = {"r1", "r2", "E1", "E2"};
    for (size_t i = 0; i < 4; i++) {
        struct obsvi_batch *least = obsvi_outbox_least(&o, false);
        assert_memory_equal(least->body.data, order[i], 2);
        assert_ptr_equal(obsvi_outbox_least(&o, true), i < 2 ? least : NULL);
        obsvi_outbox_remove(&o, least);
        assert_sums(&o);
    }
    assert_null(obsvi_outbox_least(&o, false));
}

static void test_what_is_in_flight_is_not_given_up(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "r1", 1, false);
    push(&o, "E1", 1, true);
    o.oldest->is_in_flight = true;
    assert_ptr_equal(obsvi_outbox_least(&o, false), o.newest);
    assert_null(obsvi_outbox_least(&o, true));
    o.newest->is_in_flight = true;
    assert_null(obsvi_outbox_least(&o, false));
    clear(&o);
}

static void test_halves_take_the_place_of_the_whole(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "before", 1, false);
    push(&o, "whole", 4, false);
    push(&o, "after", 1, false);
    struct obsvi_batch *whole = o.oldest->next;
    whole->sealed_ms = 77;
    struct obsvi_batch second = batch("second", 2, false), first = batch("first", 2, false);
    assert_true(obsvi_outbox_insert_after(&o, whole, &second));
    assert_true(obsvi_outbox_insert_after(&o, whole, &first));
    obsvi_outbox_remove(&o, whole);
    assert_sums(&o);
    const char *const order[] = {"before", "first", "second", "after"};
    struct obsvi_batch *b = o.oldest;
    for (size_t i = 0; i < 4; i++, b = b->next)
        assert_memory_equal(b->body.data, order[i], b->body.len);
    assert_int_equal(o.oldest->next->number, 2);
    assert_int_equal(o.oldest->next->sealed_ms, 77);
    clear(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_first_in_first_out),
        cmocka_unit_test(test_routine_goes_first_then_the_oldest_important),
        cmocka_unit_test(test_what_is_in_flight_is_not_given_up),
        cmocka_unit_test(test_halves_take_the_place_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
