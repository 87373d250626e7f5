/* A thread goes on in the ring of one that ended, over the very bytes that the shipper read last (G2, G5).
 * The order of memory alone keeps them apart, so nothing here may order the threads besides: no flush, no
 * lock between the shipper and the second thread. Tells something under the thread sanitizer only. */
#include "obsv.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { TEXT_BYTES = 60000, FIRST = 6, SECOND = 6 }; /* each less than a ring of 512 KiB, together more */

static char text[TEXT_BYTES];

static void *log_texts(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        OBSV_INFO(NULL, "text", obsv_strn("text", text, sizeof text));
    return NULL;
}

static void run_thread(int count)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, log_texts, &count), 0);
    pthread_join(thread, NULL);
}

/* By relaxed loads. */
static void wait_until_drained(void)
{
    struct obsv_stats s;
    do {
        (void)poll(NULL, 0, 1);
        assert_int_equal(obsv_stats_get(&s, sizeof s), 0);
    } while (s.ring_bytes > 0);
}

static void test_the_next_thread_writes_only_what_the_shipper_is_done_with(void **state)
{
    (void)state;
    const char *settings[] = {"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_LOG_LEVEL=error", "OBSV_STDOUT=off",
                              "OBSV_RING_BYTES=512KiB", NULL};
    const struct obsv_options options = {sizeof options, settings};
    struct obsv_stats s;
    memset(text, 't', sizeof text);
    assert_int_equal(obsv_init(&options), 0);
    run_thread(FIRST);
    wait_until_drained();
    run_thread(SECOND);
    wait_until_drained();
    assert_int_equal(obsv_shutdown(60000), 0);
    assert_int_equal(obsv_stats_get(&s, sizeof s), 0);
    assert_int_equal(s.accepted, FIRST + SECOND);
    assert_int_equal(s.export_dropped_off, FIRST + SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_thread_writes_only_what_the_shipper_is_done_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
