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

static uint64_t random_bits(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void assert_same_as_any(double v)
{
    char ours[OBSVI_DOUBLE_CHARS_MAX + 1], theirs[OBSVI_DOUBLE_CHARS_MAX + 1];
    ours[obsvi_double_put(ours, v)] = '\0';
    theirs[obsvi_double_put_any(theirs, v)] = '\0';
    assert_string_equal(ours, theirs);
}

/* Decimals of few places take a way of their own, which must not show. */
static void test_short_decimals_are_written_as_any_double(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int i = 0; i < 200000; i++) {
        double power = 1;
        for (uint64_t places = random_bits(&seed) % 12; places > 0; places--)
            power *= 10;
        double v = (double)(random_bits(&seed) >> random_bits(&seed) % 64) / power;
        assert_same_as_any(v);
        assert_same_as_any(-v);
        assert_same_as_any(nextafter(v, 0));
        assert_same_as_any(nextafter(v, INFINITY));
        assert_same_as_any(v * (1 - 0x1p-40));
        assert_same_as_any(round(v) + 0.5);
    }
    static const double edges[] = {0, 1e-5, 1e-4, 1, 1e3, 1e6, 1e9, 1e12, 1e15, 1e16, 0x1p49, 0x1p50, 0x1p53};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        double v = edges[i] * 0.999;
        assert_same_as_any(v);
        v = nextafter(nextafter(edges[i], 0), 0);
        for (int step = 0; step < 5; step++, v = nextafter(v, INFINITY))
            assert_same_as_any(v);
    }
}

static void test_padded(void **state)
{
    (void)state;
    for (unsigned digits = 0; digits < 12; digits++) {
        char ours[16] = "", theirs[32];
        obsvi_padded_put(ours, 120345, digits);
        snprintf(theirs, sizeof theirs, "%012d", 120345);
        assert_string_equal(ours, theirs + 12 - digits);
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
        cmocka_unit_test(test_short_decimals_are_written_as_any_double),
        cmocka_unit_test(test_padded),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
