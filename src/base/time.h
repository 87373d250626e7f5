/* time: the steady clock by which everything is scheduled. Wall-clock jumps do not touch it. */
#ifndef OBSVI_BASE_TIME_H
#define OBSVI_BASE_TIME_H

#include <stdint.h>
#include <time.h>

static inline uint64_t obsvi_steady_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#endif
