/* The outbox: first in, first out; its sums always match its content; what is in flight is never evicted. */
#include "ship/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void push(struct obsvi_outbox *o, const char *text, uint32_t record_count)
{
    struct obsvi_bytes body = {0};
    obsvi_bytes_put_text(&body, text);
    assert_true(obsvi_outbox_push(o, &body, false, record_count));
    assert_null(body.data); /* taken over */
}

static void assert_sums(const struct obsvi_outbox *o)
{
    uint64_t bytes = 0, records = 0;
    const struct obsvi_batch *last = NULL;
    for (const struct obsvi_batch *b = o->oldest; b; b = b->next) {
        bytes += b->body.len;
        records += b->record_count;
        last = b;
    }
    assert_int_equal(o->bytes, bytes);
    assert_int_equal(o->record_count, records);
    assert_ptr_equal(o->newest, last);
}

static void test_is_first_in_first_out(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "one", 1);
    push(&o, "two", 2);
    assert_memory_equal(o.oldest->body.data, "one", 3);
    assert_int_equal(o.oldest->number, 1);
    obsvi_outbox_pop(&o);
    assert_sums(&o);
    assert_memory_equal(o.oldest->body.data, "two", 3);
    obsvi_outbox_pop(&o);
    assert_sums(&o);
    assert_null(o.newest);
    push(&o, "three", 3);
    assert_int_equal(o.oldest->number, 3); /* numbers go on */
    assert_int_equal(obsvi_outbox_clear(&o), 3);
}

static void test_evicts_the_oldest_that_is_not_in_flight(void **state)
{
    (void)state;
    struct obsvi_outbox o = {0};
    push(&o, "a", 1);
    push(&o, "bb", 2);
    push(&o, "ccc", 4);
    o.oldest->is_in_flight = true;
    assert_int_equal(obsvi_outbox_evict(&o), 2);
    assert_sums(&o);
    assert_int_equal(obsvi_outbox_evict(&o), 4);
    assert_sums(&o);
    assert_int_equal(obsvi_outbox_evict(&o), 0);
    assert_int_equal(o.record_count, 1);
    assert_int_equal(obsvi_outbox_clear(&o), 1);
    assert_sums(&o);
    assert_int_equal(obsvi_outbox_evict(&o), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_first_in_first_out),
        cmocka_unit_test(test_evicts_the_oldest_that_is_not_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
