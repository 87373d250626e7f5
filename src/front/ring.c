/* ring: the consumer's side; the producer's is inline in ring.h. */
#include "front/ring.h"

/* A record that claims to be longer than what is published, or not a multiple of 8, means memory was
 * overwritten. */
static bool is_sound(const struct obsvi_record_head *h, uint64_t available)
{
    uint32_t size = h->size_bytes;
    return size >= 8 && size % 8 == 0 && size <= available &&
           (h->kind == OBSVI_RECORD_PAD || (h->kind == OBSVI_RECORD_LOG && size >= sizeof *h));
}

/* Gives up everything in a damaged ring; returns how many records that was. */
static uint64_t discard(struct obsvi_ring *r, uint64_t tail)
{
    uint64_t lost = obsvi_ring_pending(r);
    uint64_t consumed = atomic_load_explicit(&r->consumed_count, memory_order_relaxed);
    atomic_store_explicit(&r->consumed_count, consumed + lost, memory_order_relaxed);
    atomic_store_explicit(&r->head, tail, memory_order_release); /* G2 */
    return lost;
}

const struct obsvi_record_head *obsvi_ring_peek(struct obsvi_ring *r, uint64_t *damaged_count)
{
    for (;;) {
        uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed); /* own */
        uint64_t tail =
            atomic_load_explicit(&r->tail, memory_order_acquire); /* G1: pairs with obsvi_ring_publish */
        if (head == tail)
            return NULL;
        const void *place = r->data + (head & (r->capacity_bytes - 1));
        const struct obsvi_record_head *h = place;
        if (!is_sound(h, tail - head)) {
            *damaged_count += discard(r, tail);
            return NULL;
        }
        if (h->kind != OBSVI_RECORD_PAD)
            return h;
        atomic_store_explicit(&r->head, head + h->size_bytes, memory_order_release); /* G2 */
    }
}

void obsvi_ring_consume(struct obsvi_ring *r, const struct obsvi_record_head *record)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    obsvi_ring_count(&r->consumed_count);
    atomic_store_explicit(&r->head, head + record->size_bytes,
                          memory_order_release); /* G2: pairs with reserve */
}

uint64_t obsvi_ring_dropped(struct obsvi_ring *r)
{
    uint64_t sum = 0;
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
        sum += atomic_load_explicit(&r->dropped_counts[level], memory_order_relaxed);
    return sum;
}

uint64_t obsvi_ring_pending(struct obsvi_ring *r)
{
    uint64_t consumed = atomic_load_explicit(&r->consumed_count, memory_order_relaxed);
    uint64_t accepted = atomic_load_explicit(&r->accepted_count, memory_order_relaxed);
    uint64_t dropped = obsvi_ring_dropped(r);
    return accepted > dropped + consumed ? accepted - dropped - consumed : 0;
}
