/* statistics: what the threads, the shipper and the sinks counted, brought together for whoever asks.
 *
 * No lock is taken and nobody is stopped: each number is right, and all of them together are when nothing
 * moves.
 */
#include "engine.h"

#include "base/diag.h"
#include "base/stats.h"
#include "front/registry.h"

#include <inttypes.h>
#include <stdio.h>

/* Flat totals, in the order of OBSV_DROPS_LIST, from the table by level. */
static void add_up_drops(struct obsv_stats *s)
{
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++) {
#define ADD_UP(name, help) s->name += s->dropped_by_level[OBSV_DROP_##name][level];
        OBSV_DROPS_LIST(ADD_UP)
#undef ADD_UP
    }
}

static void read_stats(struct obsv_stats *s)
{
    struct obsvi_registry_counts front = {0};
    int id = 0;
#define READ(name, help) s->name = obsvi_stat_get((enum obsvi_stat)id++);
    OBSV_STATS_LIST(READ)
#undef READ
    for (int i = 0; i < OBSV_DROP_COUNT; i++)
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            s->dropped_by_level[i][level] =
                atomic_load_explicit(&obsvi_drops[i][level], memory_order_relaxed);
    if (obsvi_registry_count() > 0) {
        obsvi_registry_count_up(&front);
        obsvi_registry_add_drops(s->dropped_by_level);
    }
    add_up_drops(s);
    s->accepted = front.accepted;
    s->stdout_pending += front.pending;
    s->export_pending += front.pending;
    s->ring_bytes = front.bytes;
    obsvi_diag_last(s->last_error, sizeof s->last_error);
}

int obsv_stats_get(struct obsv_stats *out, size_t out_bytes)
{
    struct obsv_stats s = {0};
    read_stats(&s);
    memset(out, 0, out_bytes);
    memcpy(out, &s, out_bytes < sizeof s ? out_bytes : sizeof s);
    return obsvi_registry_count() > 0 ? 0 : OBSV_ERR_STATE; /* rings: it was initialised once */
}

/* "ring_full 3, shutdown 12": the reasons of one sink that somebody would have wanted otherwise, and what is
 * still pending (a signal that ends the process takes it along). Returns their sum. */
static uint64_t describe_loss(const struct obsv_stats *s, const char *sink, uint64_t pending, char *out,
                              size_t out_bytes)
{
    uint64_t sum = 0;
    size_t len = 0;
    const struct {
        const char *name;
        uint64_t count;
    } drops[] = {
#define DROP(name, help) {#name, s->name},
        OBSV_DROPS_LIST(DROP)
#undef DROP
    };
    for (size_t i = 0; i < OBSV_DROP_COUNT; i++) {
        const char *reason = drops[i].name + strlen(sink) + strlen("_dropped_");
        if (drops[i].count == 0 || strncmp(drops[i].name, sink, strlen(sink)) != 0 ||
            strcmp(reason, "off") == 0)
            continue;
        sum += drops[i].count;
        int n =
            snprintf(out + len, out_bytes - len, "%s%s %" PRIu64, len ? ", " : "", reason, drops[i].count);
        len = n > 0 && (size_t)n < out_bytes - len ? len + (size_t)n : out_bytes - 1;
    }
    if (pending)
        (void)snprintf(out + len, out_bytes - len, "%sundelivered %" PRIu64, len ? ", " : "", pending);
    return sum + pending;
}

/* One line a sink, only if something was lost there that somebody wanted. */
void obsvi_statistics_say_what_was_lost(void)
{
    struct obsv_stats s;
    char reasons[256];
    (void)obsv_stats_get(&s, sizeof s);
    uint64_t lost =
        s.export_dropped_off ? 0 : describe_loss(&s, "export", s.export_pending, reasons, sizeof reasons);
    if (lost)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                   "%" PRIu64 " of %" PRIu64 " records did not reach the endpoint (%s)", lost, s.accepted,
                   reasons);
    lost = s.stdout_dropped_off ? 0 : describe_loss(&s, "stdout", s.stdout_pending, reasons, sizeof reasons);
    if (lost)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%" PRIu64 " of %" PRIu64 " records did not reach stdout (%s)",
                   lost, s.accepted, reasons);
}
