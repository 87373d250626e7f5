/* pass: see pass.h. Three parts: rings → sinks (drain), open batch → outbox (seal), outbox → endpoint (send).
 */
#include "ship/pass.h"

#include "base/diag.h"
#include "base/stats.h"
#include "base/time.h"
#include "front/registry.h"
#include "ship/retry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* Uncompressed size at which a batch is sealed: small enough to be far from every server's limit (Helm's
     * nginx in front of Loki: 4 MB; Alloy: 20 MiB) and to cost little when resent; large enough that framing
     * and TLS do not matter. */
    BATCH_BYTES_MAX = 1 << 20,
    STDOUT_PUMP_EVERY = 64, /* records between two looks at stdout during a long drain */
};

/* ---- Rings → sinks
 * -------------------------------------------------------------------------------------------------- */

/* One ring's turn in the merge. */
struct obsvi_head {
    struct obsvi_ring *ring;
    const struct obsvi_record_head *record;
    uint64_t left_bytes; /* how far this pass reaches; what is published later waits for the next */
};

static void count_both(enum obsvi_stat on_stdout, enum obsvi_stat on_export, uint64_t n)
{
    obsvi_stat_add(on_stdout, n);
    obsvi_stat_add(on_export, n);
}

static void seal(struct obsvi_pass *p);

/* Makes room for one more record in the user's record budget, if there is one. */
static bool has_queue_room(struct obsvi_pass *p)
{
    const uint32_t limit = p->config->max_queue_size;
    while (limit != UINT32_MAX && p->outbox.record_count + obsvi_batch_body_count(p->open_batch) >= limit) {
        uint32_t lost = obsvi_outbox_evict(&p->outbox);
        if (!lost)
            return false;
        obsvi_stat_add(OBSVI_STAT_export_dropped_outbox_full, lost);
    }
    return true;
}

static void to_export(struct obsvi_pass *p)
{
    if (!p->config->export_on) {
        obsvi_stat_add(OBSVI_STAT_export_dropped_off, 1);
        return;
    }
    if (!has_queue_room(p)) {
        obsvi_stat_add(OBSVI_STAT_export_dropped_outbox_full, 1);
        return;
    }
    if (!obsvi_encoder_otlp(p->encoder, p->open_batch)) {
        obsvi_stat_add(OBSVI_STAT_export_dropped_internal, 1);
        return;
    }
    uint32_t count = obsvi_batch_body_count(p->open_batch);
    if (count == 1)
        p->open_since_ms = obsvi_steady_ms();
    if (count >= p->config->max_export_batch_size || obsvi_batch_body_bytes(p->open_batch) >= BATCH_BYTES_MAX)
        seal(p);
}

static void to_stdout(struct obsvi_pass *p)
{
    if (!p->config->stdout_on) {
        obsvi_stat_add(OBSVI_STAT_stdout_dropped_off, 1);
        return;
    }
    struct obsvi_bytes *buffer = obsvi_stdout_line_begin(&p->out);
    if (!buffer)
        return;
    size_t start = buffer->len;
    bool ok = obsvi_encoder_json_line(p->encoder, buffer);
    p->line_count += obsvi_stdout_line_end(&p->out, start, ok);
}

static void ship(struct obsvi_pass *p, const struct obsvi_record_head *head)
{
    struct obsvi_record record;
    if (!obsvi_record_read(&record, head, head->size_bytes) || obsvi_encoder_load(p->encoder, &record) != 0) {
        count_both(OBSVI_STAT_stdout_dropped_internal, OBSVI_STAT_export_dropped_internal, 1);
        return;
    }
    to_stdout(p);
    to_export(p);
}

/* The next record of a ring within this pass, or NULL. */
static const struct obsvi_record_head *advance(struct obsvi_head *h)
{
    uint64_t damaged = 0;
    uint64_t before = atomic_load_explicit(&h->ring->head, memory_order_relaxed);
    h->record = obsvi_ring_peek(h->ring, &damaged);
    uint64_t skipped = atomic_load_explicit(&h->ring->head, memory_order_relaxed) - before; /* pads */
    if (damaged)
        count_both(OBSVI_STAT_stdout_dropped_internal, OBSVI_STAT_export_dropped_internal, damaged);
    if (!h->record || skipped + h->record->size_bytes > h->left_bytes)
        return h->record = NULL;
    h->left_bytes -= skipped;
    return h->record;
}

/* Collects the rings that have something; returns how many. Without memory for all of them, the rest waits a
 * pass. */
static uint32_t collect(struct obsvi_pass *p)
{
    uint32_t ring_count = obsvi_registry_count();
    if (ring_count > p->head_cap) {
        struct obsvi_head *heads = realloc(p->heads, ring_count * sizeof *heads);
        if (heads) {
            p->heads = heads;
            p->head_cap = ring_count;
        }
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < ring_count && n < p->head_cap; i++) {
        struct obsvi_ring *r = obsvi_registry_ring(i);
        struct obsvi_head h = {.ring = r};
        h.left_bytes = atomic_load_explicit(&r->tail, memory_order_acquire) /* G1 */ -
                       atomic_load_explicit(&r->head, memory_order_relaxed);
        if (h.left_bytes && advance(&h))
            p->heads[n++] = h;
    }
    return n;
}

uint32_t obsvi_pass_drain(struct obsvi_pass *p)
{
    uint32_t drained = 0;
    uint32_t n = collect(p);
    while (n > 0) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < n; i++)
            if (p->heads[i].record->time_ns < p->heads[first].record->time_ns)
                first = i;
        struct obsvi_head *h = &p->heads[first];
        ship(p, h->record);
        h->left_bytes -= h->record->size_bytes;
        obsvi_ring_consume(h->ring, h->record);
        if (!advance(h))
            *h = p->heads[--n];
        if (++drained % STDOUT_PUMP_EVERY == 0)
            obsvi_stdout_pump(&p->out);
    }
    obsvi_registry_tend();
    return drained;
}

/* ---- Open batch → outbox
 * ---------------------------------------------------------------------------------------------- */

/* Without memory the batch stays open and is sealed on a later pass. */
static void seal(struct obsvi_pass *p)
{
    struct obsvi_bytes body = {0};
    bool is_gzip = false;
    uint32_t count = obsvi_batch_body_count(p->open_batch);
    if (count == 0 || !obsvi_batch_body_seal(p->open_batch, &body, &is_gzip))
        return;
    if (!obsvi_outbox_push(&p->outbox, &body, is_gzip, count)) {
        obsvi_bytes_fini(&body);
        obsvi_stat_add(OBSVI_STAT_export_dropped_internal, count);
    }
    while (p->outbox.bytes > p->config->outbox_bytes) {
        uint32_t lost = obsvi_outbox_evict(&p->outbox);
        if (!lost)
            break;
        obsvi_stat_add(OBSVI_STAT_export_dropped_outbox_full, lost);
        obsvi_diag(OBSVI_DIAG_WARNING, "outbox",
                   "the outbox is full (OBSV_OUTBOX_BYTES=%" PRIu64 "): %u of the oldest records dropped",
                   p->config->outbox_bytes, lost);
    }
}

/* ---- Outbox → endpoint
 * -------------------------------------------------------------------------------------------------- */

/* splitmix64: jitter needs no better. */
static uint32_t next_random(struct obsvi_pass *p)
{
    uint64_t z = (p->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static void on_acknowledged(struct obsvi_pass *p, const struct obsvi_batch *b,
                            const struct obsvi_http_result *r)
{
    uint64_t rejected = r->rejected_count > 0 ? (uint64_t)r->rejected_count : 0;
    rejected = rejected < b->record_count ? rejected : b->record_count;
    obsvi_stat_add(OBSVI_STAT_export_delivered, b->record_count - rejected);
    obsvi_stat_add(OBSVI_STAT_export_dropped_rejected, rejected);
    obsvi_stat_add(OBSVI_STAT_export_bytes, b->body.len);
    if (rejected)
        obsvi_diag(OBSVI_DIAG_WARNING, "rejected", "the endpoint rejected %" PRIu64 " of %u records: %s",
                   rejected, b->record_count, r->message);
    else if (r->status == 200 && r->message[0]) /* partial_success with a warning only */
        obsvi_diag(OBSVI_DIAG_WARNING, "server", "the endpoint says: %s", r->message);
    if (p->is_failing)
        obsvi_diag(OBSVI_DIAG_INFO, NULL, "exporting again; %" PRIu64 " records still wait",
                   p->outbox.record_count - b->record_count);
    p->is_failing = false;
    p->retry_at_ms = 0;
    obsvi_outbox_pop(&p->outbox);
}

static void on_try_again(struct obsvi_pass *p, const struct obsvi_batch *b, const struct obsvi_http_result *r,
                         uint64_t now_ms)
{
    uint32_t wait_ms = obsvi_retry_delay_ms(r, b->attempt_count, next_random(p));
    p->retry_at_ms = now_ms + wait_ms;
    p->retry_is_ordered = r->retry_after_ms >= 0;
    p->is_failing = true;
    obsvi_diag(OBSVI_DIAG_WARNING, "export",
               "cannot export to %s now (%s%.0d%s%s); %" PRIu64 " records wait, next try in %u.%u s",
               p->config->endpoint, r->status ? "HTTP " : "", r->status,
               r->status && r->message[0] ? ": " : "", r->message, p->outbox.record_count, wait_ms / 1000,
               wait_ms % 1000 / 100);
}

static void on_refused(struct obsvi_pass *p, const struct obsvi_batch *b, const struct obsvi_http_result *r)
{
    obsvi_stat_add(OBSVI_STAT_export_dropped_rejected, b->record_count);
    obsvi_diag(OBSVI_DIAG_ERROR, "refused", "%s answered HTTP %d%s%s%s; %u records dropped",
               p->config->endpoint, r->status, r->message[0] ? ": " : "", r->message, obsvi_retry_hint(r),
               b->record_count);
    p->retry_at_ms = 0;
    obsvi_outbox_pop(&p->outbox);
}

static void finish(struct obsvi_pass *p, const struct obsvi_http_result *r, uint64_t now_ms)
{
    struct obsvi_batch *b = p->outbox.oldest;
    b->is_in_flight = false;
    obsvi_stat_set(OBSVI_STAT_export_last_status, (uint64_t)r->status);
    switch (obsvi_retry_judge(r)) {
    case OBSVI_ACKNOWLEDGED:
        on_acknowledged(p, b, r);
        break;
    case OBSVI_TRY_AGAIN:
        on_try_again(p, b, r, now_ms);
        break;
    case OBSVI_REFUSED:
        on_refused(p, b, r);
        break;
    }
}

static void send_oldest(struct obsvi_pass *p)
{
    struct obsvi_batch *b = p->outbox.oldest;
    if (obsvi_http_start(p->http, b->body.data, b->body.len, b->is_gzip, p->config->timeout_ms) != 0)
        return; /* no memory: the next pass tries again */
    b->is_in_flight = true;
    obsvi_stat_add(OBSVI_STAT_export_requests, 1);
    obsvi_stat_add(OBSVI_STAT_export_retries, b->attempt_count > 0);
    b->attempt_count++;
}

void obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms)
{
    struct obsvi_http_result result;
    obsvi_stdout_pump(&p->out);
    if (p->config->export_on) {
        if (now_ms - p->open_since_ms >= p->config->schedule_delay_ms)
            seal(p);
        if (obsvi_http_pump(p->http, &result))
            finish(p, &result, now_ms);
        if (!obsvi_http_is_busy(p->http) && p->outbox.oldest && now_ms >= p->retry_at_ms) {
            send_oldest(p);
            if (obsvi_http_pump(p->http, &result))
                finish(p, &result, now_ms);
        }
    }
    obsvi_stat_set(OBSVI_STAT_outbox_bytes, p->outbox.bytes);
    obsvi_stat_set(OBSVI_STAT_stdout_pending, p->out.line_count);
    obsvi_stat_set(OBSVI_STAT_export_pending, p->outbox.record_count + obsvi_batch_body_count(p->open_batch));
}

/* ---- Flush, life-cycle
 * ------------------------------------------------------------------------------------------------------- */

void obsvi_pass_mark(struct obsvi_pass *p)
{
    seal(p);
    p->mark_line_count = p->line_count;
    p->mark_batch_number = p->outbox.last_number;
    if (!p->retry_is_ordered)
        p->retry_at_ms = 0;
}

bool obsvi_pass_is_past_mark(const struct obsvi_pass *p)
{
    bool stdout_is = p->line_count - p->out.line_count >= p->mark_line_count;
    bool export_is = !p->outbox.oldest || p->outbox.oldest->number > p->mark_batch_number;
    return stdout_is && export_is;
}

void obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms)
{
    obsvi_http_wait(p->http, obsvi_stdout_poll_fd(&p->out), timeout_ms);
}

void obsvi_pass_wake(struct obsvi_pass *p)
{
    obsvi_http_wake(p->http);
}

int obsvi_pass_open(struct obsvi_pass *p, const struct obsvi_config *config)
{
    *p = (struct obsvi_pass){.config = config, .random = obsvi_steady_ms() ^ (uint64_t)getpid() << 32};
    p->encoder = obsvi_encoder_new(config);
    p->open_batch = obsvi_batch_body_new(config);
    p->http = obsvi_http_new(config);
    if (!p->encoder || !p->open_batch || !p->http) {
        (void)obsvi_pass_close(p);
        return OBSV_ERR_NOMEM;
    }
    if (config->stdout_on)
        obsvi_stdout_open(&p->out, config->stdout_buffer_bytes);
    return 0;
}

bool obsvi_pass_close(struct obsvi_pass *p)
{
    uint64_t batch_count = p->open_batch ? obsvi_batch_body_count(p->open_batch) : 0;
    uint64_t lost = batch_count + p->outbox.record_count + p->out.line_count;
    obsvi_http_free(p->http); /* first: it reads the batch in flight */
    obsvi_stat_add(OBSVI_STAT_export_dropped_shutdown, batch_count + obsvi_outbox_clear(&p->outbox));
    if (p->config->stdout_on)
        obsvi_stdout_close(&p->out);
    obsvi_stat_set(OBSVI_STAT_outbox_bytes, 0);
    obsvi_stat_set(OBSVI_STAT_stdout_pending, 0);
    obsvi_stat_set(OBSVI_STAT_export_pending, 0);
    obsvi_batch_body_free(p->open_batch);
    obsvi_encoder_free(p->encoder);
    free(p->heads);
    return lost > 0;
}

void obsvi_pass_after_fork(struct obsvi_pass *p)
{
    obsvi_http_after_fork(p->http);
    if (p->out.kind == OBSVI_STDOUT_REOPENED)
        close(p->out.fd);
}
