/* The ring's contract, one thread playing both sides: order, wrap-around, fullness, the reserve for warnings,
 * damage. */
#include "front/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

enum { CAPACITY = 1024 };

static int set_up(void **state)
{
    struct obsvi_ring *r = aligned_alloc(OBSVI_RING_LINE, sizeof *r + CAPACITY);
    memset(r, 0, sizeof *r + CAPACITY);
    r->capacity_bytes = CAPACITY;
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static bool put(struct obsvi_ring *r, size_t bytes, uint8_t severity, uint64_t number)
{
    struct obsvi_record_head *h = obsvi_ring_reserve(r, bytes, severity);
    if (!h)
        return false;
    memset(h, 0xab, bytes);
    *h = (struct obsvi_record_head){
        .size_bytes = (uint32_t)bytes, .kind = OBSVI_RECORD_LOG, .time_ns = number};
    obsvi_ring_publish(r, bytes);
    return true;
}

static uint64_t take(struct obsvi_ring *r)
{
    uint64_t damaged = 0;
    const struct obsvi_record_head *h = obsvi_ring_peek(r, &damaged);
    assert_int_equal(damaged, 0);
    if (!h)
        return UINT64_MAX;
    uint64_t number = h->time_ns;
    obsvi_ring_consume(r, h);
    return number;
}

static void test_hands_over_in_order_across_many_wraps(void **state)
{
    struct obsvi_ring *r = *state;
    uint64_t next_in = 0, next_out = 0;
    for (int round = 0; round < 2000; round++) {
        size_t bytes = 48 + (size_t)(round * 40 % 200) / 8 * 8;
        for (int i = 0; i < round % 4; i++)
            next_in += put(r, bytes, 9, next_in);
        for (uint64_t n; round % 3 == 0 && (n = take(r)) != UINT64_MAX; next_out++)
            assert_int_equal(n, next_out);
        assert_int_equal(obsvi_ring_pending(r), next_in - next_out);
    }
    assert_true(next_in > 1000);
    assert_true(atomic_load(&r->tail) > 50 * CAPACITY);
}

static void test_a_full_ring_refuses_and_counts(void **state)
{
    struct obsvi_ring *r = *state;
    uint64_t taken = 0, refused = 0;
    for (int i = 0; i < 100; i++)
        put(r, 64, 24, 0) ? taken++ : refused++;
    assert_int_equal(taken, CAPACITY / 64);
    assert_int_equal(atomic_load(&r->accepted_count), 100);
    assert_int_equal(obsvi_ring_dropped(r), refused);
    assert_int_equal(atomic_load(&r->dropped_counts[5]), refused); /* by level: FATAL */
    assert_int_equal(obsvi_ring_pending(r), taken);
    assert_int_not_equal(take(r), UINT64_MAX);
    assert_true(put(r, 64, 24, 1)); /* room again */
}

static void test_the_last_eighth_is_kept_for_warnings(void **state)
{
    struct obsvi_ring *r = *state;
    while (put(r, 64, 9, 0))
        continue;
    assert_int_equal(atomic_load(&r->tail), CAPACITY - CAPACITY / 8);
    assert_false(put(r, 64, 12, 0));
    assert_true(put(r, 64, OBSVI_SEVERITY_WARN, 0));
    assert_true(put(r, 64, 21, 0));
    assert_false(put(r, 64, 21, 0));
}

static void test_a_record_larger_than_the_ring_is_refused(void **state)
{
    assert_false(put(*state, CAPACITY + 8, 24, 0));
    assert_true(put(*state, CAPACITY, 24, 0));
}

static void test_damage_costs_the_content_not_the_process(void **state)
{
    struct obsvi_ring *r = *state;
    const uint32_t wrong_sizes[] = {0, 4, 12, 40, CAPACITY * 2, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong_sizes / sizeof *wrong_sizes; i++) {
        assert_true(put(r, 64, 9, 1));
        assert_true(put(r, 64, 9, 2));
        uint32_t *size = (uint32_t *)(r->data + (atomic_load(&r->head) & (CAPACITY - 1)));
        *size = wrong_sizes[i];
        uint64_t damaged = 0;
        assert_null(obsvi_ring_peek(r, &damaged));
        assert_int_equal(damaged, 2);
        assert_int_equal(obsvi_ring_pending(r), 0);
    }
    assert_true(put(r, 64, 9, 7));
    assert_int_equal(take(r), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hands_over_in_order_across_many_wraps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_ring_refuses_and_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_eighth_is_kept_for_warnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_larger_than_the_ring_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_costs_the_content_not_the_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
