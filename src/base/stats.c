/* stats: where the counters live. */
#include "base/stats.h"

_Atomic uint64_t obsvi_stats[OBSVI_STAT_COUNT];
_Atomic uint64_t obsvi_drops[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT];

void obsvi_stats_reset(void)
{
    for (int i = 0; i < OBSVI_STAT_COUNT; i++)
        obsvi_stat_set((enum obsvi_stat)i, 0);
    for (int i = 0; i < OBSV_DROP_COUNT; i++)
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            atomic_store_explicit(&obsvi_drops[i][level], 0, memory_order_relaxed);
}
