/* ring: the byte queue between one logging thread and the shipper.
 *
 * Wait-free, single producer, single consumer. Positions count bytes since the beginning of time and never
 * wrap (2^64); a position's place in the data is `position & mask`. Records are contiguous and 8-byte
 * aligned: one that does not fit before the end of the data is preceded by a PAD record that fills the rest.
 *
 *      consumed          published but not yet consumed            free
 *   |............|=================================|..........................|
 *               head                              tail                 head + capacity
 *
 * Guarantees (docs/CONCURRENCY.md):
 *   G1  A record's bytes are complete before the consumer can see it: `tail` is stored with release after
 * them and read with acquire by obsvi_ring_peek. G2  A record's bytes are not overwritten while the consumer
 * may read them: `head` is stored with release after the last read and read with acquire by
 * obsvi_ring_reserve. G3  Each operation finishes in a bounded number of its own steps whatever the other
 * side does. G4  The last eighth of a ring is reserved for records of WARN and above, so that a flood of
 * routine records cannot keep out the one that explains it.
 *
 * The ring lies in a mapping of its own and holds no pointer, so that another process, or a crash handler,
 * can read it. Producer and consumer fields are 128 bytes apart: adjacent cache lines are fetched in pairs.
 *
 * Rejected: one ring shared by all threads (contended, and one stalled producer stops all), growth inside a
 * log call (it stalls while the kernel clears the pages).
 */
#ifndef OBSVI_FRONT_RING_H
#define OBSVI_FRONT_RING_H

#include "base/stats.h"
#include "front/record.h"

#include <stdatomic.h>
#include <stdalign.h>

enum {
    OBSVI_RING_LINE = 128,
    OBSVI_RING_RESERVE_SHIFT = 3, /* an eighth: G4 */
    OBSVI_SEVERITY_WARN = 13,
};

enum obsvi_ring_state {
    OBSVI_RING_FREE = 0, /* no thread writes it; it may still hold records of the last one that did */
    OBSVI_RING_OWNED,
};

struct obsvi_ring {
    /* producer's lines */
    alignas(OBSVI_RING_LINE) _Atomic uint64_t tail; /* [w: producer, r: shipper] */
    uint64_t head_seen;                             /* [producer only] a past value of head */
    uint64_t reserved_tail;                         /* [producer only] where the open reservation begins */
    _Atomic uint64_t accepted_count; /* [w: producer, r: anyone] records offered to this ring */
    /* [w: producer, r: anyone] of which: refused because the ring was full, by level */
    _Atomic uint64_t dropped_counts[OBSV_LEVEL_COUNT];

    /* shipper's line */
    alignas(OBSVI_RING_LINE) _Atomic uint64_t head; /* [w: shipper, r: producer] */
    _Atomic uint64_t consumed_count;                /* [w: shipper, r: anyone] records taken out */

    /* shared, rarely written */
    alignas(OBSVI_RING_LINE) _Atomic uint32_t state; /* enum obsvi_ring_state [w: owners] */
    uint32_t capacity_bytes;                         /* a power of two */

    alignas(OBSVI_RING_LINE) uint8_t data[];
};

/* Producer. A counter with one writer needs no read-modify-write; relaxed: it orders nothing. */
static inline void obsvi_ring_count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Producer: room for one record of at most `bytes` (a multiple of 8), or NULL: full. Counts the record as
 * accepted, and as dropped if NULL. What is reserved must be published. */
static inline void *obsvi_ring_reserve(struct obsvi_ring *r, size_t bytes, uint8_t severity)
{
    const uint64_t capacity = r->capacity_bytes;
    const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed); /* own */
    const uint64_t place = tail & (capacity - 1);
    const uint64_t pad = place + bytes > capacity ? capacity - place : 0;
    const uint64_t reserve = severity >= OBSVI_SEVERITY_WARN ? 0 : capacity >> OBSVI_RING_RESERVE_SHIFT;
    const uint64_t need = pad + bytes + reserve;

    obsvi_ring_count(&r->accepted_count);
    if (capacity - (tail - r->head_seen) < need) {
        r->head_seen =
            atomic_load_explicit(&r->head, memory_order_acquire); /* G2: pairs with obsvi_ring_consume */
        if (capacity - (tail - r->head_seen) < need) {
            obsvi_ring_count(&r->dropped_counts[obsvi_level_of(severity)]);
            return NULL;
        }
    }
    if (pad) {
        const struct {
            uint32_t size_bytes;
            uint8_t kind;
            uint8_t zero[3];
        } gap = {(uint32_t)pad, OBSVI_RECORD_PAD, {0}};
        memcpy(r->data + place, &gap, sizeof gap);
    }
    r->reserved_tail = tail + pad;
    return r->data + ((tail + pad) & (capacity - 1));
}

/* Producer: makes the record written at the last reservation visible; `bytes` is its final size. */
static inline void obsvi_ring_publish(struct obsvi_ring *r, size_t bytes)
{
    atomic_store_explicit(&r->tail, r->reserved_tail + bytes,
                          memory_order_release); /* G1: pairs with obsvi_ring_peek */
}

/* Consumer: the oldest record, or NULL if there is none. Skips pads. The bytes stay valid until
 * obsvi_ring_consume. If what lies there does not hold together (memory was overwritten), the ring's content
 * is given up and the number of records lost is added to *damaged_count. */
const struct obsvi_record_head *obsvi_ring_peek(struct obsvi_ring *r, uint64_t *damaged_count);

/* Consumer: gives the space of the peeked record back. */
void obsvi_ring_consume(struct obsvi_ring *r, const struct obsvi_record_head *record);

/* Anyone: records refused so far, over all levels. */
uint64_t obsvi_ring_dropped(struct obsvi_ring *r);

/* Anyone: records published and not yet consumed. Exact when nothing moves. */
uint64_t obsvi_ring_pending(struct obsvi_ring *r);

#endif
