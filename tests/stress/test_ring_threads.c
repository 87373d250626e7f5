/* One producer and one consumer on one ring, as fast as they can: every record arrives once, in order, with
 * every byte as it was written (G1, G2). Under the thread sanitizer this is the proof that the memory orders
 * are enough. */
#include "front/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { CAPACITY = 4096, RECORDS = 200000 };

static struct obsvi_ring *ring;

static size_t size_of(uint64_t number)
{
    return sizeof(struct obsvi_record_head) + number * 7919 % 37 * 8;
}

static void *produce(void *arg)
{
    (void)arg;
    for (uint64_t number = 0; number < RECORDS; number++) {
        size_t bytes = size_of(number);
        struct obsvi_record_head *h;
        while (!(h = obsvi_ring_reserve(ring, bytes, 24)))
            sched_yield();
        memset(h, (int)(number % 251), bytes);
        h->size_bytes = (uint32_t)bytes;
        h->kind = OBSVI_RECORD_LOG;
        h->time_ns = number;
        obsvi_ring_publish(ring, bytes);
    }
    return NULL;
}

static bool is_intact(const struct obsvi_record_head *h, uint64_t number)
{
    const uint8_t *p = (const uint8_t *)(h + 1);
    bool ok = h->time_ns == number && h->size_bytes == size_of(number);
    for (size_t i = 0; ok && i < h->size_bytes - sizeof *h; i++)
        ok = p[i] == number % 251;
    return ok;
}

static void test_every_record_arrives_intact_and_in_order(void **state)
{
    (void)state;
    pthread_t producer;
    uint64_t damaged = 0, next = 0;
    ring = aligned_alloc(OBSVI_RING_LINE, sizeof *ring + CAPACITY);
    memset(ring, 0, sizeof *ring + CAPACITY);
    ring->capacity_bytes = CAPACITY;
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    while (next < RECORDS) {
        const struct obsvi_record_head *h = obsvi_ring_peek(ring, &damaged);
        if (!h) {
            sched_yield();
            continue;
        }
        assert_true(is_intact(h, next));
        obsvi_ring_consume(ring, h);
        next++;
    }
    pthread_join(producer, NULL);
    assert_int_equal(damaged, 0);
    assert_int_equal(obsvi_ring_pending(ring), 0);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_record_arrives_intact_and_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
