/* registry: which thread owns which ring, as the shipper and the life-cycle see it. The faces see front.h.
 *
 * Rings are made ahead of need, in chunks of one mapping each, untouched pages of which cost no memory. A
 * thread's first log call takes a free ring with one compare-and-swap, the thread's exit frees it; the
 * shipper keeps some free ones in stock. The next owner simply goes on behind what the last one left: the
 * shipper drains every ring, owned or not.
 *
 *      FREE ──(first log call of a thread: CAS, acquire)──► OWNED ──(thread exit: release)──► FREE
 *
 * Guarantee G5: a ring has at most one producer at a time, and whatever a thread accepted before it ended is
 * drained.
 */
#ifndef OBSVI_FRONT_REGISTRY_H
#define OBSVI_FRONT_REGISTRY_H

#include "front/ring.h"

/* Makes the first rings. `ring_bytes` (a power of two) holds for the life of the process; later calls keep
 * the first value. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_registry_init(uint64_t ring_bytes);

/* Opens the front for records at or above `severity`, or closes it: records are then counted as accepted and
 * late. */
void obsvi_registry_open(int severity);
void obsvi_registry_close(void);

/* While set and the front is open, each log call that finds no shipper calls it, on its own thread: after a
 * fork. Records are taken meanwhile, as far as the rings reach. */
typedef void (*obsvi_registry_wake_fn)(void);
void obsvi_registry_set_wake(obsvi_registry_wake_fn wake);

/* All rings: 0 <= index < obsvi_registry_count(). Only the shipper may consume from them. */
uint32_t obsvi_registry_count(void);
struct obsvi_ring *obsvi_registry_ring(uint32_t index);

/* Shipper only: makes more rings if few are free. Call once a pass. */
void obsvi_registry_tend(void);

/* Sums over all rings. Exact when nothing moves. */
struct obsvi_registry_counts {
    uint64_t accepted; /* records offered, everything below included */
    uint64_t pending;  /* in rings … */
    uint64_t bytes;    /* … and how much room they take */
};
void obsvi_registry_count_up(struct obsvi_registry_counts *out);

/* Adds what was dropped before the shipper saw it, to both sinks' reasons: ring full, late (shutdown), no
 * ring (internal). */
void obsvi_registry_add_drops(uint64_t drops[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT]);

/* In the child of a fork, by its only thread: forgets all records and counts, and every other thread's ring.
 */
void obsvi_registry_after_fork(void);

#endif
