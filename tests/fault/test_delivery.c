/* The export sink against a server that follows a script, one status a request. Each scenario ends with law
 * 2: every record is delivered, counted under one reason, or pending. */
#include "base/diag.h"
#include "obsv.h"

#include <microhttpd.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* ---- The scripted server ------------------------------------------------------------------------------- */

enum { STEPS_MAX = 8, BODIES_MAX = 16, BODY_BYTES_MAX = 65536 };

struct step {
    int status;              /* 0 ends the script: the last step is repeated */
    const char *retry_after; /* or NULL */
    const char *body;        /* or NULL; protobuf */
    size_t body_bytes;
};

static struct {
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct step steps[STEPS_MAX];
    unsigned request_count;
    struct {
        char bytes[BODY_BYTES_MAX];
        size_t size;
    } bodies[BODIES_MAX];
    char authorization[64];
} server;

static const struct step *next_step(void)
{
    unsigned i = server.request_count < STEPS_MAX ? server.request_count : STEPS_MAX - 1;
    while (i > 0 && server.steps[i].status == 0)
        i--;
    return &server.steps[i];
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **context)
{
    (void)cls, (void)method, (void)version;
    static int begun;
    unsigned slot = server.request_count < BODIES_MAX ? server.request_count : BODIES_MAX - 1;
    if (!*context) {
        *context = &begun;
        server.bodies[slot].size = 0;
        return MHD_YES;
    }
    if (*upload_bytes) {
        size_t room = BODY_BYTES_MAX - server.bodies[slot].size;
        size_t n = *upload_bytes < room ? *upload_bytes : room;
        memcpy(server.bodies[slot].bytes + server.bodies[slot].size, upload, n);
        server.bodies[slot].size += n;
        *upload_bytes = 0;
        return MHD_YES;
    }
    const struct step *step = next_step();
    const char *authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    snprintf(server.authorization, sizeof server.authorization, "%s", authorization ? authorization : "");
    struct MHD_Response *r = MHD_create_response_from_buffer(step->body_bytes, (void *)(uintptr_t)step->body,
                                                             MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/x-protobuf");
    if (step->retry_after)
        MHD_add_response_header(r, "Retry-After", step->retry_after);
    if (step->status >= 300 && step->status < 400)
        MHD_add_response_header(r, "Location", "http://127.0.0.1:1/stolen");
    int status = strcmp(url, "/otlp/v1/logs") == 0 ? step->status : 404;
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, r);
    MHD_destroy_response(r);
    __atomic_add_fetch(&server.request_count, 1, __ATOMIC_RELEASE);
    return result;
}

/* ---- Set-up -------------------------------------------------------------------------------------------- */

static char last_diag[2048];

static void keep_diag(const char *line, void *arg)
{
    (void)arg;
    snprintf(last_diag, sizeof last_diag, "%s", line);
}

static int start_server(void **state)
{
    (void)state;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&server, 0, sizeof server);
    server.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, NULL,
                                     MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&any, MHD_OPTION_END);
    if (!server.daemon)
        return -1;
    server.port = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    obsvi_diag_set_sink(keep_diag, NULL);
    last_diag[0] = '\0';
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    obsv_shutdown(0);
    MHD_stop_daemon(server.daemon);
    obsvi_diag_set_sink(NULL, NULL);
    return 0;
}

static void start_engine(unsigned port, const char *extra)
{
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u/otlp", port);
    const char *settings[] = {endpoint,
                              "OTEL_SERVICE_NAME=fault",
                              "OBSV_STDOUT=off",
                              "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20c2VjcmV0",
                              "OTEL_BLRP_SCHEDULE_DELAY=10",
                              extra,
                              NULL};
    const struct obsv_options options = {sizeof options, settings};
    assert_int_equal(obsv_init(&options), 0);
}

static struct obsv_stats before;

static void log_records(int count)
{
    obsv_stats_get(&before, sizeof before);
    for (int i = 0; i < count; i++)
        OBSV_INFO(NULL, "order_submitted", obsv_i64("number", i));
}

/* Statistics since log_records; law 2 holds in the absolute ones. */
static struct obsv_stats since(void)
{
    struct obsv_stats s;
    obsv_stats_get(&s, sizeof s);
    assert_int_equal(s.accepted, s.export_delivered + s.export_pending + s.export_dropped_ring_full +
                                     s.export_dropped_outbox_full + s.export_dropped_rejected +
                                     s.export_dropped_off + s.export_dropped_shutdown +
                                     s.export_dropped_internal);
    s.accepted -= before.accepted;
    s.export_delivered -= before.export_delivered;
    s.export_dropped_rejected -= before.export_dropped_rejected;
    s.export_dropped_shutdown -= before.export_dropped_shutdown;
    s.export_dropped_outbox_full -= before.export_dropped_outbox_full;
    s.export_retries -= before.export_retries;
    s.export_requests -= before.export_requests;
    return s;
}

/* ---- Scenarios ----------------------------------------------------------------------------------------- */

static void test_any_2xx_is_delivery(void **state)
{
    (void)state;
    const int statuses[] = {200, 202, 204};
    start_engine(server.port, NULL);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        server.steps[0].status = statuses[i];
        log_records(3);
        assert_int_equal(obsv_flush(60000), 0);
        struct obsv_stats s = since();
        assert_int_equal(s.export_delivered, 3);
        assert_int_equal(s.export_last_status, statuses[i]);
    }
    assert_string_equal(server.authorization, "Basic c2VjcmV0");
}

static void test_a_retryable_status_is_resent_byte_for_byte(void **state)
{
    (void)state;
    const int statuses[] = {429, 502, 503, 504};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        __atomic_store_n(&server.request_count, 0, __ATOMIC_RELEASE);
        server.steps[0] = (struct step){.status = statuses[i], .retry_after = i % 2 ? NULL : "0"};
        server.steps[1] = (struct step){.status = 200};
        start_engine(server.port, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip");
        log_records(5);
        assert_int_equal(obsv_flush(60000), 0);
        struct obsv_stats s = since();
        assert_int_equal(s.export_delivered, 5);
        assert_int_equal(s.export_retries, 1);
        assert_int_equal(server.bodies[0].size, server.bodies[1].size);
        assert_memory_equal(server.bodies[0].bytes, server.bodies[1].bytes, server.bodies[0].size);
        assert_int_equal(obsv_shutdown(60000), 0);
    }
}

static void test_any_other_status_is_refusal_and_is_not_resent(void **state)
{
    (void)state;
    static const char message[] = "\x12\x0eno such tenant"; /* google.rpc.Status.message */
    const int statuses[] = {400, 408, 415, 422, 500, 501, 260, 307};
    start_engine(server.port, NULL);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        obsvi_diag_set_sink(keep_diag, NULL); /* forget the throttle */
        server.steps[0] =
            (struct step){.status = statuses[i], .body = message, .body_bytes = sizeof message - 1};
        log_records(2);
        assert_int_equal(obsv_flush(60000), 0);
        struct obsv_stats s = since();
        assert_int_equal(s.export_dropped_rejected, 2);
        assert_int_equal(s.export_requests, 1);
        if (statuses[i] >= 400)
            assert_non_null(strstr(last_diag, "no such tenant"));
        assert_null(strstr(last_diag, "c2VjcmV0")); /* law 5 */
    }
}

static void test_partial_success_counts_what_was_rejected(void **state)
{
    (void)state;
    static const char partial[] =
        "\x0a\x0b\x08\x02\x12\x07too old"; /* rejected_log_records 2, error_message "too old" */
    server.steps[0] = (struct step){.status = 200, .body = partial, .body_bytes = sizeof partial - 1};
    start_engine(server.port, NULL);
    log_records(5);
    assert_int_equal(obsv_flush(60000), 0);
    struct obsv_stats s = since();
    assert_int_equal(s.export_delivered, 3);
    assert_int_equal(s.export_dropped_rejected, 2);
    assert_non_null(strstr(last_diag, "too old"));
}

static void test_retry_after_is_waited_for_even_by_flush(void **state)
{
    (void)state;
    server.steps[0] = (struct step){.status = 429, .retry_after = "3600"};
    start_engine(server.port, NULL);
    log_records(1);
    assert_int_equal(obsv_flush(200), OBSV_ERR_TIMEOUT);
    assert_int_equal(obsv_flush(200), OBSV_ERR_TIMEOUT);
    struct obsv_stats s = since();
    assert_int_equal(s.export_requests, 1);
    assert_int_equal(s.export_pending, 1);
    assert_int_equal(obsv_shutdown(0), OBSV_ERR_TIMEOUT);
    assert_int_equal(since().export_dropped_shutdown, 1);
}

/* A port that nobody listens on: bound, not listening, so that no other process can take it meanwhile. */
static int deaf_socket(uint16_t *port, int backlog)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    return fd;
}

static void test_nothing_is_lost_while_the_endpoint_is_away(void **state)
{
    (void)state;
    uint16_t port;
    int fd = deaf_socket(&port, -1);
    start_engine(port, NULL);
    log_records(100);
    assert_int_equal(obsv_flush(100), OBSV_ERR_TIMEOUT);
    struct obsv_stats s = since();
    assert_int_equal(s.export_pending, 100);
    assert_int_equal(obsv_shutdown(100), OBSV_ERR_TIMEOUT);
    s = since();
    assert_int_equal(s.export_pending, 0);
    assert_int_equal(s.export_dropped_shutdown, 100);
    close(fd);
}

static void test_a_server_that_never_answers_does_not_hold_the_exit(void **state)
{
    (void)state;
    uint16_t port;
    int fd = deaf_socket(&port, 8); /* the kernel accepts, nobody reads */
    start_engine(port, NULL);
    log_records(7);
    assert_int_equal(obsv_flush(100), OBSV_ERR_TIMEOUT);
    assert_int_equal(since().export_pending, 7);
    assert_int_equal(obsv_shutdown(100), OBSV_ERR_TIMEOUT);
    assert_int_equal(since().export_dropped_shutdown, 7);
    close(fd);
}

static void test_the_oldest_go_when_the_outbox_is_full(void **state)
{
    (void)state;
    uint16_t port;
    int fd = deaf_socket(&port, -1);
    start_engine(port, "OTEL_BLRP_MAX_QUEUE_SIZE=20");
    obsv_stats_get(&before, sizeof before);
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < 10; k++)
            OBSV_INFO(NULL, "order_submitted", obsv_i64("number", i * 10 + k));
        assert_int_equal(obsv_flush(30), OBSV_ERR_TIMEOUT); /* one batch each */
    }
    struct obsv_stats s = since();
    assert_int_equal(s.accepted, 100);
    assert_true(s.export_pending <= 20);
    assert_int_equal(s.export_dropped_outbox_full, 100 - s.export_pending);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_2xx_is_delivery, start_server, stop_server),
        cmocka_unit_test_setup_teardown(test_a_retryable_status_is_resent_byte_for_byte, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_any_other_status_is_refusal_and_is_not_resent, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_partial_success_counts_what_was_rejected, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_retry_after_is_waited_for_even_by_flush, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_nothing_is_lost_while_the_endpoint_is_away, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_a_server_that_never_answers_does_not_hold_the_exit, start_server,
                                        stop_server),
        cmocka_unit_test_setup_teardown(test_the_oldest_go_when_the_outbox_is_full, start_server,
                                        stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
