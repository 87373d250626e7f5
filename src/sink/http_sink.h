/* http_sink: one POST at a time to the OTLP endpoint, through libcurl's multi interface.
 *
 * The shipper owns the event loop: it calls obsvi_http_start, then obsvi_http_pump whenever the loop turns,
 * until the latter hands out the result. The sink knows HTTP, TLS and what a server's answer says; it decides
 * nothing (ship/retry.h does).
 *
 * Security (law 5): certificates are verified, redirects are not followed (they would carry the token
 * elsewhere), only http and https are spoken, and headers, which may hold a token, never enter a message.
 *
 * Rejected: several requests in flight. Loki wants each stream's oldest lines first, one connection carries
 * some thousand records a second, and the order of acknowledgements stays obvious.
 */
#ifndef OBSVI_SINK_HTTP_SINK_H
#define OBSVI_SINK_HTTP_SINK_H

#include "config/config.h"

#include <poll.h>

struct obsvi_http_sink;

struct obsvi_http_result {
    int status;             /* HTTP status; 0: no answer was had */
    int64_t retry_after_ms; /* from Retry-After, seconds or HTTP date; -1: none */
    int64_t rejected_count; /* partial_success */
    char message[512];      /* the server's or libcurl's words, one printable line, possibly empty */
};

/* NULL: no memory, or libcurl could not be set up. Keeps a pointer to `config`. */
struct obsvi_http_sink *obsvi_http_new(const struct obsvi_config *config);
/* Aborts a request in flight; does not block (name look-ups are abandoned, not joined). */
void obsvi_http_free(struct obsvi_http_sink *s);

/* Other headers from now on; not while a request is in flight. Returns 1, or 0 if they are the ones already
 * in use, or OBSV_ERR_NOMEM; in the last two cases nothing changed. */
int obsvi_http_set_headers(struct obsvi_http_sink *s, const struct obsvi_pairs *headers);

/* Begins a POST. `body` must stay as it is until the result. Returns 0, or OBSV_ERR_NOMEM. */
int obsvi_http_start(struct obsvi_http_sink *s, const void *body, size_t body_bytes, bool is_gzip,
                     uint32_t timeout_ms);
bool obsvi_http_is_busy(const struct obsvi_http_sink *s);
/* Moves the transfer on without waiting; true once: the result of the request is in *out. */
bool obsvi_http_pump(struct obsvi_http_sink *s, struct obsvi_http_result *out);

/* Waits at most timeout_ms for the transfer, for `extra` to become writable (fd < 0: not asked), or for
 * obsvi_http_wake. */
void obsvi_http_wait(struct obsvi_http_sink *s, int extra_fd, int timeout_ms);
/* From any thread. */
void obsvi_http_wake(struct obsvi_http_sink *s);

/* In the child of a fork: closes the inherited connection without a word to the server, and forgets the rest.
 */
void obsvi_http_after_fork(struct obsvi_http_sink *s);

#endif
