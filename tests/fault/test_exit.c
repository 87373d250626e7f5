/* The end of a C program (G14): what it logged comes out, its exit status is its own, and a dead endpoint
 * costs the deadline at most. */
#include "fault/program.h"

#include <pthread.h>

static const char *setting;

static int start(void)
{
    if (program_init((const char *const[]){setting, NULL}) != 0)
        return 1;
    program_log("main", 100);
    return 0;
}

static int returns_from_main(void)
{
    return start() ? 1 : 5;
}

static int calls_exit(void)
{
    if (start() == 0)
        exit(5);
    return 1;
}

static int calls_quick_exit(void)
{
    if (start() == 0)
        quick_exit(5);
    return 1;
}

static int flushes_and_calls__exit(void)
{
    if (start() == 0 && obsv_flush(60000) == 0)
        _exit(5);
    return 1;
}

static void *log_and_exit(void *arg)
{
    program_log("main", 50);
    exit(5);
    return arg;
}

static int exits_in_another_thread(void)
{
    pthread_t thread;
    if (program_init(NULL) != 0)
        return 1;
    program_log("main", 50);
    pthread_create(&thread, NULL, log_and_exit, NULL);
    pthread_exit(NULL);
}

static void log_late(void)
{
    program_log("main", 50);
}

static int logs_in_a_callback(void)
{
    if (program_init(NULL) != 0 || atexit(log_late) != 0)
        return 1;
    program_log("main", 50);
    return 5;
}

/* Registered before init, so it runs after the shutdown: counted, not delivered. */
static void log_too_late(void)
{
    struct obsv_stats before, after;
    (void)obsv_stats_get(&before, sizeof before);
    program_log("late", 10);
    (void)obsv_stats_get(&after, sizeof after);
    if (before.stdout_delivered != 100 ||
        after.stdout_dropped_shutdown != before.stdout_dropped_shutdown + 10)
        _exit(6);
}

static int logs_in_a_callback_from_before(void)
{
    return atexit(log_too_late) == 0 && start() == 0 ? 5 : 1;
}

#ifndef __SANITIZE_THREAD__ /* its run-time does not support new threads in the child of a threaded process  \
                             */
static int ends_a_forked_child(void)
{
    if (program_init(NULL) != 0)
        return 1;
    pid_t pid = program_fork();
    if (pid == 0) {
        program_log("main", 100);
        exit(7);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 5 : 2;
}
#endif

static int has_a_dead_endpoint(void)
{
    setting = "OBSV_SHUTDOWN_TIMEOUT=200";
    return start() ? 1 : 5;
}

#define ROW(name) {#name, name}
static const struct program_scenario scenarios[] = {
    ROW(returns_from_main),
    ROW(calls_exit),
    ROW(calls_quick_exit),
    ROW(flushes_and_calls__exit),
    ROW(exits_in_another_thread),
    ROW(logs_in_a_callback),
    ROW(logs_in_a_callback_from_before),
#ifndef __SANITIZE_THREAD__ /* its run-time does not support new threads in the child of a threaded process  \
                             */
    ROW(ends_a_forked_child),
#endif
    {NULL, NULL},
};
static const struct program_scenario slow_scenarios[] = {ROW(has_a_dead_endpoint), {NULL, NULL}};

static void exits_with_all_lines(const struct program_scenario *list)
{
    for (; list->name; list++) {
        struct program p = program_start(list->name);
        print_message("%s\n", list->name);
        assert_exited(program_wait(&p), 5);
        assert_int_equal(program_lines(&p, "\"who\":\"main\""), 100);
        assert_int_equal(program_lines(&p, "\"who\""), 100);
        program_close(&p);
    }
}

static void test_every_way_out(void **state)
{
    (void)state;
    exits_with_all_lines(scenarios);
}

static void test_a_dead_endpoint_holds_nobody(void **state)
{
    (void)state;
    int hole = program_black_hole();
    exits_with_all_lines(slow_scenarios);
    program_black_hole_end(hole);
}

/* OpenSSL gives back what it keeps for a thread only when that thread ends, which main does not if another
 * one exits. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcrypto\n";
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return program_main(strstr(argv[1], "dead") ? slow_scenarios : scenarios, argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_out),
        cmocka_unit_test(test_a_dead_endpoint_holds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
