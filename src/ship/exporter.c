/* exporter: see exporter.h. Open batches first, then the outbox's budget, then sending, then the answers. */
#include "ship/exporter.h"

#include "base/diag.h"
#include "base/stats.h"
#include "base/time.h"
#include "config/headers.h"
#include "config/pairs.h"
#include "ship/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    /* Uncompressed size at which a batch is sealed: far below every server's limit (Helm's nginx in front of
     * Loki: 4 MB; Alloy: 20 MiB), cheap to resend, and large enough that framing and TLS do not matter. */
    BATCH_BYTES_MAX = 1 << 20,

    /* Pace of catching up, in uncompressed bytes. Loki's defaults (limits_config) are 4 MB a second for a
     * tenant and 3 MB a second for a stream, lines and structured metadata together; half of that leaves room
     * for everybody else. */
    CATCH_UP_BYTES_PER_S = 1536 * 1024,
    CATCH_UP_BURST_BYTES = 3 << 20,

    /* While catching up every fourth batch is the newest, so that the present is visible too. Not when the
     * oldest is near Loki's out-of-order window, one hour behind the newest line of the stream, which a newer
     * line would close. */
    NEWEST_EVERY = 4,
    NEWEST_UNTIL_MS = 30 * 60 * 1000,
};

/* ---- Open batches -----------------------------------------------------------------------------------------
 */

static void drop_batch(struct obsvi_exporter *x, struct obsvi_batch *b, enum obsv_drop reason)
{
    obsvi_drop_add_all(reason, b->level_counts);
    obsvi_outbox_remove(&x->outbox, b);
}

/* Without memory the batch stays open and is sealed on a later pass. */
static void seal(struct obsvi_exporter *x, struct obsvi_open_batch *open, uint64_t now_ms)
{
    struct obsvi_batch b = {.sealed_ms = now_ms, .is_important = open == &x->open[1]};
    b.raw_bytes = obsvi_batch_body_bytes(open->body);
    memcpy(b.level_counts, open->level_counts, sizeof b.level_counts);
    if (obsvi_batch_body_count(open->body) == 0 || !obsvi_batch_body_seal(open->body, &b.body, &b.is_gzip))
        return;
    memset(open->level_counts, 0, sizeof open->level_counts);
    if (!obsvi_outbox_push(&x->outbox, &b)) {
        obsvi_drop_add_all(OBSV_DROP_export_dropped_internal, b.level_counts);
        obsvi_bytes_fini(&b.body);
    }
    while (x->outbox.bytes > x->config->outbox_bytes) {
        struct obsvi_batch *least = obsvi_outbox_least(&x->outbox, false);
        if (!least)
            break;
        obsvi_diag(OBSVI_DIAG_WARNING, "outbox",
                   "the outbox is full (OBSV_OUTBOX_BYTES=%" PRIu64 "): %u of the oldest %s records dropped",
                   x->config->outbox_bytes, obsvi_batch_record_count(least),
                   least->is_important ? "important" : "routine");
        drop_batch(x, least, OBSV_DROP_export_dropped_outbox_full);
    }
}

static uint64_t open_record_count(const struct obsvi_exporter *x)
{
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++)
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            sum += x->open[i].level_counts[level];
    return sum;
}

/* Makes room for one more record in the user's record budget, if there is one: routine records make room for
 * every record, important ones only for important ones. */
static bool has_queue_room(struct obsvi_exporter *x, bool is_important)
{
    const uint32_t limit = x->config->max_queue_size;
    while (limit != UINT32_MAX && x->outbox.record_count + open_record_count(x) >= limit) {
        struct obsvi_batch *least = obsvi_outbox_least(&x->outbox, !is_important);
        if (!least)
            return false;
        drop_batch(x, least, OBSV_DROP_export_dropped_outbox_full);
    }
    return true;
}

void obsvi_exporter_add(struct obsvi_exporter *x, struct obsvi_encoder *e, uint8_t severity, bool is_own,
                        uint64_t now_ms)
{
    const unsigned level = obsvi_level_of(severity);
    const bool is_important = level >= 3;
    struct obsvi_open_batch *open = &x->open[is_important];
    if (!is_own && !has_queue_room(x, is_important)) {
        obsvi_drop_add(OBSV_DROP_export_dropped_outbox_full, level, 1);
        return;
    }
    if (!obsvi_encoder_otlp(e, open->body)) {
        obsvi_drop_add(OBSV_DROP_export_dropped_internal, level, !is_own);
        return;
    }
    uint32_t count = obsvi_batch_body_count(open->body);
    open->since_ms = count == 1 ? now_ms : open->since_ms;
    open->level_counts[level] += !is_own;
    if (count >= x->config->max_export_batch_size || obsvi_batch_body_bytes(open->body) >= BATCH_BYTES_MAX)
        seal(x, open, now_ms);
}

/* By age. While the endpoint is away a batch fills up instead: nothing could be sent, and larger ones
 * compress better. */
static void seal_what_is_due(struct obsvi_exporter *x, uint64_t now_ms)
{
    for (int i = 0; i < 2 && !(x->is_failing && x->outbox.oldest); i++)
        if (now_ms - x->open[i].since_ms >= x->config->schedule_delay_ms)
            seal(x, &x->open[i], now_ms);
}

static void expire(struct obsvi_exporter *x, uint64_t now_ms)
{
    struct obsvi_batch *b = x->outbox.oldest;
    while (b && !b->is_in_flight && now_ms - b->sealed_ms >= x->config->retention_ms) {
        obsvi_diag(OBSVI_DIAG_WARNING, "retention",
                   "%u records were not delivered within OBSV_RETENTION and are dropped",
                   obsvi_batch_record_count(b));
        drop_batch(x, b, OBSV_DROP_export_dropped_expired);
        b = x->outbox.oldest;
    }
}

/* ---- Sending ----------------------------------------------------------------------------------------------
 */

/* splitmix64: jitter needs no better. */
static uint32_t next_random(struct obsvi_exporter *x)
{
    uint64_t z = (x->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static struct obsvi_batch *choose(const struct obsvi_exporter *x, uint64_t now_ms)
{
    struct obsvi_batch *oldest = x->outbox.oldest;
    bool is_newest_turn = x->is_catching_up && x->sent_count % NEWEST_EVERY == NEWEST_EVERY - 1;
    return is_newest_turn && now_ms - oldest->sealed_ms < NEWEST_UNTIL_MS ? x->outbox.newest : oldest;
}

/* The token bucket of catching up; true if `bytes` may go now. */
static bool is_within_pace(struct obsvi_exporter *x, uint64_t bytes, uint64_t now_ms)
{
    if (!x->is_catching_up)
        return true;
    x->allowance_bytes += (now_ms - x->allowance_ms) * CATCH_UP_BYTES_PER_S / 1000;
    x->allowance_ms = now_ms;
    if (x->allowance_bytes > CATCH_UP_BURST_BYTES)
        x->allowance_bytes = CATCH_UP_BURST_BYTES;
    if (x->allowance_bytes < bytes && x->allowance_bytes < CATCH_UP_BURST_BYTES)
        return false;
    x->allowance_bytes -= bytes < x->allowance_bytes ? bytes : x->allowance_bytes;
    return true;
}

static void send_next(struct obsvi_exporter *x, uint64_t now_ms)
{
    struct obsvi_batch *b = choose(x, now_ms);
    if (!is_within_pace(x, b->raw_bytes, now_ms) ||
        obsvi_http_start(x->http, b->body.data, b->body.len, b->is_gzip, x->config->timeout_ms) != 0)
        return; /* not yet, or no memory: the next pass tries again */
    obsvi_stat_add(OBSVI_STAT_export_requests, 1);
    obsvi_stat_add(OBSVI_STAT_export_retries, b->attempt_count > 0);
    b->is_in_flight = true;
    b->attempt_count++;
    x->in_flight = b;
    x->sent_ms = now_ms;
    x->sent_count++;
}

/* ---- Answers ----------------------------------------------------------------------------------------------
 */

/* The server says how many it rejected, not which: the least important are assumed. */
static void count_rejected(uint64_t rejected, struct obsvi_batch *b)
{
    for (int level = 0; level < OBSV_LEVEL_COUNT && rejected; level++) {
        uint64_t n = rejected < b->level_counts[level] ? rejected : b->level_counts[level];
        obsvi_drop_add(OBSV_DROP_export_dropped_rejected, (unsigned)level, n);
        rejected -= n;
    }
}

static void end_of_failing(struct obsvi_exporter *x)
{
    if (x->is_failing) {
        obsvi_diag(OBSVI_DIAG_INFO, NULL, "exporting again; %" PRIu64 " records wait",
                   x->outbox.record_count);
        x->sent_count = 0;
    }
    x->is_catching_up = x->is_failing || (x->is_catching_up && x->outbox.oldest);
    x->is_failing = false;
    x->failure_count = 0;
    x->retry_at_ms = 0;
}

static void on_acknowledged(struct obsvi_exporter *x, struct obsvi_batch *b,
                            const struct obsvi_http_result *r, uint64_t now_ms)
{
    const uint32_t count = obsvi_batch_record_count(b);
    uint64_t rejected = r->rejected_count > 0 ? (uint64_t)r->rejected_count : 0;
    rejected = rejected < count ? rejected : count;
    count_rejected(rejected, b);
    obsvi_stat_add(OBSVI_STAT_export_delivered, count - rejected);
    obsvi_stat_add(OBSVI_STAT_export_bytes, b->body.len);
    obsvi_stat_set(OBSVI_STAT_export_latency_ms, now_ms - x->sent_ms);
    if (rejected)
        obsvi_diag(OBSVI_DIAG_WARNING, "rejected", "the endpoint rejected %" PRIu64 " of %u records: %s",
                   rejected, count, r->message);
    else if (r->status == 200 && r->message[0]) /* partial_success with a warning only */
        obsvi_diag(OBSVI_DIAG_WARNING, "server", "the endpoint says: %s", r->message);
    obsvi_outbox_remove(&x->outbox, b);
    end_of_failing(x);
}

static void wait_for(struct obsvi_exporter *x, const struct obsvi_http_result *r, uint32_t wait_ms,
                     uint64_t now_ms)
{
    x->retry_at_ms = now_ms + wait_ms;
    x->retry_is_ordered = obsvi_retry_is_ordered(r);
    x->is_failing = true;
}

/* At least a few tries fall into a batch's life, however short OBSV_RETENTION makes it. */
static uint32_t back_off_ms(struct obsvi_exporter *x, const struct obsvi_http_result *r)
{
    uint32_t wait_ms = obsvi_retry_delay_ms(r, ++x->failure_count, next_random(x));
    uint64_t most_ms = x->config->retention_ms / 4;
    return wait_ms <= most_ms || obsvi_retry_is_ordered(r) ? wait_ms : (uint32_t)most_ms;
}

static void on_try_again(struct obsvi_exporter *x, const struct obsvi_http_result *r, uint64_t now_ms)
{
    uint32_t wait_ms = back_off_ms(x, r);
    char status[24] = "";
    if (r->status)
        (void)snprintf(status, sizeof status, "HTTP %d%s", r->status, r->message[0] ? ": " : "");
    wait_for(x, r, wait_ms, now_ms);
    obsvi_diag(OBSVI_DIAG_WARNING, "export",
               "cannot export to %s now (%s%s); %" PRIu64 " records wait, next try in %u.%u s",
               x->config->endpoint, status, r->message, x->outbox.record_count + open_record_count(x),
               wait_ms / 1000, wait_ms % 1000 / 100);
}

/* True if the headers file has other headers than those that were refused. */
static bool reload_headers(struct obsvi_exporter *x)
{
    struct obsvi_pairs fresh = {0};
    bool has_new = x->config->headers_file && obsvi_headers_read_file(x->config->headers_file, &fresh) == 0 &&
                   obsvi_http_set_headers(x->http, &fresh) == 1;
    obsvi_pairs_fini(&fresh);
    return has_new;
}

static void on_hold(struct obsvi_exporter *x, const struct obsvi_http_result *r, uint64_t now_ms)
{
    if ((r->status == 401 || r->status == 403) && reload_headers(x)) {
        obsvi_diag(OBSVI_DIAG_INFO, "reload",
                   "the endpoint answered HTTP %d; trying again with the new content of %s", r->status,
                   x->config->headers_file);
        wait_for(x, r, 0, now_ms);
        return;
    }
    wait_for(x, r, back_off_ms(x, r), now_ms);
    obsvi_diag(OBSVI_DIAG_ERROR, "hold",
               "%s answered HTTP %d%s%s%s; %" PRIu64 " records are kept and tried again", x->config->endpoint,
               r->status, r->message[0] ? ": " : "", r->message, obsvi_retry_hint(r),
               x->outbox.record_count + open_record_count(x));
}

static void on_refused(struct obsvi_exporter *x, struct obsvi_batch *b, const struct obsvi_http_result *r)
{
    obsvi_diag(OBSVI_DIAG_ERROR, "refused", "%s answered HTTP %d%s%s%s; %u records dropped",
               x->config->endpoint, r->status, r->message[0] ? ": " : "", r->message, obsvi_retry_hint(r),
               obsvi_batch_record_count(b));
    drop_batch(x, b, OBSV_DROP_export_dropped_rejected);
    end_of_failing(x); /* it answers: the next batch may fare better */
}

static bool split(struct obsvi_exporter *x, struct obsvi_batch *whole)
{
    struct obsvi_bytes bodies[2] = {{0}, {0}};
    struct obsvi_batch halves[2];
    uint32_t counts[2][OBSV_LEVEL_COUNT];
    if (!obsvi_batch_body_split(x->config, whole->body.data, whole->body.len, whole->is_gzip, bodies, counts))
        return false;
    for (int i = 0; i < 2; i++) {
        halves[i] = (struct obsvi_batch){.body = bodies[i],
                                         .raw_bytes = whole->raw_bytes / 2,
                                         .is_gzip = whole->is_gzip,
                                         .is_important = whole->is_important};
        memcpy(halves[i].level_counts, counts[i], sizeof counts[i]);
    }
    struct obsvi_batch *first = whole;
    for (int i = 1; i >= 0; i--) { /* the second first, since each goes right behind the whole */
        if (obsvi_outbox_insert_after(&x->outbox, first, &halves[i]))
            continue;
        obsvi_drop_add_all(OBSV_DROP_export_dropped_internal, halves[i].level_counts);
        obsvi_bytes_fini(&halves[i].body);
    }
    obsvi_outbox_remove(&x->outbox, whole);
    return true;
}

static void finish(struct obsvi_exporter *x, const struct obsvi_http_result *r, uint64_t now_ms)
{
    struct obsvi_batch *b = x->in_flight;
    x->in_flight = NULL;
    b->is_in_flight = false;
    obsvi_stat_set(OBSVI_STAT_export_last_status, (uint64_t)r->status);
    switch (obsvi_retry_judge(r)) {
    case OBSVI_ACKNOWLEDGED:
        on_acknowledged(x, b, r, now_ms);
        break;
    case OBSVI_TRY_AGAIN:
        on_try_again(x, r, now_ms);
        break;
    case OBSVI_HOLD:
        on_hold(x, r, now_ms);
        break;
    case OBSVI_SPLIT:
        if (split(x, b))
            break;
        on_refused(x, b, r);
        break;
    case OBSVI_REFUSED:
        on_refused(x, b, r);
        break;
    }
}

void obsvi_exporter_pump(struct obsvi_exporter *x, uint64_t now_ms)
{
    struct obsvi_http_result result;
    seal_what_is_due(x, now_ms);
    expire(x, now_ms);
    if (obsvi_http_pump(x->http, &result))
        finish(x, &result, now_ms);
    if (!x->in_flight && x->outbox.oldest && now_ms >= x->retry_at_ms) {
        send_next(x, now_ms);
        if (obsvi_http_pump(x->http, &result))
            finish(x, &result, now_ms);
    }
    obsvi_stat_set(OBSVI_STAT_outbox_bytes, x->outbox.bytes);
    obsvi_stat_set(OBSVI_STAT_export_pending, x->outbox.record_count + open_record_count(x));
    obsvi_stat_set(OBSVI_STAT_oldest_pending_ms, x->outbox.oldest ? now_ms - x->outbox.oldest->sealed_ms : 0);
}

/* ---- Flush, life-cycle ------------------------------------------------------------------------------------
 */

void obsvi_exporter_mark(struct obsvi_exporter *x, uint64_t now_ms)
{
    seal(x, &x->open[1], now_ms);
    seal(x, &x->open[0], now_ms);
    x->mark_number = x->outbox.last_number;
    x->is_catching_up = false; /* somebody waits: no pacing */
    if (!x->retry_is_ordered)
        x->retry_at_ms = 0;
}

bool obsvi_exporter_is_past_mark(const struct obsvi_exporter *x)
{
    return !x->outbox.oldest || x->outbox.oldest->number > x->mark_number;
}

int obsvi_exporter_open(struct obsvi_exporter *x, const struct obsvi_config *config)
{
    *x = (struct obsvi_exporter){.config = config, .random = obsvi_steady_ms() ^ (uint64_t)getpid() << 32};
    x->http = obsvi_http_new(config);
    x->open[0].body = obsvi_batch_body_new(config);
    x->open[1].body = obsvi_batch_body_new(config);
    return x->http && x->open[0].body && x->open[1].body ? 0 : OBSV_ERR_NOMEM;
}

uint64_t obsvi_exporter_close(struct obsvi_exporter *x)
{
    uint64_t lost = x->outbox.record_count + open_record_count(x);
    obsvi_http_free(x->http); /* first: it reads the batch in flight */
    while (x->outbox.oldest)
        drop_batch(x, x->outbox.oldest, OBSV_DROP_export_dropped_shutdown);
    for (int i = 0; i < 2; i++) {
        obsvi_drop_add_all(OBSV_DROP_export_dropped_shutdown, x->open[i].level_counts);
        obsvi_batch_body_free(x->open[i].body);
    }
    obsvi_stat_set(OBSVI_STAT_outbox_bytes, 0);
    obsvi_stat_set(OBSVI_STAT_export_pending, 0);
    obsvi_stat_set(OBSVI_STAT_oldest_pending_ms, 0);
    return lost;
}
