/* pairs: a small ordered map of texts (struct obsvi_pairs of config.h): headers, resource attributes. */
#ifndef OBSVI_CONFIG_PAIRS_H
#define OBSVI_CONFIG_PAIRS_H

#include "config/config.h"

/* Adds the pair at the end, or gives the key its new value in its old place. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_pairs_set(struct obsvi_pairs *p, struct obsvi_str key, struct obsvi_str value)
    __attribute__((warn_unused_result));

/* NULL: no such key, or an empty value. */
const char *obsvi_pairs_find(const struct obsvi_pairs *p, const char *key);

void obsvi_pairs_remove(struct obsvi_pairs *p, const char *key);

/* Frees and wipes. */
void obsvi_pairs_fini(struct obsvi_pairs *p);

#endif
