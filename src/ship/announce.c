/* announce: see announce.h. */
#include "ship/announce.h"

#include "base/stats.h"
#include "front/clock.h"
#include "front/registry.h"

enum { INTERVAL_MS = 1000 };

static const char *const level_names[OBSV_LEVEL_COUNT] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

/* Which sink a reason belongs to, and its name in the record; NULL: wanted by the user, or too late to tell.
 */
static const struct {
    enum obsvi_sink_id sink;
    const char *name;
} reasons[OBSV_DROP_COUNT] = {
    [OBSV_DROP_stdout_dropped_ring_full] = {OBSVI_SINK_STDOUT, "ring_full"},
    [OBSV_DROP_stdout_dropped_buffer_full] = {OBSVI_SINK_STDOUT, "buffer_full"},
    [OBSV_DROP_stdout_dropped_closed] = {OBSVI_SINK_STDOUT, "closed"},
    [OBSV_DROP_stdout_dropped_internal] = {OBSVI_SINK_STDOUT, "internal"},
    [OBSV_DROP_export_dropped_ring_full] = {OBSVI_SINK_EXPORT, "ring_full"},
    [OBSV_DROP_export_dropped_outbox_full] = {OBSVI_SINK_EXPORT, "outbox_full"},
    [OBSV_DROP_export_dropped_expired] = {OBSVI_SINK_EXPORT, "expired"},
    [OBSV_DROP_export_dropped_rejected] = {OBSVI_SINK_EXPORT, "rejected"},
    [OBSV_DROP_export_dropped_internal] = {OBSVI_SINK_EXPORT, "internal"},
};

static void count_now(uint64_t drops[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT])
{
    for (int i = 0; i < OBSV_DROP_COUNT; i++)
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            drops[i][level] = atomic_load_explicit(&obsvi_drops[i][level], memory_order_relaxed);
    obsvi_registry_add_drops(drops);
}

void obsvi_announce_init(struct obsvi_announcer *a)
{
    memset(a, 0, sizeof *a);
    count_now(a->told);
}

bool obsvi_announce_is_due(const struct obsvi_announcer *a, enum obsvi_sink_id sink, uint64_t now_ms)
{
    return now_ms >= a->not_before_ms[sink];
}

static bool concerns(int drop, enum obsvi_sink_id sink)
{
    return reasons[drop].name && reasons[drop].sink == sink;
}

/* fresh[] becomes what is new for this sink, told[] what is known from now on. Returns the sum. */
static uint64_t take_news(struct obsvi_announcer *a, enum obsvi_sink_id sink,
                          uint64_t fresh[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT])
{
    uint64_t sum = 0;
    count_now(fresh);
    for (int i = 0; i < OBSV_DROP_COUNT; i++) {
        for (int level = 0; concerns(i, sink) && level < OBSV_LEVEL_COUNT; level++) {
            uint64_t now = fresh[i][level];
            fresh[i][level] = now - a->told[i][level];
            a->told[i][level] = now;
            sum += fresh[i][level];
        }
    }
    return sum;
}

static void write_levels(struct obsvi_writer *w, const uint64_t counts[OBSV_LEVEL_COUNT])
{
    size_t mark = obsvi_writer_container_open(w);
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++) {
        if (!counts[level])
            continue;
        obsvi_writer_entry_open(w, level_names[level], strlen(level_names[level]), OBSVI_I64);
        obsvi_writer_value_i64(w, (int64_t)counts[level]);
    }
    obsvi_writer_container_close(w, mark);
}

static void write_reasons(struct obsvi_writer *w, enum obsvi_sink_id sink,
                          uint64_t fresh[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT])
{
    obsvi_writer_attr_open(w, "reasons", 7, OBSVI_MAP);
    size_t mark = obsvi_writer_container_open(w);
    for (int i = 0; i < OBSV_DROP_COUNT; i++) {
        uint64_t sum = 0;
        for (int level = 0; concerns(i, sink) && level < OBSV_LEVEL_COUNT; level++)
            sum += fresh[i][level];
        if (!sum)
            continue;
        obsvi_writer_entry_open(w, reasons[i].name, strlen(reasons[i].name), OBSVI_MAP);
        write_levels(w, fresh[i]);
    }
    obsvi_writer_container_close(w, mark);
    obsvi_writer_attr_close(w);
}

const struct obsvi_record_head *obsvi_announce(struct obsvi_announcer *a, enum obsvi_sink_id sink,
                                               uint64_t now_ms)
{
    uint64_t fresh[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT];
    const char *name = sink == OBSVI_SINK_STDOUT ? "stdout" : "export";
    a->not_before_ms[sink] = now_ms + INTERVAL_MS;
    uint64_t sum = take_news(a, sink, fresh);
    if (!sum)
        return NULL;
    struct obsvi_writer w;
    obsvi_writer_begin(&w, a->space, sizeof a->space, obsvi_clock_now_ns(), OBSVI_SEVERITY_WARN);
    obsvi_writer_logger(&w, "obsv", 4);
    obsvi_writer_body(&w, "obsv_dropped", 12);
    obsvi_writer_attr_str(&w, "sink", 4, name, strlen(name));
    obsvi_writer_attr_i64(&w, "dropped", 7, (int64_t)sum);
    write_reasons(&w, sink, fresh);
    return obsvi_writer_end(&w) ? (const struct obsvi_record_head *)a->space : NULL;
}
