/* The shipper's thread cannot be had (a limit on processes, memory): init says so and the program goes on
 * without records; a forked child keeps its records and tries again. */
#include "fault/program.h"

#include "base/diag.h"

#include <pthread.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
static int refusals_left;
static int refusals;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (refusals_left > 0) {
        refusals_left--;
        refusals++;
        return EAGAIN;
    }
    return __real_pthread_create(thread, attr, run, arg);
}

static char said[4096];

static void keep_diag(const char *line, void *arg)
{
    (void)arg;
    size_t n = strlen(said);
    (void)snprintf(said + n, sizeof said - n, "%s\n", line);
}

static struct obsv_stats stats(void)
{
    struct obsv_stats s;
    (void)obsv_stats_get(&s, sizeof s);
    return s;
}

static const char *const patient[] = {"OBSV_SHUTDOWN_TIMEOUT=60000", NULL};

static void test_init_says_so_and_may_be_called_again(void **state)
{
    (void)state;
    said[0] = '\0';
    obsvi_diag_set_sink(keep_diag, NULL);
    refusals_left = 1;
    assert_int_equal(program_init(patient), OBSV_ERR_NOMEM);
    assert_non_null(strstr(said, "cannot start"));
    program_log("nobody", 10);
    assert_false(obsv_enabled(OBSV_SEVERITY_FATAL));
    assert_int_equal(obsv_flush(60000), OBSV_ERR_STATE);
    assert_int_equal(obsv_shutdown(60000), OBSV_ERR_STATE);

    assert_int_equal(program_init(patient), 0);
    program_log("main", 10);
    assert_int_equal(obsv_flush(60000), 0);
    assert_int_equal(stats().stdout_delivered, 10);
    assert_int_equal(obsv_shutdown(60000), 0);
    obsvi_diag_set_sink(NULL, NULL);
}

/* ---- Forked children: scenarios that return 5
 * ---------------------------------------------------------------------- */

#ifndef __SANITIZE_THREAD__ /* its run-time does not support new threads in the child of a threaded process  \
                             */
static int run_child(int refusal_count, int (*child)(void))
{
    int status = 0;
    if (program_init(patient) != 0)
        return 1;
    pid_t pid = program_fork();
    if (pid == 0) {
        refusals_left = refusal_count;
        _exit(child());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int log_on(void)
{
    program_log("child", 1);
    if (refusals != 1 || stats().accepted != 1 || stats().stdout_pending != 1)
        return 3;
    while (stats().stdout_delivered == 0) { /* one of these calls tries again */
        program_log("again", 1);
        program_breathe();
    }
    if (obsv_flush(60000) != 0)
        return 4;
    return stats().stdout_delivered == stats().accepted ? 5 : 6;
}

static int flush(void)
{
    program_log("child", 1);
    if (obsv_flush(60000) != OBSV_ERR_TIMEOUT || stats().stdout_pending != 1)
        return 3;
    if (refusals != 2 || obsv_flush(60000) != 0)
        return 4;
    return stats().stdout_delivered == 1 ? 5 : 6;
}

static int shut_down(void)
{
    program_log("child", 1);
    if (refusals != 1 || obsv_shutdown(60000) != 0)
        return 4;
    return stats().stdout_delivered == 1 ? 5 : 6;
}

static int shut_down_in_vain(void)
{
    program_log("child", 1);
    if (obsv_shutdown(60000) != OBSV_ERR_TIMEOUT)
        return 3;
    struct obsv_stats s = stats();
    return s.accepted == 1 && s.stdout_pending == 1 && s.export_pending == 1 ? 5 : 4;
}

static int child_logs_on(void)
{
    return run_child(1, log_on);
}

static int child_flushes(void)
{
    return run_child(2, flush);
}

static int child_shuts_down(void)
{
    return run_child(1, shut_down);
}

static int child_shuts_down_in_vain(void)
{
    return run_child(1000, shut_down_in_vain);
}

static void succeeds(const char *scenario, int lines)
{
    struct program p = program_start(scenario);
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, "\"who\":\"child\""), lines);
    program_close(&p);
}

static void test_a_forked_child_keeps_its_records_and_tries_again(void **state)
{
    (void)state;
    succeeds("child_logs_on", 1);
    succeeds("child_flushes", 1);
    succeeds("child_shuts_down", 1);
    succeeds("child_shuts_down_in_vain", 0);
}

static const struct program_scenario scenarios[] = {
    {"child_logs_on", child_logs_on},
    {"child_flushes", child_flushes},
    {"child_shuts_down", child_shuts_down},
    {"child_shuts_down_in_vain", child_shuts_down_in_vain},
    {NULL, NULL},
};
#endif

int main(int argc, char **argv)
{
    (void)argv;
#ifndef __SANITIZE_THREAD__
    if (argc > 1)
        return program_main(scenarios, argv[1]);
#else
    (void)argc;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_says_so_and_may_be_called_again),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_a_forked_child_keeps_its_records_and_tries_again),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
