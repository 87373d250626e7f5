/* summary: the start-up line. A service whose logs go nowhere must say so in its first line, with the reason.
 */
#include "config/config.h"
#include "config/endpoint.h"

#include <stdio.h>
#include <stdlib.h>

void obsvi_config_summary(const struct obsvi_config *c, char *line, size_t line_bytes)
{
    const char *out = c->stdout_on ? "JSON on stdout" : "nothing on stdout (OBSV_STDOUT is off)";
    if (!c->export_on) {
        snprintf(line, line_bytes, "service \"%s\": %s; nothing is exported: %s", c->service_name, out,
                 c->export_off_reason);
        return;
    }
    char *url = obsvi_endpoint_mask(c->endpoint);
    snprintf(line, line_bytes, "service \"%s\": %s; exporting to %s (%s%s)", c->service_name, out,
             url ? url : "the endpoint", c->protocol == OBSVI_HTTP_JSON ? "http/json" : "http/protobuf",
             c->compression == OBSVI_COMPRESSION_GZIP ? ", gzip" : "");
    free(url);
}
