/* The stdout sink against every kind of descriptor: nothing is written in part, nothing blocks, everything is
 * counted. */
#include "sink/stdout_sink.h"

#include "base/diag.h"
#include "base/stats.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

enum { LIMIT = 256 * 1024 };

static int real_stdout;

static void quiet(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* the shipper's thread blocks it */
    obsvi_diag_set_sink(quiet, NULL);
    obsvi_stats_reset();
    fflush(stdout);
    real_stdout = dup(STDOUT_FILENO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(real_stdout, STDOUT_FILENO);
    close(real_stdout);
    obsvi_diag_set_sink(NULL, NULL);
    return 0;
}

/* A line of exactly `bytes` bytes, the newline included. */
static bool put_line(struct obsvi_stdout_sink *s, size_t bytes)
{
    struct obsvi_bytes *b = obsvi_stdout_line_begin(s, 2);
    if (!b)
        return false;
    size_t start = b->len;
    uint8_t *at = obsvi_bytes_room(b, bytes);
    memset(at, 'x', bytes - 1);
    at[bytes - 1] = '\n';
    b->len += bytes;
    return obsvi_stdout_line_end(s, 2, start, true);
}

static uint64_t dropped(enum obsv_drop reason)
{
    return obsvi_drops[reason][2];
}

static void become_stdout(int fd)
{
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    close(fd);
}

/* What is readable now; complete lines only, or the test fails. Returns their number. */
static size_t read_lines(int fd)
{
    static char buffer[1 << 20];
    size_t n = 0, lines = 0;
    for (ssize_t got; n < sizeof buffer && (got = read(fd, buffer + n, sizeof buffer - n)) > 0;)
        n += (size_t)got;
    for (size_t i = 0; i < n; i++)
        lines += buffer[i] == '\n';
    assert_true(n == 0 || buffer[n - 1] == '\n');
    return lines;
}

static void test_a_full_pipe_costs_lines_not_time(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    become_stdout(ends[1]);
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);

    size_t offered = 0, taken = 0, read_back = 0;
    for (; offered < 20000;
         offered++) { /* 2 MB into 64 KiB of pipe and 256 KiB of buffer: would block for ever */
        taken += put_line(&s, 100);
        if (offered % 50 == 0)
            obsvi_stdout_pump(&s);
    }
    assert_true(obsvi_stdout_poll_fd(&s) >= 0);
    assert_true(taken < offered);
    assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0); /* the shared description is as it was */
    assert_int_equal(dropped(OBSV_DROP_stdout_dropped_buffer_full), offered - taken);

    while (!obsvi_stdout_is_idle(&s)) {
        read_back += read_lines(ends[0]);
        obsvi_stdout_pump(&s);
    }
    read_back += read_lines(ends[0]);
    assert_int_equal(read_back, taken);
    assert_int_equal(obsvi_stat_get(OBSVI_STAT_stdout_delivered), taken);
    assert_true(put_line(&s, 100)); /* recovered */
    obsvi_stdout_close(&s);
    assert_int_equal(dropped(OBSV_DROP_stdout_dropped_shutdown), 1);
    close(ends[0]);
}

static void test_long_lines_arrive_whole(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    become_stdout(ends[1]);
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);
    size_t lines = 0;
    for (size_t bytes = PIPE_BUF - 2; bytes < 40000; bytes += 4001, lines++)
        assert_true(put_line(&s, bytes));
    size_t read_back = 0;
    while (!obsvi_stdout_is_idle(&s)) {
        obsvi_stdout_pump(&s);
        read_back += read_lines(ends[0]); /* at each moment, only whole lines are in the pipe */
    }
    assert_int_equal(read_back, lines);
    obsvi_stdout_close(&s);
    close(ends[0]);
}

static void test_a_reader_that_left_is_final(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    become_stdout(ends[1]);
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);
    close(ends[0]);
    assert_true(put_line(&s, 100));
    obsvi_stdout_pump(&s);
    assert_false(put_line(&s, 100));
    assert_int_equal(dropped(OBSV_DROP_stdout_dropped_closed), 2);
    assert_int_equal(obsvi_stdout_pending(&s), 0);
    obsvi_stdout_close(&s);
}

static void test_a_full_device_is_tried_again(void **state)
{
    (void)state;
    become_stdout(open("/dev/full", O_WRONLY | O_CLOEXEC));
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);
    for (int i = 0; i < 3; i++) {
        assert_true(put_line(&s, 100));
        obsvi_stdout_pump(&s);
    }
    assert_int_equal(dropped(OBSV_DROP_stdout_dropped_closed), 3);
    become_stdout(open("/dev/null", O_WRONLY | O_CLOEXEC)); /* the application redirects */
    assert_true(put_line(&s, 100));
    obsvi_stdout_pump(&s);
    assert_int_equal(obsvi_stat_get(OBSVI_STAT_stdout_delivered), 1);
    obsvi_stdout_close(&s);
}

static void test_a_closed_descriptor_is_left_alone(void **state)
{
    (void)state;
    close(STDOUT_FILENO);
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);
    FILE *other = tmpfile(); /* takes descriptor 1 */
    assert_int_equal(fileno(other), STDOUT_FILENO);
    assert_false(put_line(&s, 100));
    obsvi_stdout_pump(&s);
    assert_int_equal(lseek(fileno(other), 0, SEEK_END), 0);
    assert_int_equal(dropped(OBSV_DROP_stdout_dropped_closed), 1);
    obsvi_stdout_close(&s);
    fclose(other);
}

static void test_a_socket_and_a_file_work(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    become_stdout(ends[1]);
    struct obsvi_stdout_sink s;
    obsvi_stdout_open(&s, LIMIT);
    assert_true(put_line(&s, 100));
    obsvi_stdout_pump(&s);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(read_lines(ends[0]), 1);

    FILE *file = tmpfile();
    become_stdout(dup(fileno(file)));
    assert_int_equal(write(STDOUT_FILENO, "before\n", 7), 7);
    assert_true(put_line(&s, 100)); /* follows the redirection, after what others wrote */
    obsvi_stdout_pump(&s);
    assert_int_equal(write(STDOUT_FILENO, "after\n", 6), 6);
    assert_int_equal(lseek(fileno(file), 0, SEEK_END), 7 + 100 + 6);
    obsvi_stdout_close(&s);
    fclose(file);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_full_pipe_costs_lines_not_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lines_arrive_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_that_left_is_final, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_device_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_closed_descriptor_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_socket_and_a_file_work, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
