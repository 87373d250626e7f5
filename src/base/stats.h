/* stats: what the shipper and its sinks count. A statistic is an entry of OBSV_STATS_LIST (obsv.h) and one
 * relaxed add; a dropped record is counted by reason and level, and the totals are made from that when asked
 * for.
 *
 * [w: shipper; r: anyone.] What callers count lies in their rings (front/registry.h) and is added by
 * obsv_stats_get.
 */
#ifndef OBSVI_BASE_STATS_H
#define OBSVI_BASE_STATS_H

#include "obsv.h"

#include <stdatomic.h>

enum obsvi_stat {
#define OBSVI_STAT_ID(name, help) OBSVI_STAT_##name,
    OBSV_STATS_LIST(OBSVI_STAT_ID)
#undef OBSVI_STAT_ID
        OBSVI_STAT_COUNT
};

extern _Atomic uint64_t obsvi_stats[OBSVI_STAT_COUNT];

static inline void obsvi_stat_add(enum obsvi_stat id, uint64_t n)
{
    atomic_fetch_add_explicit(&obsvi_stats[id], n, memory_order_relaxed);
}

static inline void obsvi_stat_set(enum obsvi_stat id, uint64_t value)
{
    atomic_store_explicit(&obsvi_stats[id], value, memory_order_relaxed);
}

static inline uint64_t obsvi_stat_get(enum obsvi_stat id)
{
    return atomic_load_explicit(&obsvi_stats[id], memory_order_relaxed);
}

/* Index of a severity in a count by level: unspecified (0) counts as INFO. */
static inline unsigned obsvi_level_of(uint8_t severity)
{
    return severity == 0 ? 2 : severity > 24 ? 5 : (severity - 1u) / 4;
}

extern _Atomic uint64_t obsvi_drops[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT];

static inline void obsvi_drop_add(enum obsv_drop drop, unsigned level, uint64_t n)
{
    atomic_fetch_add_explicit(&obsvi_drops[drop][level], n, memory_order_relaxed);
}

static inline void obsvi_drop_add_all(enum obsv_drop drop, const uint32_t counts[OBSV_LEVEL_COUNT])
{
    for (unsigned level = 0; level < OBSV_LEVEL_COUNT; level++)
        obsvi_drop_add(drop, level, counts[level]);
}

/* In the child of a fork: everything is zero again. */
void obsvi_stats_reset(void);

#endif
