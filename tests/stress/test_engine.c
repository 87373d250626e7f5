/* The whole engine under many threads, short-lived threads, forks and restarts, with stdout as the sink:
 * every record arrives or is counted, once, whole, in its thread's order. Run under the thread sanitizer as
 * well. */
#include "obsv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { THREADS = 6, RECORDS = 3000, SHORT_THREADS = 400 };

static const char *const settings[] = {"OTEL_SERVICE_NAME=stress",
                                       "OTEL_LOG_LEVEL=error",
                                       "OTEL_EXPORTER_OTLP_ENDPOINT=",
                                       "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=",
                                       "OBSV_STDOUT_BUFFER_BYTES=67108864",
                                       "LOG_LEVEL=INFO",
                                       NULL};
static const struct obsv_options options = {sizeof options, settings};
static int real_stdout;
static FILE *captured;

static int set_up(void **state)
{
    (void)state;
    fflush(stdout);
    captured = tmpfile();
    real_stdout = dup(STDOUT_FILENO);
    dup2(fileno(captured), STDOUT_FILENO);
    return obsv_init(&options);
}

static int tear_down(void **state)
{
    (void)state;
    obsv_shutdown(10000);
    dup2(real_stdout, STDOUT_FILENO);
    close(real_stdout);
    fclose(captured);
    return 0;
}

static struct obsv_stats stats(void)
{
    struct obsv_stats s;
    assert_int_equal(obsv_stats_get(&s, sizeof s), 0);
    return s;
}

/* Law 2, for both sinks. */
static void assert_balanced(const struct obsv_stats *s)
{
    assert_int_equal(s->accepted, s->stdout_delivered + s->stdout_pending + s->stdout_dropped_ring_full +
                                      s->stdout_dropped_buffer_full + s->stdout_dropped_closed +
                                      s->stdout_dropped_off + s->stdout_dropped_shutdown +
                                      s->stdout_dropped_internal);
    assert_int_equal(s->accepted, s->export_delivered + s->export_pending + s->export_dropped_ring_full +
                                      s->export_dropped_outbox_full + s->export_dropped_expired +
                                      s->export_dropped_rejected + s->export_dropped_off +
                                      s->export_dropped_shutdown + s->export_dropped_internal);
}

struct tally {
    uint64_t lines;
    long last[THREADS]; /* number of each thread's last record */
};

/* Reads what was captured; each line is whole, and each thread's records are in order. */
static struct tally tally_lines(void)
{
    struct tally t = {.lines = 0};
    char line[4096];
    memset(t.last, 0xff, sizeof t.last);
    rewind(captured);
    while (fgets(line, sizeof line, captured)) {
        const char *thread = strstr(line, "\"thread_number\":");
        const char *number = strstr(line, "\"number\":");
        assert_int_equal(line[0], '{');
        assert_string_equal(line + strlen(line) - 2, "}\n");
        if (strstr(line, "\"message\":\"obsv_dropped\"")) /* a full ring tells of itself; not counted */
            continue;
        assert_non_null(thread);
        assert_non_null(number);
        long who = atol(thread + 16), n = atol(number + 9);
        assert_in_range(who, 0, THREADS - 1);
        assert_true(n > t.last[who]);
        t.last[who] = n;
        t.lines++;
    }
    return t;
}

static void *log_many(void *arg)
{
    struct obsv_logger *log = obsv_logger_get("stress");
    for (int i = 0; i < RECORDS; i++)
        OBSV_INFO(log, "tick", obsv_i64("thread_number", (intptr_t)arg), obsv_i64("number", i),
                  obsv_f64("px", i * 0.5), obsv_str("symbol", "BTC-USD"),
                  obsv_bool("last", i == RECORDS - 1));
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct obsv_stats before = stats();
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)i), 0);
    assert_int_equal(obsv_flush(60000), 0); /* while they log */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(obsv_flush(60000), 0);

    struct obsv_stats s = stats();
    assert_balanced(&s);
    assert_int_equal(s.stdout_pending, 0);
    assert_int_equal(s.accepted - before.accepted, THREADS * RECORDS);
    uint64_t full = s.stdout_dropped_ring_full - before.stdout_dropped_ring_full;
    assert_int_equal(tally_lines().lines, THREADS * RECORDS - full);
    assert_int_equal(s.stdout_delivered - before.stdout_delivered, THREADS * RECORDS - full);
}

static void *log_one(void *arg)
{
    OBSV_WARN(NULL, "short", obsv_i64("thread_number", 0), obsv_i64("number", (intptr_t)arg));
    return NULL;
}

static void test_rings_of_ended_threads_are_drained_and_used_again(void **state)
{
    (void)state;
    for (intptr_t i = 0; i < SHORT_THREADS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, log_one, (void *)i), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(obsv_flush(60000), 0);
    struct obsv_stats s = stats();
    assert_balanced(&s);
    assert_int_equal(s.stdout_dropped_internal, 0);
    assert_int_equal(tally_lines().lines, SHORT_THREADS);
}

#ifndef __SANITIZE_THREAD__
static int is_forking_done;

static void *log_until_forked(void *arg)
{
    for (int i = 0; !__atomic_load_n(&is_forking_done, __ATOMIC_ACQUIRE); i++) {
        OBSV_INFO(NULL, "parent", obsv_i64("thread_number", (intptr_t)arg), obsv_i64("number", i));
        usleep(10); /* pace, not synchronisation: a flood would only test the full ring */
    }
    return NULL;
}

/* The child's exit code: 0, or the number of what was wrong. */
static int child(int number)
{
    struct obsv_stats s = stats();
    if (s.accepted != 0 || s.stdout_pending != 0)
        return 1; /* it does not begin clean */
    for (int i = 0; i < 10; i++)
        OBSV_ERROR(NULL, "child", obsv_i64("thread_number", 1), obsv_i64("number", number * 10 + i));
    if (obsv_flush(60000) != 0)
        return 2;
    s = stats();
    if (s.accepted != 10 || s.stdout_delivered != 10)
        return 3;
    return obsv_shutdown(60000) == 0 ? 0 : 4;
}

static void test_forks_while_another_thread_logs(void **state)
{
    (void)state;
    pthread_t thread;
    is_forking_done = 0;
    struct obsv_stats before = stats();
    assert_int_equal(pthread_create(&thread, NULL, log_until_forked, (void *)0), 0);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(child(i));
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    __atomic_store_n(&is_forking_done, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(obsv_flush(60000), 0);
    struct obsv_stats s = stats();
    assert_balanced(&s);
    uint64_t of_parent = s.stdout_delivered - before.stdout_delivered;
    assert_int_equal(s.accepted - before.accepted,
                     of_parent + s.stdout_dropped_ring_full - before.stdout_dropped_ring_full);
    assert_int_equal(tally_lines().lines, of_parent + 20 * 10);
}

#endif

static void test_starts_again_after_shutdown(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        OBSV_INFO(NULL, "on", obsv_i64("thread_number", 0), obsv_i64("number", i));
        assert_int_equal(obsv_init(&options), OBSV_ERR_ALREADY);
        assert_int_equal(obsv_shutdown(60000), 0);
        assert_int_equal(obsv_shutdown(60000), OBSV_ERR_STATE);
        uint64_t late = stats().stdout_dropped_shutdown;
        OBSV_INFO(NULL, "off", obsv_i64("thread_number", 0), obsv_i64("number", i));
        assert_int_equal(stats().stdout_dropped_shutdown, late + 1);
        assert_int_equal(obsv_flush(0), OBSV_ERR_STATE);
        assert_int_equal(obsv_init(&options), 0);
    }
    struct obsv_stats s = stats();
    assert_balanced(&s);
    assert_int_equal(tally_lines().lines, 5);
}

static void test_the_threshold_is_obeyed_and_can_be_moved(void **state)
{
    (void)state;
    uint64_t before = stats().accepted;
    OBSV_DEBUG(NULL, "no", obsv_i64("thread_number", 0));
    assert_false(obsv_enabled(OBSV_SEVERITY_DEBUG));
    assert_int_equal(stats().accepted, before);
    obsv_set_severity(OBSV_SEVERITY_DEBUG);
    OBSV_DEBUG(NULL, "yes", obsv_i64("thread_number", 0), obsv_i64("number", 0));
    assert_int_equal(stats().accepted, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rings_of_ended_threads_are_drained_and_used_again, set_up,
                                        tear_down),
#ifndef __SANITIZE_THREAD__ /* its run-time does not support new threads in the child of a threaded process  \
                             */
        cmocka_unit_test_setup_teardown(test_forks_while_another_thread_logs, set_up, tear_down),
#endif
        cmocka_unit_test_setup_teardown(test_starts_again_after_shutdown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_threshold_is_obeyed_and_can_be_moved, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
