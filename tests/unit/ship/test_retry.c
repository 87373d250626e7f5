/* The retry decision, status by status, and the bounds of the back-off. Source: OTLP docs/specification.md.
 */
#include "ship/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static enum obsvi_verdict verdict(int status)
{
    const struct obsvi_http_result r = {.status = status, .retry_after_ms = -1};
    return obsvi_retry_judge(&r);
}

static enum obsvi_verdict expected(int status)
{
    switch (status) {
    case 0: /* no answer at all */
    case 429:
    case 502:
    case 503:
    case 504:
        return OBSVI_TRY_AGAIN;
    case 401:
    case 403:
    case 404:
        return OBSVI_HOLD;
    case 413:
        return OBSVI_SPLIT;
    default:
        return status >= 200 && status < 300 && status != 260 ? OBSVI_ACKNOWLEDGED : OBSVI_REFUSED;
    }
}

static void test_each_status_has_its_verdict(void **state)
{
    (void)state;
    assert_int_equal(verdict(0), expected(0));
    for (int status = 100; status < 600; status++)
        assert_int_equal(verdict(status), expected(status));
}

static void test_back_off_doubles_within_its_jitter_up_to_the_cap(void **state)
{
    (void)state;
    const struct obsvi_http_result r = {.status = 503, .retry_after_ms = -1};
    uint64_t ceiling = OBSVI_BACKOFF_FIRST_MS;
    for (uint32_t attempt = 1; attempt < 100; attempt++) {
        uint32_t least = obsvi_retry_delay_ms(&r, attempt, 0);
        uint32_t most = obsvi_retry_delay_ms(&r, attempt, UINT32_MAX);
        assert_int_equal(least, ceiling / 2);
        assert_in_range(most, ceiling - 2, ceiling);
        ceiling = ceiling * 2 < OBSVI_BACKOFF_MAX_MS ? ceiling * 2 : OBSVI_BACKOFF_MAX_MS;
    }
}

static void test_retry_after_is_obeyed_and_never_undercut(void **state)
{
    (void)state;
    const int64_t asked_ms[] = {0, 1000, 30000, 86400000};
    for (size_t i = 0; i < sizeof asked_ms / sizeof *asked_ms; i++) {
        const struct obsvi_http_result r = {.status = 429, .retry_after_ms = asked_ms[i]};
        assert_int_equal(obsvi_retry_delay_ms(&r, 1, 0), asked_ms[i]);
        assert_in_range(obsvi_retry_delay_ms(&r, 9, UINT32_MAX), asked_ms[i],
                        asked_ms[i] + asked_ms[i] / 10 + 100);
    }
    const struct obsvi_http_result elsewhere = {.status = 502,
                                                .retry_after_ms = 60000}; /* defined for 429 and 503 only */
    assert_true(obsvi_retry_delay_ms(&elsewhere, 1, UINT32_MAX) <= OBSVI_BACKOFF_FIRST_MS);
    assert_false(obsvi_retry_is_ordered(&elsewhere));
}

static void test_every_redirect_is_explained(void **state)
{
    (void)state;
    const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        const struct obsvi_http_result r = {.status = statuses[i], .retry_after_ms = -1};
        assert_non_null(strstr(obsvi_retry_hint(&r), "redirects are not followed"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_status_has_its_verdict),
        cmocka_unit_test(test_back_off_doubles_within_its_jitter_up_to_the_cap),
        cmocka_unit_test(test_retry_after_is_obeyed_and_never_undercut),
        cmocka_unit_test(test_every_redirect_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
