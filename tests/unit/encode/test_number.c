/* Decimal numbers and base64. */
#include "encode/number.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_integers(void **state)
{
    (void)state;
    char ours[OBSVI_INTEGER_CHARS_MAX + 1], theirs[32];
    for (int bit = 0; bit < 64; bit++)
        for (int64_t delta = -2; delta <= 2; delta++) {
            uint64_t v = (UINT64_C(1) << bit) + (uint64_t)delta;
            ours[obsvi_u64_put(ours, v)] = '\0';
            snprintf(theirs, sizeof theirs, "%" PRIu64, v);
            assert_string_equal(ours, theirs);
            ours[obsvi_i64_put(ours, (int64_t)v)] = '\0';
            snprintf(theirs, sizeof theirs, "%" PRId64, (int64_t)v);
            assert_string_equal(ours, theirs);
        }
    for (uint64_t v = 1; v < UINT64_MAX / 10; v *= 10) {
        ours[obsvi_u64_put(ours, v - 1)] = '\0';
        snprintf(theirs, sizeof theirs, "%" PRIu64, v - 1);
        assert_string_equal(ours, theirs);
    }
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } table[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {100000, "100000.0"},
        {50123.25, "50123.25"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.0 / 3, "0.3333333333333333"},
        {9007199254740993.0, "9007199254740992.0"},
    };
    char text[OBSVI_DOUBLE_CHARS_MAX + 1];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        text[obsvi_double_put(text, table[i].v)] = '\0';
        assert_string_equal(text, table[i].text);
    }
    assert_string_equal(obsvi_double_name(NAN), "NaN");
    assert_string_equal(obsvi_double_name(INFINITY), "Infinity");
    assert_string_equal(obsvi_double_name(-INFINITY), "-Infinity");
    assert_null(obsvi_double_name(1));
}

static void test_doubles_read_back_as_themselves(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int i = 0; i < 100000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double v;
        memcpy(&v, &seed, sizeof v);
        if (!isfinite(v))
            continue;
        char text[OBSVI_DOUBLE_CHARS_MAX + 1];
        size_t n = obsvi_double_put(text, v);
        assert_true(n <= OBSVI_DOUBLE_CHARS_MAX);
        text[n] = '\0';
        assert_true(strtod(text, NULL) == v);
        assert_non_null(strpbrk(text, ".e"));
    }
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const table[][2] = {/* RFC 4648 §10 */
                                           {"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfb", "//77"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[16] = "";
        size_t n = strlen(table[i][0]);
        obsvi_base64_put(text, table[i][0], n);
        assert_int_equal(obsvi_base64_bytes(n), strlen(table[i][1]));
        assert_string_equal(text, table[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_doubles_read_back_as_themselves),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
