/* fit: resource attributes as Loki takes them (base/loki.h).
 *
 * One with an impossible key, or one too many, would have every request of the service's life refused; one
 * called `level` would be the level of each record. So keys are mended as those of records are, and what does
 * not fit is left out; each with one warning for all that it befell.
 */
#ifndef OBSVI_CONFIG_FIT_H
#define OBSVI_CONFIG_FIT_H

#include "config/config.h"

/* Renames what Loki would refuse or take for its own. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_fit_keys(struct obsvi_pairs *attrs) __attribute__((warn_unused_result));

/* Appends to `out` what fits of attrs, without service.name, and then all of `own`. Labels and `own` have
 * their place for sure, then service.version, then the others in their order. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_fit_copy(const struct obsvi_pairs *attrs, const struct obsvi_pairs *own, struct obsvi_pairs *out)
    __attribute__((warn_unused_result));

#endif
