/* stats: the counters of the shipper and its sinks. A statistic is an entry of OBSV_STATS_LIST (obsv.h) and
 * one relaxed add.
 *
 * [w: shipper; r: anyone.] What callers count lies in their rings (front/registry.h) and is added by
 * obsv_stats_get.
 */
#ifndef OBSVI_BASE_STATS_H
#define OBSVI_BASE_STATS_H

#include "obsv.h"

#include <stdatomic.h>

enum obsvi_stat {
#define OBSVI_STAT_ID(name) OBSVI_STAT_##name,
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

#endif
