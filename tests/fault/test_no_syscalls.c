/* Law 1 as the kernel sees it: while the endpoint is a black hole, stdout a pipe that nobody reads and the
 * ring full, a thread that may make no system call at all (seccomp kills the process at the first one) logs a
 * hundred thousand records. */
#include "obsv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { RECORDS = 100000 };

/* Allows the end of the thread and nothing else. */
static int forbid_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int is_forbidden, errno_after, is_done;

static void *log_under_seccomp(void *arg)
{
    struct obsv_logger *log = arg;
    is_forbidden = forbid_system_calls() == 0;
    if (is_forbidden) {
        errno = 4711;
        for (int i = 0; i < RECORDS; i++) { /* the thread's very first log call included */
            OBSV_WARN(log, "order_rejected", obsv_str("symbol", "BTC-USD"), obsv_i64("number", i),
                      obsv_f64("px", i * 0.5));
            obsv_log_text(log, OBSV_SEVERITY_ERROR, NULL, "free text", NULL, 0);
            OBSV_DEBUG(log, "off");
        }
        errno_after = errno;
    }
    __atomic_store_n(&is_done, 1, __ATOMIC_RELEASE);
    syscall(SYS_exit, 0); /* not pthread_exit: it would unmap and signal */
    return NULL;
}

/* A listening socket whose backlog is full: connections to it are neither accepted nor refused. */
static int black_hole(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    for (int i = 0; i < 2; i++) {
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(filler, (struct sockaddr *)&a, n);
    }
    return fd;
}

static void test_a_log_call_makes_no_system_call(void **state)
{
    (void)state;
    int pipe_ends[2];
    uint16_t port;
    char endpoint[64];
    black_hole(&port);
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    fflush(stdout);
    int real_stdout = dup(STDOUT_FILENO);
    dup2(pipe_ends[1], STDOUT_FILENO);
    snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u", port);
    const char *settings[] = {endpoint, "OTEL_SERVICE_NAME=seccomp", "OTEL_LOG_LEVEL=none", NULL};
    const struct obsv_options options = {sizeof options, settings};
    assert_int_equal(obsv_init(&options), 0);

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, log_under_seccomp, obsv_logger_get("seccomp")), 0);
    pthread_join(thread, NULL);
    assert_true(is_forbidden);
    assert_true(__atomic_load_n(&is_done, __ATOMIC_ACQUIRE));
    assert_int_equal(errno_after, 4711);

    (void)obsv_shutdown(0);
    dup2(real_stdout, STDOUT_FILENO);
    struct obsv_stats s;
    assert_int_equal(obsv_stats_get(&s, sizeof s), 0);
    assert_int_equal(s.accepted, 2 * RECORDS);
    assert_true(s.stdout_dropped_ring_full + s.stdout_dropped_buffer_full >
                0); /* the ring or the buffer was full: worth testing */
    assert_int_equal(s.accepted, s.export_delivered + s.export_pending + s.export_dropped_ring_full +
                                     s.export_dropped_outbox_full + s.export_dropped_shutdown);
    assert_int_equal(s.accepted, s.stdout_delivered + s.stdout_pending + s.stdout_dropped_ring_full +
                                     s.stdout_dropped_buffer_full + s.stdout_dropped_shutdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_log_call_makes_no_system_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
