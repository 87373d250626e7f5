/* outbox: sealed batches, oldest first, held until they are acknowledged or their budget runs out.
 *
 * A batch is immutable: its bytes are compressed once, and a resend is byte for byte the same, which lets
 * Loki recognise it as a duplicate (D3; pkg/chunkenc/unordered.go). What retention means is a budget in bytes
 * and time, not a number of attempts.
 *
 * Records of WARN and above travel in batches of their own. When the budget is full, the oldest routine batch
 * goes first, and an important one only when there is no routine one left (D11).
 *
 * Owned by the shipper; not thread-safe.
 */
#ifndef OBSVI_SHIP_OUTBOX_H
#define OBSVI_SHIP_OUTBOX_H

#include "base/bytes.h"
#include "obsv.h"

struct obsvi_batch {
    struct obsvi_batch *next;
    struct obsvi_bytes body;
    size_t raw_bytes;   /* before compression: what the server's rate limit sees */
    uint64_t number;    /* 1, 2, 3, … in the order of sealing; the halves of a split share theirs */
    uint64_t sealed_ms; /* steady clock */
    uint32_t level_counts[OBSV_LEVEL_COUNT]; /* the application's records */
    uint32_t attempt_count;
    bool is_gzip;
    bool is_important; /* WARN and above */
    bool is_in_flight; /* the HTTP client reads `body`: not to be removed */
};

struct obsvi_outbox {
    struct obsvi_batch *oldest;
    struct obsvi_batch *newest;
    uint64_t bytes;
    uint64_t record_count;
    uint64_t last_number;
};

uint32_t obsvi_batch_record_count(const struct obsvi_batch *b);

/* Appends a copy of *b, whose `body` it takes over, and gives it the next number. False: no memory, nothing
 * changed. */
bool obsvi_outbox_push(struct obsvi_outbox *o, struct obsvi_batch *b);

/* Puts *half right behind `whole`, likewise, with the number and age of `whole`. */
bool obsvi_outbox_insert_after(struct obsvi_outbox *o, struct obsvi_batch *whole, struct obsvi_batch *half);

/* Unlinks and frees. */
void obsvi_outbox_remove(struct obsvi_outbox *o, struct obsvi_batch *b);

/* Which batch to give up next: the oldest routine one that is not in flight, else the oldest important one;
 * NULL if there is none. With `routine_only`, important ones stay. */
struct obsvi_batch *obsvi_outbox_least(const struct obsvi_outbox *o, bool routine_only);

#endif
