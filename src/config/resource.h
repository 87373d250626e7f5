/* resource: who sends: service.name, the user's attributes, telemetry.sdk.*. */
#ifndef OBSVI_CONFIG_RESOURCE_H
#define OBSVI_CONFIG_RESOURCE_H

#include "config/config.h"
#include "config/given.h"

/* Fills resource, service_name, environment and version. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_resource_build(struct obsvi_givens *g, struct obsvi_config *out)
    __attribute__((warn_unused_result));

#endif
