/* endpoint: the URL that records are posted to.
 *
 * Rules (spec: protocol/exporter.md, Endpoint URLs for OTLP/HTTP): the logs variable is used as it is, and
 * only a URL without any path gets "/"; the general variable is a base to which "v1/logs" is appended with
 * exactly one slash; scheme, host, port and path are honoured and otherwise left alone. Ours where the
 * specification leaves it open: a query stays behind the path (some vendors want a key there), a fragment
 * goes (it is never sent), user and password go with a warning (a URL is printed too easily to hold a
 * secret).
 *
 * libcurl's parser decides what is a URL and which host it names: it is the one that will connect.
 */
#ifndef OBSVI_CONFIG_ENDPOINT_H
#define OBSVI_CONFIG_ENDPOINT_H

#include <stdbool.h>

struct obsvi_endpoint {
    char *url;        /* the caller's to free */
    bool is_plain;    /* http: what is sent can be read on the way */
    bool is_loopback; /* the host is this machine: localhost, 127.0.0.0/8, ::1 */
};

/* `name` is the variable, for the warnings; `is_base`: append v1/logs. Returns 0; OBSV_ERR_ARGUMENT after one
 * warning; OBSV_ERR_NOMEM. */
int obsvi_endpoint_parse(const char *name, const char *text, bool is_base, struct obsvi_endpoint *out)
    __attribute__((warn_unused_result));

/* A URL as it may be printed: without user and password, the query as "?****". NULL: no memory. */
char *obsvi_endpoint_mask(const char *url);

#endif
