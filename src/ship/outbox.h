/* outbox: sealed batches, oldest first, held until they are acknowledged or their budget runs out.
 *
 * A batch is immutable: its bytes are compressed once, and a resend is byte for byte the same, which lets
 * Loki recognise it as a duplicate (pkg/chunkenc/unordered.go). The budget is in bytes, not in attempts:
 * retention is not a number of retries.
 *
 * Owned by the shipper; not thread-safe.
 */
#ifndef OBSVI_SHIP_OUTBOX_H
#define OBSVI_SHIP_OUTBOX_H

#include "base/bytes.h"

struct obsvi_batch {
    struct obsvi_batch *next;
    struct obsvi_bytes body;
    bool is_gzip;
    bool is_in_flight; /* the HTTP client reads `body`: not to be evicted */
    uint32_t record_count;
    uint32_t attempt_count;
    uint64_t number; /* 1, 2, 3, … in the order of sealing */
};

struct obsvi_outbox {
    struct obsvi_batch *oldest;
    struct obsvi_batch *newest;
    uint64_t bytes;
    uint64_t record_count;
    uint64_t last_number;
};

/* Takes over `body` (and leaves it empty). False: no memory, `body` untouched. */
bool obsvi_outbox_push(struct obsvi_outbox *o, struct obsvi_bytes *body, bool is_gzip, uint32_t record_count);

/* Removes and frees the oldest batch. */
void obsvi_outbox_pop(struct obsvi_outbox *o);

/* Frees the oldest batch that is not in flight; returns the number of its records, 0 if there is none. */
uint32_t obsvi_outbox_evict(struct obsvi_outbox *o);

/* Frees everything; returns the number of records lost. */
uint64_t obsvi_outbox_clear(struct obsvi_outbox *o);

#endif
