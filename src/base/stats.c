/* stats: where the counters live. */
#include "base/stats.h"

_Atomic uint64_t obsvi_stats[OBSVI_STAT_COUNT];
