/* values: records that no program should log, and that must harm nobody but themselves (law 3). */
#ifndef TESTS_SOAK_VALUES_H
#define TESTS_SOAK_VALUES_H

#include "random.h"
#include "obsv.h"

enum { VALUES_ITEMS_MAX = 4096 };

/* One thread's generator and the space that the attributes of one record are built in. */
struct values {
    struct rng rng;
    size_t used;
    struct obsv_attr items[VALUES_ITEMS_MAX];
};

/* Once, before any thread: the text that all strings are cut from. */
void values_open(uint64_t seed);

/* One log call with a number of its own, counted if it passes the level check. */
void values_log(struct values *v);

#endif
