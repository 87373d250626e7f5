/* budget: keeps one record within what Loki takes on a line (FIELD_FACTS §4.3): entries and bytes of
 * structured metadata, counting what Loki adds by itself (severity, scope, trace ids) and what it repeats on
 * each line (resource attributes).
 *
 * A record above a limit is refused by the server, so here something of it is given up, visibly: values are
 * cut with a mark; an attribute that cannot be cut is left out and counted.
 */
#ifndef OBSVI_ENCODE_BUDGET_H
#define OBSVI_ENCODE_BUDGET_H

#include "encode/view.h"

/* The resource attributes that are structured metadata rather than labels. */
struct obsvi_cost obsvi_budget_resource(const struct obsvi_config *config);

/* Cuts and drops among the first given_count attributes of the view; those after are our own. */
void obsvi_budget_apply(struct obsvi_view *view, uint32_t given_count);

#endif
