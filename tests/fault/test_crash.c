/* A crash (G13): what was logged comes out with `process_crashed` at its end, at the price of the deadline at
 * most, and the process dies as it would have died. */
#include "fault/program.h"

#include "ship/pass.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Deadly signals are the scenarios', not the sanitizer's. */
#define NOT_THEIRS "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return NOT_THEIRS;
}

const char *__tsan_default_options(void)
{
    return NOT_THEIRS;
}
#endif
#define CRASHES __attribute__((noinline, no_sanitize("address", "undefined", "thread")))

/* ---- A shipper that can be stuck, or crash
 * ------------------------------------------------------------------------ */

void __real_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms);
void __wrap_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms);
static atomic_bool is_to_be_stuck, is_stuck, is_to_crash;
static void crash_by_segv(void);

void __wrap_obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms)
{
    if (atomic_load(&is_to_crash))
        crash_by_segv();
    if (atomic_load(&is_to_be_stuck)) {
        atomic_store(&is_stuck, true);
        for (;;)
            (void)poll(NULL, 0, -1);
    }
    __real_obsvi_pass_wait(p, timeout_ms);
}

/* ---- Crashes
 * -------------------------------------------------------------------------------------------------------- */

static uint8_t *volatile nowhere = (uint8_t *)64;
static volatile int zero;

static CRASHES void crash_by_segv(void)
{
    *(volatile uint8_t *)nowhere = 1;
}

static CRASHES void crash_by_bus(void)
{
    FILE *empty = tmpfile();
    volatile uint8_t *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(empty), 0);
    (void)*p;
}

static CRASHES void crash_by_fpe(void)
{
    zero = 1 / zero; /* no fault on every machine */
    raise(SIGFPE);
}

static CRASHES void crash_by_ill(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("ud2");
#endif
    raise(SIGILL);
}

static CRASHES int overflow(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

/* ---- Scenarios
 * ------------------------------------------------------------------------------------------------------ */

#define PATIENT "OBSV_CRASH_TIMEOUT=600000"

static int init_and_log(const char *setting)
{
    if (program_init((const char *const[]){setting, NULL}) != 0)
        return 1;
    program_log("main", 100);
    return 0;
}

#define SCENARIO(name, crash)                                                                                \
    static int name(void)                                                                                    \
    {                                                                                                        \
        if (init_and_log(PATIENT) == 0)                                                                      \
            crash;                                                                                           \
        return 1;                                                                                            \
    }

SCENARIO(segv, crash_by_segv())
SCENARIO(bus, crash_by_bus())
SCENARIO(fpe, crash_by_fpe())
SCENARIO(ill, crash_by_ill())
SCENARIO(abrt, abort())
SCENARIO(segv_sent, kill(getpid(), SIGSEGV); for (;;) program_breathe())
SCENARIO(stack_overflow, overflow(0))

static int shipper_is_stuck(void)
{
    if (program_init((const char *const[]){"OBSV_CRASH_TIMEOUT=100", NULL}) != 0)
        return 1;
    atomic_store(&is_to_be_stuck, true);
    while (!atomic_load(&is_stuck))
        program_breathe();
    crash_by_segv();
    return 2;
}

static int shipper_crashes(void)
{
    if (program_init((const char *const[]){PATIENT, NULL}) != 0)
        return 1;
    atomic_store(&is_to_crash, true);
    for (;;)
        program_breathe();
}

static int endpoint_is_dead(void)
{
    if (init_and_log("OBSV_CRASH_TIMEOUT=200") == 0)
        crash_by_segv();
    return 1;
}

static void *crash_in_thread(void *barrier)
{
    pthread_setname_np(pthread_self(), "trader");
    if (barrier)
        pthread_barrier_wait(barrier);
    crash_by_segv();
    return NULL;
}

static int thread_crashes(void)
{
    pthread_t thread;
    if (init_and_log(PATIENT) == 0 && pthread_create(&thread, NULL, crash_in_thread, NULL) == 0)
        pthread_join(thread, NULL);
    return 1;
}

static int threads_crash_together(void)
{
    pthread_t threads[4];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 4);
    if (init_and_log(PATIENT) == 0)
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, crash_in_thread, &barrier);
    pthread_join(threads[0], NULL);
    return 1;
}

/* Judges what reaches a handler that was there before us: the very fault. */
static void own_handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    _exit(signal == SIGSEGV && info->si_code == SEGV_MAPERR && info->si_addr == nowhere ? 5 : 6);
}

static int has_its_own_handler_before(void)
{
    struct sigaction own = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &own, NULL);
    if (init_and_log(PATIENT) == 0)
        crash_by_segv();
    return 1;
}

static struct sigaction before_reporter;

/* As faulthandler does it: says something, puts the one before back, and lets it have the signal. */
static void reporter(int signal)
{
    if (write(STDOUT_FILENO, "{\"reporter\":1}\n", 15) != 15)
        _exit(9);
    sigaction(signal, &before_reporter, NULL);
    raise(signal);
}

static void install_reporter(void)
{
    struct sigaction own = {.sa_handler = reporter, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &own, &before_reporter);
}

static int has_a_reporter_after(void)
{
    if (init_and_log(PATIENT) != 0)
        return 1;
    install_reporter();
    crash_by_segv();
    return 2;
}

/* Ours is in the reporter's chain and stays there over a shutdown; the next start must not close a circle. */
static int has_a_reporter_between_two_starts(void)
{
    if (program_init(NULL) != 0)
        return 1;
    install_reporter();
    (void)obsv_shutdown(60000);
    if (init_and_log(PATIENT) == 0)
        crash_by_segv();
    return 2;
}

static bool segv_is_default(void)
{
    struct sigaction now;
    sigaction(SIGSEGV, NULL, &now);
    return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

static int is_shut_down(void)
{
    if (program_init(NULL) != 0 || segv_is_default())
        return 1;
    (void)obsv_shutdown(60000);
    if (!segv_is_default())
        return 2;
    crash_by_segv();
    return 3;
}

static int is_off(void)
{
    if (program_init((const char *const[]){"OBSV_CRASH_HANDLER=off", NULL}) != 0 || !segv_is_default())
        return 1;
    crash_by_segv();
    return 2;
}

static int is_ignored(void)
{
    signal(SIGABRT, SIG_IGN);
    if (init_and_log(PATIENT) != 0)
        return 1;
    raise(SIGABRT);
    return 5;
}

#ifndef __SANITIZE_THREAD__
static int child_crashes(bool logs)
{
    if (init_and_log(PATIENT) != 0)
        return 1;
    pid_t pid = program_fork();
    if (pid == 0) {
        program_log("child", logs ? 100 : 0);
        crash_by_segv();
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 5 : 2;
}

static int child_that_logs_crashes(void)
{
    return child_crashes(true);
}

static int child_that_does_not_log_crashes(void)
{
    return child_crashes(false);
}
#endif

#define ROW(name) {#name, name}
static const struct program_scenario scenarios[] = {
    ROW(segv),
    ROW(bus),
    ROW(fpe),
    ROW(ill),
    ROW(abrt),
    ROW(segv_sent),
    ROW(stack_overflow),
    ROW(shipper_is_stuck),
    ROW(shipper_crashes),
    ROW(endpoint_is_dead),
    ROW(thread_crashes),
    ROW(threads_crash_together),
    ROW(has_its_own_handler_before),
    ROW(has_a_reporter_after),
    ROW(has_a_reporter_between_two_starts),
    ROW(is_shut_down),
    ROW(is_off),
    ROW(is_ignored),
#ifndef __SANITIZE_THREAD__
    ROW(child_that_logs_crashes),
    ROW(child_that_does_not_log_crashes),
#endif
    {NULL, NULL},
};

/* ---- Tests
 * ----------------------------------------------------------------------------------------------------------
 */

static struct program crash(const char *scenario, int signal)
{
    struct program p = program_start(scenario);
    int status = program_wait(&p);
    assert_killed_by(status, signal);
    return p;
}

static void crashes_with_all_lines(const char *scenario, int signal, const char *name)
{
    char field[64];
    struct program p = crash(scenario, signal);
    (void)snprintf(field, sizeof field, "\"signal\":\"%s\"", name);
    assert_int_equal(program_lines(&p, "\"who\":\"main\""), 100);
    assert_int_equal(program_lines(&p, "process_crashed"), 1);
    assert_int_equal(program_lines(&p, field), 1);
    program_close(&p);
}

static void test_each_signal(void **state)
{
    (void)state;
    crashes_with_all_lines("segv", SIGSEGV, "SIGSEGV");
    crashes_with_all_lines("bus", SIGBUS, "SIGBUS");
    crashes_with_all_lines("fpe", SIGFPE, "SIGFPE");
    crashes_with_all_lines("ill", SIGILL, "SIGILL");
    crashes_with_all_lines("abrt", SIGABRT, "SIGABRT");
    crashes_with_all_lines("segv_sent", SIGSEGV, "SIGSEGV");
}

static void test_the_record_says_where(void **state)
{
    (void)state;
    struct program p = crash("thread_crashes", SIGSEGV);
    assert_int_equal(program_lines(&p, "\"thread.name\":\"trader\""), 1);
    assert_int_equal(program_lines(&p, "\"address\":\"0x40\""), 1);
    assert_int_equal(program_lines(&p, "process crashed: SIGSEGV"), 1);
    program_close(&p);
}

static void test_a_stack_overflow(void **state)
{
    (void)state;
    crashes_with_all_lines("stack_overflow", SIGSEGV, "SIGSEGV");
}

static void test_threads_that_crash_together(void **state)
{
    (void)state;
    crashes_with_all_lines("threads_crash_together", SIGSEGV, "SIGSEGV");
}

static void test_a_shipper_that_cannot_help_costs_the_deadline_at_most(void **state)
{
    (void)state;
    struct program p = crash("shipper_is_stuck", SIGSEGV);
    program_close(&p);
}

static void test_a_crash_of_the_shipper_itself_waits_for_nobody(void **state)
{
    (void)state;
    struct program p = crash("shipper_crashes", SIGSEGV);
    program_close(&p);
}

static void test_a_dead_endpoint_costs_the_deadline_at_most(void **state)
{
    (void)state;
    int hole = program_black_hole();
    crashes_with_all_lines("endpoint_is_dead", SIGSEGV, "SIGSEGV");
    program_black_hole_end(hole);
}

static void test_handlers_before_and_after(void **state)
{
    (void)state;
    struct program p = program_start("has_its_own_handler_before");
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, "process_crashed"), 1);
    program_close(&p);
    crashes_with_all_lines("has_a_reporter_after", SIGSEGV, "SIGSEGV");
    p = crash("has_a_reporter_between_two_starts", SIGSEGV);
    assert_int_equal(program_lines(&p, "\"who\":\"main\""), 100);
    assert_int_equal(program_lines(&p, "process_crashed"), 1);
    assert_true(program_lines(&p, "reporter") >= 1);
    program_close(&p);
}

static void test_where_it_is_not_wanted(void **state)
{
    (void)state;
    const char *const quiet[] = {"is_shut_down", "is_off"};
    for (size_t i = 0; i < 2; i++) {
        struct program p = crash(quiet[i], SIGSEGV);
        assert_int_equal(program_lines(&p, "process_crashed"), 0);
        program_close(&p);
    }
    struct program p = program_start("is_ignored");
    assert_exited(program_wait(&p), 5);
    program_close(&p);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* The same with and without us; whether there is one at all is the machine's decision. */
static void test_the_core_dump_stays(void **state)
{
    (void)state;
    char folder[] = "/tmp/obsv-core-XXXXXX";
    struct rlimit before, all;
    int has_core[2];
    char *here = getcwd(NULL, 0);
    getrlimit(RLIMIT_CORE, &before);
    all = (struct rlimit){before.rlim_max, before.rlim_max};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    setrlimit(RLIMIT_CORE, &all);
    for (int i = 0; i < 2; i++) {
        struct program p = program_start(i ? "segv" : "is_off");
        int status = program_wait(&p);
        assert_killed_by(status, SIGSEGV);
        has_core[i] = WCOREDUMP(status) != 0;
        program_close(&p);
    }
    setrlimit(RLIMIT_CORE, &before);
    assert_int_equal(chdir(here), 0);
    free(here);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(has_core[0], has_core[1]);
}
#endif

#ifndef __SANITIZE_THREAD__
static void test_forked_children(void **state)
{
    (void)state;
    struct program p = program_start("child_that_logs_crashes");
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, "\"who\":\"child\""), 100);
    assert_int_equal(program_lines(&p, "\"who\":\"main\""), 100);
    assert_int_equal(program_lines(&p, "process_crashed"), 1);
    program_close(&p);
    p = program_start("child_that_does_not_log_crashes");
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, "process_crashed"), 0);
    program_close(&p);
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1)
        return program_main(scenarios, argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_signal),
        cmocka_unit_test(test_the_record_says_where),
        cmocka_unit_test(test_a_stack_overflow),
        cmocka_unit_test(test_threads_that_crash_together),
        cmocka_unit_test(test_a_shipper_that_cannot_help_costs_the_deadline_at_most),
        cmocka_unit_test(test_a_crash_of_the_shipper_itself_waits_for_nobody),
        cmocka_unit_test(test_a_dead_endpoint_costs_the_deadline_at_most),
        cmocka_unit_test(test_handlers_before_and_after),
        cmocka_unit_test(test_where_it_is_not_wanted),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(test_the_core_dump_stays),
#endif
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_forked_children),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
