/* clock: the time stamp of a record. Nanoseconds since 1970-01-01 UTC, read through the vDSO: no system call.
 */
#ifndef OBSVI_FRONT_CLOCK_H
#define OBSVI_FRONT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t obsvi_clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
