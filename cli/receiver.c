/* receiver: see receiver.h. HTTP itself is libmicrohttpd's, run from the caller's poll loop ("external" mode,
 * epoll).
 *
 * A request is judged as soon as its headers are there. If it will be refused, its body is read all the same
 * and thrown away, so that the connection stays usable and the client, which is still sending, gets to see
 * the answer instead of a reset; only a client that asked first ("Expect: 100-continue"), or announces far
 * more than is allowed, is answered at once.
 */
#include "receiver.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "gunzip.h"
#include "status.h"

#define PATH             "/v1/logs"
#define DRAIN_BYTES_MAX  (4ull * OBSVI_RECEIVER_BODY_MAX)
#define IDLE_SECONDS     300
#define CONNECTION_BYTES (128 * 1024)
#define PROTOBUF_TYPE    "application/x-protobuf"
#define JSON_TYPE        "application/json"

struct obsvi_receiver {
    struct obsvi_receiver_options options;
    struct MHD_Daemon *daemon;
    struct obsvi_receiver_counts counts;
    bool is_done;
};

struct request {
    bool is_protobuf;
    bool is_gzip;
    bool is_logs;     /* a POST to the logs path */
    bool is_answered; /* at once, without waiting for the body */
    bool is_last;     /* the one that reached stop_after_records */
    int refused;      /* HTTP status, 0: not refused so far */
    const char *why;
    struct obsvi_bytes body;
};

static const char help_text[] =
    "obsv listen: a receiver of OTLP/HTTP logs for development.\n"
    "\n"
    "POST an ExportLogsServiceRequest (application/x-protobuf or application/json, gzip or not) to " PATH
    ".\n"
    "Applications: set OTEL_EXPORTER_OTLP_ENDPOINT to this address, without a path.\n";

/* ---- Judging the headers ------------------------------------------------------------------------------- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

static void refuse(struct request *q, int status, const char *why)
{
    if (!q->refused) {
        q->refused = status;
        q->why = why;
    }
}

/* Compares without parameters ("; charset=utf-8") and case. */
static bool is_token(const char *value, const char *token)
{
    size_t n = strlen(token);
    return strncasecmp(value, token, n) == 0 && (value[n] == '\0' || value[n] == ';' || value[n] == ' ');
}

static bool is_logs_path(const char *path)
{
    size_t n = strlen(path), m = strlen(PATH);
    return n >= m && strcmp(path + n - m, PATH) == 0;
}

static void judge_target(struct request *q, const char *path, const char *method)
{
    bool is_post = strcmp(method, "POST") == 0;
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (strcmp(path, "/") == 0 && is_get)
        return;
    if (!is_logs_path(path))
        refuse(q, 404,
               "no such path: this receiver takes logs only, POST to " PATH
               " (set OTEL_EXPORTER_OTLP_ENDPOINT without a path)");
    else if (!is_post)
        refuse(q, 405, "only POST is allowed on " PATH);
    else
        q->is_logs = true;
}

static void judge_content(struct request *q, struct MHD_Connection *connection)
{
    const char *type = header(connection, "Content-Type"), *encoding = header(connection, "Content-Encoding");
    q->is_protobuf = is_token(type, PROTOBUF_TYPE);
    q->is_gzip = is_token(encoding, "gzip");
    if (q->is_logs && !q->is_protobuf && !is_token(type, JSON_TYPE))
        refuse(q, 415, "the Content-Type must be " PROTOBUF_TYPE " or " JSON_TYPE);
    if (q->is_logs && *encoding && !q->is_gzip && !is_token(encoding, "identity"))
        refuse(q, 415, "the Content-Encoding must be gzip or identity");
}

/* True if the client should not even send what it announces. */
static bool judge_length(struct request *q, struct MHD_Connection *connection)
{
    uint64_t announced = strtoull(header(connection, "Content-Length"), NULL, 10);
    if (q->is_logs && announced > OBSVI_RECEIVER_BODY_MAX)
        refuse(q, 413, "the request body is larger than 64 MiB");
    return q->refused && (announced > DRAIN_BYTES_MAX || *header(connection, "Expect"));
}

/* ---- Answers ------------------------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct MHD_Connection *connection, int status, const char *type,
                                   const void *body, size_t n)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(n, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    if (status == 405)
        MHD_add_response_header(response, "Allow", "POST");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned int)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_status(struct obsvi_receiver *r, struct MHD_Connection *connection,
                                   struct request *q, const char *method, const char *path)
{
    struct obsvi_bytes body = {0};
    obsvi_status_write(&body, q->is_protobuf, obsvi_status_code(q->refused), q->why);
    if (q->is_logs && q->refused < 500)
        r->counts.malformed++;
    r->options.on_refused(q->refused, method, path, q->why, r->options.arg);
    enum MHD_Result result =
        body.failed ? MHD_NO
                    : send_answer(connection, q->refused, q->is_protobuf ? PROTOBUF_TYPE : JSON_TYPE,
                                  body.data, body.len);
    obsvi_bytes_fini(&body);
    return result;
}

/* An ExportLogsServiceResponse with nothing set. */
static enum MHD_Result send_success(struct MHD_Connection *connection, const struct request *q)
{
    return q->is_protobuf ? send_answer(connection, 200, PROTOBUF_TYPE, "", 0)
                          : send_answer(connection, 200, JSON_TYPE, "{}", 2);
}

/* ---- The body ------------------------------------------------------------------------------------------ */

static void count_record(const json_t *record, void *arg)
{
    struct obsvi_receiver *r = arg;
    r->counts.records++;
    r->options.on_record(record, r->options.arg);
}

static void refuse_for(struct request *q, enum obsvi_decode_result result, const char *why)
{
    static const int statuses[] = {
        [OBSVI_DECODE_MALFORMED] = 400, [OBSVI_DECODE_TOO_LARGE] = 413, [OBSVI_DECODE_NO_MEMORY] = 503};
    if (result != OBSVI_DECODE_OK)
        refuse(q, statuses[result], why);
}

static void inflate_body(struct request *q)
{
    struct obsvi_bytes inflated = {0};
    enum obsvi_decode_result result =
        obsvi_gunzip(q->body.data, q->body.len, OBSVI_RECEIVER_BODY_MAX, &inflated);
    refuse_for(q, result,
               result == OBSVI_DECODE_TOO_LARGE ? "the request body is larger than 64 MiB after decompression"
               : result == OBSVI_DECODE_MALFORMED ? "the request body is not valid gzip"
                                                  : "out of memory");
    obsvi_bytes_fini(&q->body);
    q->body = inflated;
}

static enum MHD_Result answer_logs(struct obsvi_receiver *r, struct MHD_Connection *connection,
                                   struct request *q, const char *method, const char *path)
{
    struct obsvi_decoder d = {.each = count_record, .arg = r};
    if (q->body.failed)
        refuse(q, 503, "out of memory");
    if (!q->refused && q->is_gzip)
        inflate_body(q);
    if (!q->refused) {
        enum obsvi_decode_result result = q->is_protobuf
                                              ? obsvi_decode_protobuf(&d, q->body.data, q->body.len)
                                              : obsvi_decode_json(&d, q->body.data, q->body.len);
        refuse_for(q, result, d.why);
    }
    if (q->refused)
        return send_status(r, connection, q, method, path);
    r->counts.requests++;
    q->is_last = r->options.stop_after_records && r->counts.records >= r->options.stop_after_records;
    r->options.on_request(r->options.arg);
    return send_success(connection, q);
}

static void feed(struct request *q, const char *data, size_t n)
{
    if (q->is_logs && !q->refused && n > OBSVI_RECEIVER_BODY_MAX - q->body.len)
        refuse(q, 413, "the request body is larger than 64 MiB");
    if (q->refused)
        obsvi_bytes_fini(&q->body);
    else if (q->is_logs)
        obsvi_bytes_put(&q->body, data, n);
}

/* ---- libmicrohttpd ------------------------------------------------------------------------------------- */

static enum MHD_Result begin(struct obsvi_receiver *r, struct MHD_Connection *connection, const char *path,
                             const char *method, void **slot)
{
    struct request *q = calloc(1, sizeof *q);
    if (!q)
        return MHD_NO;
    *slot = q;
    judge_target(q, path, method);
    judge_content(q, connection);
    q->is_answered = judge_length(q, connection);
    return q->is_answered ? send_status(r, connection, q, method, path) : MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_bytes, void **slot)
{
    struct obsvi_receiver *r = cls;
    struct request *q = *slot;
    (void)version;
    if (!q)
        return begin(r, connection, path, method, slot);
    if (*data_bytes) {
        feed(q, data, *data_bytes);
        *data_bytes = 0;
        return MHD_YES;
    }
    if (q->is_answered)
        return MHD_YES;
    if (q->is_logs)
        return answer_logs(r, connection, q, method, path);
    if (q->refused)
        return send_status(r, connection, q, method, path);
    return send_answer(connection, 200, "text/plain; charset=utf-8", help_text, sizeof help_text - 1);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode how)
{
    struct obsvi_receiver *r = cls;
    struct request *q = *slot;
    (void)connection;
    (void)how;
    if (!q)
        return;
    r->is_done |= q->is_last;
    obsvi_bytes_fini(&q->body);
    free(q);
    *slot = NULL;
}

struct obsvi_receiver *obsvi_receiver_open(const struct obsvi_receiver_options *options)
{
    struct obsvi_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->options = *options;
    r->daemon = MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, on_access, r,                     //
                                 MHD_OPTION_LISTEN_SOCKET, options->socket,                    //
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, r,                 //
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,        //
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, //
                                 MHD_OPTION_END);
    if (!r->daemon) {
        free(r);
        return NULL;
    }
    return r;
}

void obsvi_receiver_close(struct obsvi_receiver *r)
{
    if (r) {
        MHD_stop_daemon(r->daemon);
        free(r);
    }
}

nfds_t obsvi_receiver_poll(struct obsvi_receiver *r, struct pollfd *fds)
{
    fd_set read_set, write_set, except_set;
    MHD_socket last = -1;
    nfds_t count = 0;
    FD_ZERO(&read_set);
    FD_ZERO(&write_set);
    FD_ZERO(&except_set);
    MHD_get_fdset(r->daemon, &read_set, &write_set, &except_set, &last);
    for (int fd = 0; fd <= last && count < OBSVI_RECEIVER_POLL_MAX; fd++) {
        short events =
            (short)((FD_ISSET(fd, &read_set) ? POLLIN : 0) | (FD_ISSET(fd, &write_set) ? POLLOUT : 0));
        if (events || FD_ISSET(fd, &except_set))
            fds[count++] = (struct pollfd){.fd = fd, .events = events};
    }
    return count;
}

int obsvi_receiver_timeout_ms(struct obsvi_receiver *r)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(r->daemon, &timeout_ms) != MHD_YES)
        return -1;
    return timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
}

void obsvi_receiver_run(struct obsvi_receiver *r)
{
    MHD_run(r->daemon);
}

bool obsvi_receiver_is_done(const struct obsvi_receiver *r)
{
    return r->is_done;
}

struct obsvi_receiver_counts obsvi_receiver_counts(const struct obsvi_receiver *r)
{
    return r->counts;
}
