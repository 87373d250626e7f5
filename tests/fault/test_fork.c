/* fork (G7): at the instant of the copy the shipper is between two passes, so that the child finds no lock of
 * malloc, libcurl or TLS in the hands of a thread that it does not have; and a shipper that is stuck cannot
 * hold a fork up. */
#include "fault/program.h"

#include "ship/pass.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

void __real_obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms);
void __wrap_obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms);
static atomic_bool is_in_pass, is_to_be_stuck;
static atomic_uint pass_count;

void __wrap_obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms)
{
    atomic_store(&is_in_pass, true);
    program_breathe(); /* most of the time is spent here, so that a fork without care would meet it */
    while (atomic_load(&is_to_be_stuck))
        (void)poll(NULL, 0, -1);
    __real_obsvi_pass_pump(p, now_ms);
    atomic_store(&is_in_pass, false);
    atomic_fetch_add(&pass_count, 1);
}

/* Registered before init, so that the first runs after the library's own handler and the second before it. */
static unsigned met_count;
static unsigned pass_count_at_fork;

static void just_before_fork(void)
{
    met_count += atomic_load(&is_in_pass);
    pass_count_at_fork = atomic_load(&pass_count);
}

static void just_after_fork(void)
{
    met_count += atomic_load(&is_in_pass) || atomic_load(&pass_count) != pass_count_at_fork;
}

enum { FORKS = 100 };

static int forks_often(void)
{
    if (pthread_atfork(just_before_fork, just_after_fork, NULL) != 0 || program_init(NULL) != 0)
        return 1;
    for (int i = 0; i < FORKS; i++) {
        program_log("main", 1);
        unsigned passes = atomic_load(&pass_count);
        while (atomic_load(&pass_count) == passes && !atomic_load(&is_in_pass))
            program_breathe();
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return met_count == 0 ? 5 : 2;
}

static int forks_with_a_stuck_shipper(void)
{
    if (program_init((const char *const[]){"OBSV_SHUTDOWN_TIMEOUT=0", NULL}) != 0)
        return 1;
    atomic_store(&is_to_be_stuck, true);
    while (!atomic_load(&is_in_pass))
        program_breathe();
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(5);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static const struct program_scenario scenarios[] = {
    {"forks_often", forks_often},
    {"forks_with_a_stuck_shipper", forks_with_a_stuck_shipper},
    {NULL, NULL},
};

static void test_between_two_passes(void **state)
{
    (void)state;
    struct program p = program_start("forks_often");
    assert_exited(program_wait(&p), 5);
    assert_int_equal(program_lines(&p, "\"who\":\"main\""), FORKS);
    program_close(&p);
}

static void test_a_stuck_shipper_does_not_hold_it_up(void **state)
{
    (void)state;
    struct program p = program_start("forks_with_a_stuck_shipper");
    assert_exited(program_wait(&p), 5);
    program_close(&p);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return program_main(scenarios, argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_two_passes),
        cmocka_unit_test(test_a_stuck_shipper_does_not_hold_it_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
