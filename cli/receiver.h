/* receiver: the server side of OTLP/HTTP for logs.
 *
 * Rules: opentelemetry-proto, docs/specification.md, "OTLP/HTTP". POST to a path that ends in /v1/logs;
 * protobuf or JSON; gzip or nothing; every refusal carries a google.rpc.Status in the request's own encoding.
 * A body is limited to OBSVI_RECEIVER_BODY_MAX, counted after decompression.
 *
 * It has no thread: the caller polls the descriptors of obsvi_receiver_poll and calls obsvi_receiver_run, so
 * records are handed out, and requests answered, between two polls of one loop. A request is answered after
 * its records were handed out.
 */
#ifndef OBSVI_CLI_RECEIVER_H
#define OBSVI_CLI_RECEIVER_H

#include <poll.h>

#include "decode.h"

#define OBSVI_RECEIVER_BODY_MAX (64u << 20)

struct obsvi_receiver_options {
    int socket; /* listening; the receiver takes it over */
    obsvi_record_fn on_record;
    void (*on_request)(void *arg); /* the records of one request have been handed out; before the answer */
    void (*on_refused)(int status, const char *method, const char *path, const char *why, void *arg);
    void *arg;
    uint64_t stop_after_records; /* 0: never */
};

struct obsvi_receiver_counts {
    uint64_t records;
    uint64_t requests;  /* answered with 200 */
    uint64_t malformed; /* of those for /v1/logs, refused for what they hold: 400, 413, 415 */
};

struct obsvi_receiver;

/* NULL: could not be started. `options` is copied. */
struct obsvi_receiver *obsvi_receiver_open(const struct obsvi_receiver_options *options);
void obsvi_receiver_close(struct obsvi_receiver *r);

#define OBSVI_RECEIVER_POLL_MAX 1024

/* Writes what to poll for into `fds`, which has room for OBSVI_RECEIVER_POLL_MAX, and returns how many they
 * are. They are others after each run. */
nfds_t obsvi_receiver_poll(struct obsvi_receiver *r, struct pollfd *fds);
/* How long to poll at most: milliseconds, -1 without limit. */
int obsvi_receiver_timeout_ms(struct obsvi_receiver *r);
void obsvi_receiver_run(struct obsvi_receiver *r);

/* stop_after_records has been reached and the request that did it has been answered. */
bool obsvi_receiver_is_done(const struct obsvi_receiver *r);
struct obsvi_receiver_counts obsvi_receiver_counts(const struct obsvi_receiver *r);

#endif
