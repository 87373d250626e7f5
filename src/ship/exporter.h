/* exporter: everything between an encoded record and the endpoint's acknowledgement.
 *
 *      add ──► open batches (routine, important) ─seal─► outbox ─send─► http_sink ─answer─► judge
 *                 by count, bytes, age                     ▲                              │
 *                                                          └── again, hold, split ◄───────┤
 *                                                              acknowledged, refused: counted and gone
 *
 * Three things are kept apart: the time-out of one request (OTEL_EXPORTER_OTLP_TIMEOUT), the back-off between
 * two (retry.h), and how long and how much is kept (OBSV_RETENTION, OBSV_OUTBOX_BYTES): D9. Guarantees:
 * docs/DELIVERY.md.
 *
 * Owned by the shipper; not thread-safe.
 */
#ifndef OBSVI_SHIP_EXPORTER_H
#define OBSVI_SHIP_EXPORTER_H

#include "encode/encode.h"
#include "ship/outbox.h"
#include "sink/http_sink.h"

/* A batch that still takes records. */
struct obsvi_open_batch {
    struct obsvi_batch_body *body;
    uint64_t since_ms; /* when its first record came */
    uint32_t level_counts[OBSV_LEVEL_COUNT];
};

struct obsvi_exporter {
    const struct obsvi_config *config;
    struct obsvi_http_sink *http;
    struct obsvi_open_batch open[2]; /* [0] routine, [1] WARN and above */
    struct obsvi_outbox outbox;
    struct obsvi_batch *in_flight;
    uint64_t sent_ms; /* when it was sent */

    uint64_t retry_at_ms;   /* 0: send at once */
    bool retry_is_ordered;  /* by the server (Retry-After): a flush does not override it */
    bool is_failing;        /* the last answer was not an acknowledgement */
    uint32_t failure_count; /* in a row: what the back-off grows by; reset by success */
    uint64_t random;        /* state of the jitter */

    bool is_catching_up; /* a backlog is being worked off: paced, so that the rate limit is not tripped */
    uint64_t allowance_bytes; /* token bucket, in uncompressed bytes */
    uint64_t allowance_ms;
    uint32_t sent_count; /* since catching up began */

    uint64_t mark_number; /* flush: everything up to this batch */
};

int obsvi_exporter_open(struct obsvi_exporter *x, const struct obsvi_config *config);
/* Counts what is left as dropped by shutdown; returns how many records that was. */
uint64_t obsvi_exporter_close(struct obsvi_exporter *x);

/* Takes the record that the encoder has loaded, or counts it as dropped. A record of the library's own is not
 * counted. */
void obsvi_exporter_add(struct obsvi_exporter *x, struct obsvi_encoder *e, uint8_t severity, bool is_own,
                        uint64_t now_ms);

/* Seals what is due, sends and receives: whatever goes without waiting. */
void obsvi_exporter_pump(struct obsvi_exporter *x, uint64_t now_ms);

/* Flush: seals now, tries now, and remembers how far "everything so far" reaches. */
void obsvi_exporter_mark(struct obsvi_exporter *x, uint64_t now_ms);
bool obsvi_exporter_is_past_mark(const struct obsvi_exporter *x);

#endif
