/* A shipper that shutdown could not wait for, because the kernel keeps it inside a write, and the next one:
 * each record goes to one of them, once, and when the first comes back it takes nothing from the rings and
 * leaves nothing behind (G10). */
#include "obsv.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { FIRST = 1, BURST = 200, SECOND = 50 };

static sem_t is_in_write, may_go_on;
static _Atomic int blocking_count; /* how many of the coming writes to stdout are kept inside */

/* In place of libc's: the kernel in one of its moods. */
ssize_t write(int fd, const void *data, size_t bytes)
{
    int left = __atomic_load_n(&blocking_count, __ATOMIC_SEQ_CST);
    if (fd == STDOUT_FILENO && left > 0) {
        __atomic_store_n(&blocking_count, left - 1, __ATOMIC_SEQ_CST);
        sem_post(&is_in_write);
        while (sem_wait(&may_go_on) != 0)
            continue;
    }
    return syscall(SYS_write, fd, data, bytes);
}

/* How many of this process's threads are shippers. */
static unsigned shipper_count(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *e; (e = readdir(tasks));) {
        char path[300], name[32] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *comm = e->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (comm) {
            count += fgets(name, sizeof name, comm) && strcmp(name, "obsv-shipper\n") == 0;
            (void)fclose(comm);
        }
    }
    closedir(tasks);
    return count;
}

static void log_records(int from, int count)
{
    for (int i = from; i < from + count; i++)
        OBSV_INFO(NULL, "tick", obsv_i64("number", i));
}

/* Each number at most once; returns how many lines there are. */
static uint64_t count_lines(FILE *out)
{
    static bool seen[FIRST + BURST + SECOND];
    uint64_t lines = 0;
    char line[4096];
    rewind(out);
    while (fgets(line, sizeof line, out)) {
        const char *number = strstr(line, "\"number\":");
        assert_non_null(number);
        long n = atol(number + 9);
        assert_in_range(n, 0, FIRST + BURST + SECOND - 1);
        assert_false(seen[n]);
        seen[n] = true;
        lines++;
    }
    return lines;
}

static void test_the_next_shipper_has_the_rings_to_itself(void **state)
{
    (void)state;
    const char *settings[] = {"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_LOG_LEVEL=error", NULL};
    const struct obsv_options options = {sizeof options, settings};
    FILE *out = tmpfile();
    int real_stdout = dup(STDOUT_FILENO);
    (void)fflush(stdout);
    sem_init(&is_in_write, 0, 0);
    sem_init(&may_go_on, 0, 0);
    dup2(fileno(out), STDOUT_FILENO);

    __atomic_store_n(&blocking_count, 2, __ATOMIC_SEQ_CST);
    assert_int_equal(obsv_init(&options), 0);
    log_records(0, FIRST);
    sem_wait(&is_in_write);
    log_records(FIRST,
                BURST); /* for the pass after this one, which writes again while it still has some in hand */
    sem_post(&may_go_on);
    sem_wait(&is_in_write);
    assert_int_equal(obsv_shutdown(0), OBSV_ERR_TIMEOUT);

    assert_int_equal(obsv_init(&options), 0);
    log_records(FIRST + BURST, SECOND);
    assert_int_equal(obsv_flush(60000), 0);
    sem_post(&may_go_on);
    while (shipper_count() > 1) /* the first one's end */
        (void)poll(NULL, 0, 1);
    assert_int_equal(obsv_shutdown(60000), 0);

    struct obsv_stats s;
    dup2(real_stdout, STDOUT_FILENO);
    close(real_stdout);
    assert_int_equal(obsv_stats_get(&s, sizeof s), 0);
    assert_int_equal(s.accepted, FIRST + BURST + SECOND);
    assert_int_equal(s.stdout_pending, 0);
    assert_int_equal(s.accepted, s.stdout_delivered + s.stdout_dropped_shutdown);
    assert_int_equal(s.accepted, s.export_dropped_off);
    assert_int_equal(count_lines(out), s.stdout_delivered);
    (void)fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_shipper_has_the_rings_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
