/* SIGTERM, SIGINT and SIGHUP (G12): by default the records come out and the process dies of that signal; what
 * the program handles or ignores is left alone; a process stays killable whatever state the shipper is in. */
#include "fault/program.h"

#include "process/signals.h"
#include "ship/emergency.h"
#include "ship/pass.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---- A shipper that can be stuck
 * ---------------------------------------------------------------------------------- */

void __real_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms);
void __wrap_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms);
static atomic_bool is_to_be_stuck, is_stuck;

void __wrap_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms)
{
    if (atomic_load(&is_to_be_stuck)) {
        atomic_store(&is_stuck, true);
        for (;;)
            (void)poll(NULL, 0, -1);
    }
    __real_obsvi_pass_wait(p, timeout_ms);
}

/* ---- Scenarios
 * ------------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t own_calls;

static void own_handler(int signal)
{
    (void)signal;
    own_calls++;
}

static void install_own(int signal)
{
    struct sigaction own = {.sa_handler = own_handler};
    sigaction(signal, &own, NULL);
}

static bool disposition_is(int signal, void (*handler)(int))
{
    struct sigaction now;
    sigaction(signal, NULL, &now);
    return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == handler;
}

/* Not one pause(): a signal that the thread sanitizer held back is delivered at the next call that may block.
 */
static void pause_for_ever(void)
{
    for (;;)
        program_breathe();
}

static int log_and_wait(void)
{
    program_log("main", 100);
    program_say_ready();
    pause_for_ever();
    return 2;
}

static int logs_and_waits(void)
{
    return program_init(NULL) == 0 ? log_and_wait() : 1;
}

/* As a main loop does whose pause() or poll() was interrupted. */
static int returns_from_main(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=500", NULL}) != 0)
        return 1;
    program_log("main", 100);
    program_say_ready();
    while (!obsvi_emergency_end_signal())
        program_breathe();
    return 3;
}

static int waits_long_for_its_endpoint(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=600000", NULL}) != 0)
        return 1;
    program_log("main", 100);
    program_say_ready();
    while (!obsvi_emergency_end_signal())
        program_breathe();
    program_say_ready();
    pause_for_ever();
    return 2;
}

static int waits_briefly_for_its_endpoint(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=200", NULL}) != 0)
        return 1;
    return log_and_wait();
}

static int has_a_stuck_shipper(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=100", NULL}) != 0)
        return 1;
    atomic_store(&is_to_be_stuck, true);
    while (!atomic_load(&is_stuck))
        program_breathe();
    program_say_ready();
    pause_for_ever();
    return 2;
}

static int has_its_own_handler_before(void)
{
    install_own(SIGTERM);
    if (program_init(NULL) != 0 || !disposition_is(SIGTERM, own_handler))
        return 1;
    program_say_ready();
    while (!own_calls)
        program_breathe();
    program_log("main", 100);
    (void)obsv_shutdown(60000);
    return disposition_is(SIGTERM, own_handler) ? 5 : 2;
}

static int has_its_own_handler_after(void)
{
    if (program_init(NULL) != 0 || disposition_is(SIGTERM, SIG_DFL))
        return 1;
    install_own(SIGTERM);
    program_say_ready();
    while (!own_calls)
        program_breathe();
    program_log("main", 100);
    (void)obsv_shutdown(60000);
    return disposition_is(SIGTERM, own_handler) ? 5 : 2;
}

/* The handler comes while the shipper is already flushing: the signal is the program's then. */
static int takes_the_signal_over(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=500", NULL}) != 0)
        return 1;
    program_log("main", 100);
    program_say_ready();
    while (!obsvi_emergency_end_signal())
        program_breathe();
    install_own(SIGTERM);
    while (!own_calls || obsvi_emergency_end_signal())
        program_breathe();
    return own_calls == 1 && disposition_is(SIGTERM, own_handler) ? 5 : 2;
}

static int ignores_it(void)
{
    signal(SIGTERM, SIG_IGN);
    if (program_init(NULL) != 0)
        return 1;
    raise(SIGTERM);
    program_log("main", 100);
    (void)obsv_shutdown(60000);
    return disposition_is(SIGTERM, SIG_IGN) ? 5 : 2;
}

static int waits_for_it_with_sigwait(void)
{
    sigset_t set;
    int got = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (program_init(NULL) != 0)
        return 1;
    program_say_ready();
    sigwait(&set, &got);
    program_log("main", 100);
    return got == SIGTERM ? 5 : 2;
}

static int has_signals_off(void)
{
    if (program_init((const char *const[]){"OBSV_SIGNALS=off", NULL}) != 0)
        return 1;
    program_log("main", 100);
    bool is_untouched = disposition_is(SIGTERM, SIG_DFL) && disposition_is(SIGINT, SIG_DFL) &&
                        disposition_is(SIGHUP, SIG_DFL);
    return is_untouched ? 5 : 2;
}

static int shuts_down_and_starts_again(void)
{
    for (int i = 0; i < 3; i++) {
        if (program_init(NULL) != 0 || disposition_is(SIGTERM, SIG_DFL) || disposition_is(SIGINT, SIG_DFL))
            return 1;
        (void)obsv_shutdown(60000);
        if (!disposition_is(SIGTERM, SIG_DFL) || !disposition_is(SIGINT, SIG_DFL))
            return 2;
    }
    return logs_and_waits();
}

static int runs_children_of_other_kinds(void)
{
    if (program_init(NULL) != 0)
        return 1;
    int status = system("kill -TERM $$"); /* posix_spawn or vfork, then exec: the default again */
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
        return 2;
#ifndef __SANITIZE_THREAD__ /* its vfork is a fork */
    pid_t pid = vfork();    /* shares this memory: the handler must not touch it for the child */
    if (pid == 0) {
        raise(SIGTERM);
        _exit(97);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
        return 3;
#endif
    return obsvi_emergency_end_signal() ? 4 : log_and_wait();
}

/* Process 1 of a container is not killed by default; what was logged comes out, and it goes on. */
static int is_process_1(void)
{
    if (program_init(NULL) != 0)
        return 1;
    for (int i = 0; i < 2; i++) {
        program_log("main", 50);
        kill(getpid(), SIGTERM);
        while (obsvi_emergency_end_signal())
            program_breathe();
    }
    return 5;
}

#ifndef __SANITIZE_THREAD__ /* its run-time does not support new threads in the child of a threaded process  \
                             */
static int wait_for_child(pid_t pid, int ready_fd)
{
    char c;
    int status = 0;
    if (read(ready_fd, &c, 1) != 1)
        return 3;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 5 : 4;
}

static int forks(int child_count)
{
    int ready[2];
    if (program_init(NULL) != 0 || pipe(ready) != 0)
        return 1;
    program_log("parent", 10);
    pid_t pid = program_fork();
    if (pid == 0) {
        program_log("child", child_count);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        pause_for_ever();
    }
    return wait_for_child(pid, ready[0]);
}

static int has_a_child_that_logs(void)
{
    return forks(100);
}

static int has_a_child_that_does_not_log(void)
{
    return forks(0);
}

/* What the child has made of the signal before it logs stays as it is. */
static int has_a_child_that_wants_the_default(void)
{
    if (program_init(NULL) != 0)
        return 1;
    pid_t pid = program_fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        program_log("child", 100);
        (void)obsv_flush(60000);
        _exit(disposition_is(SIGTERM, SIG_DFL) && !disposition_is(SIGINT, SIG_DFL) ? 5 : 2);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
#endif

static const struct program_scenario scenarios[] = {
    {"logs_and_waits", logs_and_waits},
    {"returns_from_main", returns_from_main},
    {"waits_long_for_its_endpoint", waits_long_for_its_endpoint},
    {"waits_briefly_for_its_endpoint", waits_briefly_for_its_endpoint},
    {"has_a_stuck_shipper", has_a_stuck_shipper},
    {"has_its_own_handler_before", has_its_own_handler_before},
    {"has_its_own_handler_after", has_its_own_handler_after},
    {"takes_the_signal_over", takes_the_signal_over},
    {"ignores_it", ignores_it},
    {"waits_for_it_with_sigwait", waits_for_it_with_sigwait},
    {"has_signals_off", has_signals_off},
    {"shuts_down_and_starts_again", shuts_down_and_starts_again},
    {"runs_children_of_other_kinds", runs_children_of_other_kinds},
    {"is_process_1", is_process_1},
#ifndef __SANITIZE_THREAD__
    {"has_a_child_that_logs", has_a_child_that_logs},
    {"has_a_child_that_does_not_log", has_a_child_that_does_not_log},
    {"has_a_child_that_wants_the_default", has_a_child_that_wants_the_default},
#endif
    {NULL, NULL},
};

/* ---- Tests
 * ----------------------------------------------------------------------------------------------------------
 */

static void dies_with_all_its_lines(const char *scenario, int signal)
{
    struct program p = program_start(scenario);
    program_wait_ready(&p);
    kill(p.pid, signal);
    assert_killed_by(program_wait(&p), signal);
    assert_int_equal(program_lines(&p, "\"who\":\"main\""), 100);
    program_close(&p);
}

static void test_each_signal_kills_after_a_flush(void **state)
{
    (void)state;
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        dies_with_all_its_lines("logs_and_waits", signals[i]);
}

static void test_a_main_that_returns_meanwhile_still_dies_of_the_signal(void **state)
{
    (void)state;
    int hole = program_black_hole(); /* so that the shipper is still flushing when main returns */
    dies_with_all_its_lines("returns_from_main", SIGTERM);
    program_black_hole_end(hole);
}

static void test_after_shutdown_and_another_start(void **state)
{
    (void)state;
    dies_with_all_its_lines("shuts_down_and_starts_again", SIGTERM);
}

static void test_children_by_exec_and_vfork_are_not_concerned(void **state)
{
    (void)state;
    dies_with_all_its_lines("runs_children_of_other_kinds", SIGTERM);
}

static void test_a_second_signal_kills_at_once(void **state)
{
    (void)state;
    const int seconds[] = {SIGTERM, SIGINT};
    int hole = program_black_hole();
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct program p = program_start("waits_long_for_its_endpoint");
        program_wait_ready(&p);
        kill(p.pid, SIGTERM);
        program_wait_ready(&p); /* the first is being served, for ten minutes */
        kill(p.pid, seconds[i]);
        assert_killed_by(program_wait(&p), seconds[i]);
        program_close(&p);
    }
    program_black_hole_end(hole);
}

static void test_a_dead_endpoint_costs_the_deadline_at_most(void **state)
{
    (void)state;
    int hole = program_black_hole();
    dies_with_all_its_lines("waits_briefly_for_its_endpoint", SIGTERM);
    program_black_hole_end(hole);
}

static void test_a_stuck_shipper_does_not_make_it_immortal(void **state)
{
    (void)state;
    struct program p = program_start("has_a_stuck_shipper");
    program_wait_ready(&p);
    kill(p.pid, SIGTERM);
    assert_killed_by(program_wait(&p), SIGTERM);
    program_close(&p);
}

static void exits_with_5_and_all_lines(const char *scenario, int signal, const char *who, int lines)
{
    struct program p = program_start(scenario);
    if (signal) {
        program_wait_ready(&p);
        kill(p.pid, signal);
    }
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, who), lines);
    program_close(&p);
}

static void test_what_the_program_handles_is_its_own(void **state)
{
    (void)state;
    exits_with_5_and_all_lines("has_its_own_handler_before", SIGTERM, "\"who\":\"main\"", 100);
    exits_with_5_and_all_lines("has_its_own_handler_after", SIGTERM, "\"who\":\"main\"", 100);
    exits_with_5_and_all_lines("ignores_it", 0, "\"who\":\"main\"", 100);
    exits_with_5_and_all_lines("waits_for_it_with_sigwait", SIGTERM, "\"who\":\"main\"", 100);
    exits_with_5_and_all_lines("has_signals_off", 0, "\"who\":\"main\"", 100);
    int hole = program_black_hole();
    exits_with_5_and_all_lines("takes_the_signal_over", SIGTERM, "\"who\":\"main\"", 100);
    program_black_hole_end(hole);
}

#ifndef __SANITIZE_THREAD__
static void test_forked_children(void **state)
{
    (void)state;
    exits_with_5_and_all_lines("has_a_child_that_logs", 0, "\"who\":\"child\"", 100);
    exits_with_5_and_all_lines("has_a_child_that_does_not_log", 0, "\"who\":\"parent\"", 10);
    exits_with_5_and_all_lines("has_a_child_that_wants_the_default", 0, "\"who\":\"child\"", 100);
}

static void test_process_1_of_a_container_lives_on(void **state)
{
    (void)state;
    int status = 0;
    pid_t keeper = fork();
    if (keeper == 0) { /* unshare changes the children to come, and they should not be the next test's */
        if (unshare(CLONE_NEWPID) != 0)
            _exit(77);
        struct program p = program_start("is_process_1");
        status = program_wait(&p);
        bool ok =
            WIFEXITED(status) && WEXITSTATUS(status) == 5 && program_lines(&p, "\"who\":\"main\"") == 100;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(keeper, &status, 0), keeper);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* not allowed here */
    assert_exited(status, 0);
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1)
        return program_main(scenarios, argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_signal_kills_after_a_flush),
        cmocka_unit_test(test_a_main_that_returns_meanwhile_still_dies_of_the_signal),
        cmocka_unit_test(test_after_shutdown_and_another_start),
        cmocka_unit_test(test_children_by_exec_and_vfork_are_not_concerned),
        cmocka_unit_test(test_a_second_signal_kills_at_once),
        cmocka_unit_test(test_a_dead_endpoint_costs_the_deadline_at_most),
        cmocka_unit_test(test_a_stuck_shipper_does_not_make_it_immortal),
        cmocka_unit_test(test_what_the_program_handles_is_its_own),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_forked_children),
        cmocka_unit_test(test_process_1_of_a_container_lives_on),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
