/* server: see server.h. libmicrohttpd, a thread for each connection, so that one may hang while others are
 * served.
 *
 * Every body is decoded by the command's decoder, which shares nothing with the encoders under test, whatever
 * the answer will be: what cannot be decoded is a violation. The port is kept by a second, bound and never
 * listening, socket while the server is away, so that connections are refused and nobody else takes it.
 */
#include "server.h"

#include "ledger.h"

#include "decode.h"
#include "gunzip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 3, UNPACKED_BYTES_MAX = 64 << 20, WEATHER_STEPS = 8 };

/* One answer of the server. */
struct step {
    int status; /* 0: the connection is closed without an answer; -1: in the middle of the request */
    uint32_t delay_ms;
    const char *retry_after;
    uint32_t rejected_count; /* of partial_success */
};

static const struct step scripts[WEATHER_COUNT][WEATHER_STEPS] = {
    [WEATHER_FINE] = {{200}, {200}, {204}, {200}, {202}, {200}, {200}, {200}},
    [WEATHER_MIXED] = {{200}, {429, 0, "0"}, {204}, {503}, {400}, {0}, {500}, {200, 20}},
    [WEATHER_UNAVAILABLE] = {{503}, {503, 0, "1"}, {502}, {503}, {504}, {503}, {503, 0, "nonsense"}, {503}},
    [WEATHER_LIMITED] = {{429, 0, "0"},
                         {200},
                         {429, 0, "1"},
                         {429},
                         {429, 0, "Thu, 01 Jan 1970 00:00:00 GMT"},
                         {200},
                         {429, 0, "-5"},
                         {429}},
    [WEATHER_REFUSING] = {{400}, {500}, {422}, {260}, {302}, {415}, {408}, {400}},
    [WEATHER_UNAUTHORISED] = {{401}, {403}, {404}, {401}, {401}, {403}, {401}, {200}},
    [WEATHER_TOO_LARGE] = {{413}, {413}, {200}, {413}, {413}, {413}, {200}, {413}},
    [WEATHER_PARTIAL] = {{200, 0, NULL, 1},
                         {200},
                         {200, 0, NULL, 100000},
                         {200, 0, NULL, 3},
                         {200},
                         {200, 0, NULL, 1},
                         {200},
                         {200}},
    [WEATHER_SLOW] = {{200, 50}, {200, 5}, {503, 200}, {200, 20}, {200, 400}, {200, 5}, {429, 30}, {200, 10}},
    [WEATHER_DEAF] = {{200, 3600000},
                      {0, 3600000},
                      {200, 3600000},
                      {503, 3600000},
                      {200, 3600000},
                      {0, 3600000},
                      {204, 3600000},
                      {200, 3600000}},
    [WEATHER_CUT_OFF] = {{0}, {-1}, {0}, {-1}, {-1}, {0}, {200}, {-1}},
};

struct request {
    struct step step;
    unsigned weather_number;
    bool is_json, is_gzip;
    struct obsvi_bytes body;
};

/* ---- In the server's process ---- */

/* `arg` is not NULL if the records are acknowledged. */
static void on_record(const json_t *record, void *arg)
{
    const json_t *number = json_object_get(json_object_get(record, "attributes"), NUMBER_KEY);
    const char *logger = json_string_value(json_object_get(record, "logger"));
    atomic_fetch_add(&ledger->decoded_count, 1);
    if (json_is_integer(number)) {
        if (arg && ledger_mark(ledger->exported, (uint64_t)json_integer_value(number)))
            atomic_fetch_add(&ledger->acknowledged_count, 1);
    } else if (!logger || strcmp(logger, "obsv") != 0) {
        char *shown = json_dumps(record, JSON_COMPACT | JSON_ENSURE_ASCII);
        violate("a record without its number was exported: %.300s", shown ? shown : "");
        free(shown);
    }
}

static void decode(const struct request *r, bool is_acknowledged)
{
    struct obsvi_bytes plain = {0};
    struct obsvi_decoder d = {.each = on_record, .arg = is_acknowledged ? ledger : NULL};
    const struct obsvi_bytes *body = &r->body;
    enum obsvi_decode_result result = OBSVI_DECODE_OK;
    if (r->is_gzip) {
        result = obsvi_gunzip(body->data, body->len, UNPACKED_BYTES_MAX, &plain);
        body = &plain;
    }
    if (result == OBSVI_DECODE_OK)
        result = (r->is_json ? obsvi_decode_json : obsvi_decode_protobuf)(&d, body->data, body->len);
    if (result != OBSVI_DECODE_OK)
        violate("a request of %zu bytes cannot be decoded (%d): %s", r->body.len, (int)result, d.why);
    obsvi_bytes_fini(&plain);
}

/* Until the step's delay is over, or the weather changes or the server is to go. */
static void hang(const struct request *r)
{
    for (uint32_t waited_ms = 0; waited_ms < r->step.delay_ms; waited_ms += LOOK_MS) {
        if (atomic_load(&ledger->weather_number) != r->weather_number || !atomic_load(&ledger->server_is_up))
            return;
        (void)poll(NULL, 0, LOOK_MS);
    }
}

/* ExportLogsServiceResponse.partial_success.rejected_log_records (opentelemetry-proto). */
static struct MHD_Response *answer_to(const struct request *r)
{
    char body[128];
    size_t n = 0;
    const uint32_t rejected = r->step.rejected_count;
    if (rejected && r->is_json) {
        n = (size_t)snprintf(body, sizeof body, "{\"partialSuccess\":{\"rejectedLogRecords\":\"%u\"}}",
                             rejected);
    } else if (rejected) {
        size_t varint = 0;
        char *p = body + 3;
        for (uint32_t left = rejected; left; left >>= 7)
            p[varint++] = (char)((left & 0x7f) | (left >> 7 ? 0x80 : 0));
        body[0] = 0x0a;
        body[1] = (char)(varint + 1);
        body[2] = 0x08;
        n = varint + 3;
    }
    struct MHD_Response *answer = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(answer, "Content-Type",
                            r->is_json ? "application/json" : "application/x-protobuf");
    if (r->step.retry_after)
        MHD_add_response_header(answer, "Retry-After", r->step.retry_after);
    return answer;
}

static bool has_header(struct MHD_Connection *connection, const char *name, const char *value)
{
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return given && strcasecmp(given, value) == 0;
}

static struct request *begin(struct MHD_Connection *connection)
{
    struct request *r = calloc(1, sizeof *r);
    uint64_t number = atomic_fetch_add(&ledger->request_count, 1);
    r->weather_number = atomic_load(&ledger->weather_number);
    r->step = scripts[atomic_load(&ledger->weather)][number % WEATHER_STEPS];
    r->is_json = has_header(connection, "Content-Type", "application/json");
    r->is_gzip = has_header(connection, "Content-Encoding", "gzip");
    return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **context)
{
    (void)cls, (void)url, (void)method, (void)version;
    struct request *r = *context;
    if (!r) {
        *context = begin(connection);
        return MHD_YES;
    }
    if (*upload_bytes) {
        obsvi_bytes_put(&r->body, upload, *upload_bytes);
        *upload_bytes = 0;
        return r->step.status < 0 ? MHD_NO : MHD_YES;
    }
    hang(r);
    decode(r, r->step.status >= 200 && r->step.status < 260);
    if (r->step.status <= 0)
        return MHD_NO;
    struct MHD_Response *answer = answer_to(r);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)r->step.status, answer);
    MHD_destroy_response(answer);
    return result;
}

static void on_end(void *cls, struct MHD_Connection *connection, void **context,
                   enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)connection, (void)why;
    struct request *r = *context;
    if (r)
        obsvi_bytes_fini(&r->body);
    free(r);
    *context = NULL;
}

/* port 0: any. */
static int bound_socket(uint16_t *port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, (struct sockaddr *)&a, n) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        perror("soak: server");
        _exit(2);
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static struct MHD_Daemon *come_up(uint16_t port)
{
    int fd = bound_socket(&port);
    if (listen(fd, 64) != 0) {
        perror("soak: listen");
        _exit(2);
    }
    struct MHD_Daemon *d =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
                         NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    if (!d) {
        perror("soak: MHD_start_daemon");
        _exit(2);
    }
    return d;
}

static void __attribute__((noreturn)) serve(uint16_t port, pid_t parent)
{
    struct MHD_Daemon *daemon = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    while (getppid() == parent) {
        bool is_wanted = atomic_load(&ledger->server_is_up);
        if (is_wanted && !daemon) {
            daemon = come_up(port);
        } else if (!is_wanted && daemon) {
            MHD_stop_daemon(daemon);
            daemon = NULL;
        }
        atomic_store(&ledger->server_was_seen_up, is_wanted);
        (void)poll(NULL, 0, LOOK_MS);
    }
    _exit(0);
}

/* ---- In the soak's process ---- */

struct server server_start(void)
{
    struct server s = {.port = 0};
    pid_t parent = getpid();
    int keeper = bound_socket(&s.port);
    atomic_store(&ledger->server_is_up, true);
    s.pid = fork();
    if (s.pid == 0)
        serve(s.port, parent); /* with the keeper, which stays open there */
    close(keeper);
    server_set_up(&s, true);
    return s;
}

void server_stop(const struct server *s)
{
    int status = 0;
    if (waitpid(s->pid, &status, WNOHANG) != 0) {
        violate("the server ended before its time (wait status %d)", status);
        return;
    }
    kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, &status, 0);
}

void server_set_weather(unsigned weather)
{
    atomic_store(&ledger->weather, weather);
    atomic_fetch_add(&ledger->weather_number, 1);
}

void server_set_up(const struct server *s, bool is_up)
{
    atomic_store(&ledger->server_is_up, is_up);
    while (atomic_load(&ledger->server_was_seen_up) != is_up && kill(s->pid, 0) == 0)
        (void)poll(NULL, 0, 1);
}
