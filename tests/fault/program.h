/* program: a scenario in a process of its own, for tests of how processes end.
 *
 * The test executes itself again with the scenario's name, so that the process is a whole one (a thread of
 * its own, no state of the test's) and its end is seen as a parent sees it. Its standard output is a file
 * that the test reads afterwards. The two talk by one byte at a time: program_say_ready in the scenario,
 * program_wait_ready in the test, and program_go back.
 */
#ifndef TESTS_FAULT_PROGRAM_H
#define TESTS_FAULT_PROGRAM_H

#include "obsv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { PROGRAM_READY_FD = 100, PROGRAM_GO_FD = 101 };

struct program {
    pid_t pid;
    int ready_fd, go_fd;
    FILE *out;
};

typedef int (*program_scenario_fn)(void);

struct program_scenario {
    const char *name;
    program_scenario_fn run;
};

/* ---- In the scenario
 * --------------------------------------------------------------------------------------- */

/* `settings`: NULL-terminated, after the ones that all scenarios share. Without an endpoint among them
 * nothing is exported. */
static inline int program_init(const char *const *settings)
{
    const char *all[16] = {"OTEL_SERVICE_NAME=fault", "OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_LOG_LEVEL=error"};
    size_t n = 3;
    while (settings && *settings && n < 15)
        all[n++] = *settings++;
    const char *port = getenv("FAULT_PORT");
    char endpoint[64];
    if (port) {
        (void)snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%s", port);
        all[1] = endpoint;
    }
    const struct obsv_options options = {sizeof options, all};
    return obsv_init(&options);
}

static inline void program_log(const char *who, int count)
{
    for (int i = 0; i < count; i++)
        OBSV_INFO(NULL, "order_submitted", obsv_str("who", who), obsv_i64("number", i));
}

static inline void program_say_ready(void)
{
    if (write(PROGRAM_READY_FD, "r", 1) != 1)
        abort();
}

/* False: the test has gone. */
static inline bool program_wait_go(void)
{
    char c;
    ssize_t n;
    do
        n = read(PROGRAM_GO_FD, &c, 1);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

/* Between two looks at a condition. (The thread sanitizer delivers signals only where a thread may block.) */
static inline void program_breathe(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}

/* fork while the shipper is idle: under the address sanitizer a child would find the locks of its allocator
 * as another thread held them. That a fork may come at any moment is tested without it. */
static inline pid_t program_fork(void)
{
    (void)obsv_flush(60000);
    return fork();
}

static inline int program_main(const struct program_scenario *scenarios, const char *name)
{
    for (; scenarios->name; scenarios++)
        if (strcmp(scenarios->name, name) == 0)
            return scenarios->run();
    return 99;
}

/* ---- In the test
 * ------------------------------------------------------------------------------------------- */

static inline struct program program_start(const char *scenario)
{
    int ready[2], go[2];
    struct program p = {.out = tmpfile()};
    assert_non_null(p.out);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    p.pid = fork();
    if (p.pid == 0) {
        dup2(fileno(p.out), STDOUT_FILENO);
        dup2(ready[1], PROGRAM_READY_FD);
        dup2(go[0], PROGRAM_GO_FD);
        execl("/proc/self/exe", "scenario", scenario, (char *)NULL);
        _exit(98);
    }
    close(ready[1]);
    close(go[0]);
    p.ready_fd = ready[0];
    p.go_fd = go[1];
    return p;
}

static inline void program_wait_ready(const struct program *p)
{
    char c;
    assert_int_equal(read(p->ready_fd, &c, 1), 1);
}

static inline void program_go(const struct program *p)
{
    assert_int_equal(write(p->go_fd, "g", 1), 1);
}

/* The wait status; the program's output stays readable. */
static inline int program_wait(const struct program *p)
{
    int status = 0;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    return status;
}

/* Lines so far that hold `text`. */
static inline int program_lines(const struct program *p, const char *text)
{
    char line[4096], path[64];
    int n = 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d",
                   fileno(p->out)); /* opened anew: a position of its own */
    FILE *again = fopen(path, "r");
    assert_non_null(again);
    while (fgets(line, sizeof line, again))
        n += line[strlen(line) - 1] == '\n' && strstr(line, text) != NULL;
    fclose(again);
    return n;
}

static inline void program_wait_lines(const struct program *p, const char *text, int count)
{
    while (program_lines(p, text) < count)
        program_breathe();
}

static inline void program_close(struct program *p)
{
    close(p->ready_fd);
    close(p->go_fd);
    fclose(p->out);
}

static inline void assert_killed_by(int status, int signal)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signal);
}

static inline void assert_exited(int status, int code)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

/* A port whose connections the kernel accepts and nobody answers, told to the scenarios that follow. */
static inline int program_black_hole(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    char port[8];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    (void)snprintf(port, sizeof port, "%d", ntohs(a.sin_port));
    setenv("FAULT_PORT", port, 1);
    return fd;
}

static inline void program_black_hole_end(int fd)
{
    unsetenv("FAULT_PORT");
    close(fd);
}

#endif
