/* retry: what to do with an answer, and when to try again. Pure decisions, no state, no clock.
 *
 * Source: OTLP specification, docs/specification.md, "OTLP/HTTP Response": exactly 429, 502, 503 and 504 are
 * retryable, and failures of the connection; back-off is exponential with jitter (protocol/exporter.md,
 * Retry). What differs is told in docs/decisions/005-refusals.md.
 */
#ifndef OBSVI_SHIP_RETRY_H
#define OBSVI_SHIP_RETRY_H

#include "sink/http_sink.h"

enum obsvi_verdict {
    OBSVI_ACKNOWLEDGED, /* delivered, less what the answer says was rejected (D1) */
    OBSVI_TRY_AGAIN,    /* the endpoint is away or busy: back-off (D2) */
    OBSVI_HOLD,         /* something is set up wrongly (401, 403, 404): kept, tried again now and then (D5) */
    OBSVI_SPLIT,        /* too large for the endpoint (413): two halves may pass (D6) */
    OBSVI_REFUSED,      /* for good: resending the same bytes cannot help (D7) */
};

enum {
    OBSVI_BACKOFF_FIRST_MS = 500,
    OBSVI_BACKOFF_MAX_MS = 30000,
};

enum obsvi_verdict obsvi_retry_judge(const struct obsvi_http_result *r);

/* Whether the server says when to come again: Retry-After, which only 429 and 503 give a meaning to
 * (specification.md, OTLP/HTTP Throttling). Nobody cuts that short (D4). */
bool obsvi_retry_is_ordered(const struct obsvi_http_result *r);

/* How long to wait before attempt `attempt` + 1 (attempt >= 1): half fixed, half random, doubling up to the
 * maximum; or what the server asked for, plus up to a tenth so that many clients do not return at once.
 * `random` is any 32 random bits. */
uint32_t obsvi_retry_delay_ms(const struct obsvi_http_result *r, uint32_t attempt, uint32_t random);

/* The cure for the usual mistakes, by status; "" if there is none. */
const char *obsvi_retry_hint(const struct obsvi_http_result *r);

#endif
