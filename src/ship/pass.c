/* pass: see pass.h. From the rings to both sinks, in the order of the time stamps. */
#include "ship/pass.h"

#include "base/stats.h"
#include "base/time.h"
#include "front/registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { STDOUT_PUMP_EVERY = 64 }; /* records between two looks at stdout during a long drain */

/* One ring's turn in the merge. */
struct obsvi_head {
    struct obsvi_ring *ring;
    const struct obsvi_record_head *record;
    uint64_t left_bytes; /* how far this pass reaches; what is published later waits for the next */
};

/* Whose turn it is may change at any time (obsvi_pass_open); rings are touched with the lock held, by the
 * pass whose turn it is (G10). */
static struct {
    pthread_mutex_t lock;
    _Atomic(const struct obsvi_pass *) turn;
} rings = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* True with the lock held, false without it. */
static bool take_rings(const struct obsvi_pass *p)
{
    pthread_mutex_lock(&rings.lock);
    if (atomic_load(&rings.turn) == p)
        return true;
    pthread_mutex_unlock(&rings.lock);
    return false;
}

static void leave_rings(void)
{
    pthread_mutex_unlock(&rings.lock);
}

/* ---- A record into the sinks ------------------------------------------------------------------------------
 */

static void count_internal(unsigned level, uint64_t n)
{
    obsvi_drop_add(OBSV_DROP_stdout_dropped_internal, level, n);
    obsvi_drop_add(OBSV_DROP_export_dropped_internal, level, n);
}

static void to_stdout(struct obsvi_pass *p, uint8_t level)
{
    struct obsvi_bytes *buffer = obsvi_stdout_line_begin(&p->out, level);
    if (!buffer)
        return;
    size_t start = buffer->len;
    bool ok = obsvi_encoder_json_line(p->encoder, buffer);
    p->line_count += obsvi_stdout_line_end(&p->out, level, start, ok);
}

static bool load(struct obsvi_pass *p, struct obsvi_record *record, const struct obsvi_record_head *head)
{
    return obsvi_record_read(record, head, head->size_bytes) && obsvi_encoder_load(p->encoder, record) == 0;
}

static void ship(struct obsvi_pass *p, const struct obsvi_record_head *head)
{
    struct obsvi_record record;
    const unsigned level = obsvi_level_of(head->severity);
    if (!load(p, &record, head)) {
        count_internal(level, 1);
        return;
    }
    if (p->config->stdout_on)
        to_stdout(p, (uint8_t)level);
    else
        obsvi_drop_add(OBSV_DROP_stdout_dropped_off, level, 1);
    if (p->config->export_on)
        obsvi_exporter_add(&p->exporter, p->encoder, head->severity, false, p->now_ms);
    else
        obsvi_drop_add(OBSV_DROP_export_dropped_off, level, 1);
}

/* Tells each sink that takes records again of what was dropped for it. */
static void announce_gaps(struct obsvi_pass *p)
{
    const struct obsvi_record_head *head;
    struct obsvi_record record;
    if (p->config->stdout_on && obsvi_announce_is_due(&p->announcer, OBSVI_SINK_STDOUT, p->now_ms) &&
        obsvi_stdout_has_recovered(&p->out) &&
        (head = obsvi_announce(&p->announcer, OBSVI_SINK_STDOUT, p->now_ms)) && load(p, &record, head))
        to_stdout(p, OBSVI_STDOUT_OWN);
    if (p->config->export_on && obsvi_announce_is_due(&p->announcer, OBSVI_SINK_EXPORT, p->now_ms) &&
        !p->exporter.is_failing && (head = obsvi_announce(&p->announcer, OBSVI_SINK_EXPORT, p->now_ms)) &&
        load(p, &record, head))
        obsvi_exporter_add(&p->exporter, p->encoder, head->severity, true, p->now_ms);
}

/* ---- Rings, merged ----------------------------------------------------------------------------------------
 */

/* The next record of a ring within this pass, or NULL. */
static const struct obsvi_record_head *advance(struct obsvi_head *h)
{
    uint64_t damaged = 0;
    uint64_t before = atomic_load_explicit(&h->ring->head, memory_order_relaxed);
    h->record = obsvi_ring_peek(h->ring, &damaged);
    uint64_t skipped = atomic_load_explicit(&h->ring->head, memory_order_relaxed) - before; /* pads */
    if (damaged)
        count_internal(2, damaged); /* of unknown level: as INFO */
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

void obsvi_pass_give_up_at(struct obsvi_pass *p, uint64_t steady_ms)
{
    atomic_store_explicit(&p->give_up_ms, steady_ms, memory_order_relaxed);
}

static bool is_time_to_give_up(const struct obsvi_pass *p)
{
    uint64_t at = atomic_load_explicit(&p->give_up_ms, memory_order_relaxed);
    return at && obsvi_steady_ms() >= at;
}

static void give_up(struct obsvi_pass *p, const struct obsvi_record_head *head)
{
    const unsigned level = obsvi_level_of(head->severity);
    obsvi_drop_add(OBSV_DROP_stdout_dropped_shutdown, level, 1);
    obsvi_drop_add(OBSV_DROP_export_dropped_shutdown, level, 1);
    p->has_given_up = true;
}

/* Not with the rings in hand: the kernel may take its time. False: they are another's meanwhile. */
static bool pump_in_between(struct obsvi_pass *p)
{
    leave_rings();
    obsvi_stdout_pump(&p->out);
    return take_rings(p);
}

int64_t obsvi_pass_drain(struct obsvi_pass *p)
{
    int64_t drained = 0;
    if (!take_rings(p))
        return -1;
    uint32_t n = collect(p);
    p->now_ms = obsvi_steady_ms();
    announce_gaps(p);
    while (n > 0) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < n; i++)
            if (p->heads[i].record->time_ns < p->heads[first].record->time_ns)
                first = i;
        struct obsvi_head *h = &p->heads[first];
        (is_time_to_give_up(p) ? give_up : ship)(p, h->record);
        h->left_bytes -= h->record->size_bytes;
        obsvi_ring_consume(h->ring, h->record);
        if (!advance(h))
            *h = p->heads[--n];
        if (++drained % STDOUT_PUMP_EVERY == 0 && !pump_in_between(p))
            return -1;
    }
    obsvi_registry_tend();
    leave_rings();
    return drained;
}

/* ---- Sinks, flush, life-cycle -----------------------------------------------------------------------------
 */

void obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms)
{
    obsvi_stdout_pump(&p->out);
    obsvi_stat_set(OBSVI_STAT_stdout_pending, obsvi_stdout_pending(&p->out));
    if (p->config->export_on)
        obsvi_exporter_pump(&p->exporter, now_ms);
}

void obsvi_pass_mark(struct obsvi_pass *p)
{
    p->mark_line_count = p->line_count;
    obsvi_exporter_mark(&p->exporter, obsvi_steady_ms());
}

bool obsvi_pass_is_past_mark(const struct obsvi_pass *p)
{
    size_t unwritten = p->out.levels.len - p->out.levels_done;
    return p->line_count - unwritten >= p->mark_line_count && obsvi_exporter_is_past_mark(&p->exporter);
}

void obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms)
{
    obsvi_http_wait(p->exporter.http, obsvi_stdout_poll_fd(&p->out), timeout_ms);
}

void obsvi_pass_wake(struct obsvi_pass *p)
{
    obsvi_http_wake(p->exporter.http);
}

int obsvi_pass_open(struct obsvi_pass *p, const struct obsvi_config *config)
{
    *p = (struct obsvi_pass){.config = config};
    p->encoder = obsvi_encoder_new(config);
    int error = obsvi_exporter_open(&p->exporter, config);
    if (!p->encoder || error) {
        (void)obsvi_pass_close(p);
        return OBSV_ERR_NOMEM;
    }
    obsvi_announce_init(&p->announcer);
    atomic_store(&rings.turn, p);
    if (config->stdout_on)
        obsvi_stdout_open(&p->out, config->stdout_buffer_bytes);
    return 0;
}

bool obsvi_pass_close(struct obsvi_pass *p)
{
    uint64_t lost = obsvi_stdout_pending(&p->out) + obsvi_exporter_close(&p->exporter) + p->has_given_up;
    if (p->config->stdout_on)
        obsvi_stdout_close(&p->out);
    obsvi_stat_set(OBSVI_STAT_stdout_pending, 0);
    obsvi_encoder_free(p->encoder);
    free(p->heads);
    return lost > 0;
}

void obsvi_pass_after_fork(struct obsvi_pass *p)
{
    pthread_mutex_init(&rings.lock, NULL); /* a thread that is not here may have held it */
    atomic_store(&rings.turn, NULL);
    if (!p)
        return;
    obsvi_http_after_fork(p->exporter.http);
    if (p->out.kind == OBSVI_STDOUT_REOPENED)
        close(p->out.fd);
}
