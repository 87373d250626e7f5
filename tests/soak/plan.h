/* plan: the random settings of one start of the engine. */
#ifndef TESTS_SOAK_PLAN_H
#define TESTS_SOAK_PLAN_H

#include "random.h"

#include <stdint.h>

enum { PLAN_SETTINGS_MAX = 32, PLAN_TEXT_BYTES = 96 };

struct plan {
    char text[PLAN_SETTINGS_MAX][PLAN_TEXT_BYTES];
    const char *settings[PLAN_SETTINGS_MAX + 1];
    unsigned count;
};

void plan_make(struct plan *p, struct rng *r, uint16_t port);

#endif
