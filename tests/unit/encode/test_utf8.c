/* Repair of text: the table of Unicode 15 §3.9 and what Python's surrogatepass writes. */
#include "encode/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define R "\xef\xbf\xbd"

static void test_repair(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } table[] = {
        {"", ""},
        {"plain", "plain"},
        {"sixteen bytes and more of ASCII", "sixteen bytes and more of ASCII"},
        {"\xc3\xa4", "\xc3\xa4"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xff", R},
        {"a\x80z", "a" R "z"},
        {"\xc0\xaf", R R},             /* overlong */
        {"\xe0\x80\xaf", R R R},       /* overlong */
        {"\xf0\x80\x80\xaf", R R R R}, /* overlong */
        {"\xf4\x91\x92\x93\xff"
         "A\x80\xbf"
         "B",
         R R R R R "A" R R "B"}, /* §3.9, table 3-10 */
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
         "A",
         R R R R "A"},   /* §3.9, table 3-11 */
        {"\xe2\x82", R}, /* cut short: one maximal subpart */
        {"\xf0\x9f\x98z", R "z"},
        {"\xed\xa0\x80", R}, /* surrogates, encoded */
        {"x\xed\xbf\xbfy", "x" R "y"},
        {"\xed\xa0", R R},
        {"12345678\xff"
         "12345678",
         "12345678" R "12345678"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_bytes out = {0};
        size_t n = strlen(table[i].in);
        obsvi_utf8_put(&out, table[i].in, n);
        assert_int_equal(out.len, strlen(table[i].out));
        if (out.len)
            assert_memory_equal(out.data, table[i].out, out.len);
        assert_int_equal(obsvi_utf8_valid_prefix(table[i].in, n) == n,
                         strcmp(table[i].in, table[i].out) == 0);
        obsvi_bytes_fini(&out);
    }
}

static void test_repaired_text_is_valid(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            static const uint8_t pool[] = {'a',  0x80, 0xbf, 0xc2, 0xe0, 0xa0,
                                           0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f};
            text[i] = (char)pool[(seed >> 16) % sizeof pool];
        }
        struct obsvi_bytes out = {0};
        obsvi_utf8_put(&out, text, sizeof text);
        assert_int_equal(obsvi_utf8_valid_prefix((char *)out.data, out.len), out.len);
        for (size_t n = 0; n <= out.len; n++) {
            size_t m = obsvi_utf8_cut((char *)out.data, n);
            assert_true(m <= n && n - m < 4);
            assert_int_equal(obsvi_utf8_valid_prefix((char *)out.data, m), m);
        }
        obsvi_bytes_fini(&out);
    }
}

static void test_a_bad_byte_at_every_place_of_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 40; n++) {
        char *s = malloc(n); /* of exactly that size, so that the address sanitizer sees a step too far */
        assert_true(s || !n);
        if (n)
            memset(s, 'x', n);
        assert_true(obsvi_utf8_is_ascii(s, n));
        assert_int_equal(obsvi_utf8_valid_prefix(s, n), n);
        for (size_t i = 0; i < n; i++) {
            s[i] = '\x80';
            assert_false(obsvi_utf8_is_ascii(s, n));
            assert_int_equal(obsvi_utf8_valid_prefix(s, n), i);
            s[i] = 'x';
        }
        free(s);
    }
}

static void test_characters(void **state)
{
    (void)state;
    const char *s = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t ends[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t count = 0; count < 7; count++)
        assert_int_equal(obsvi_utf8_characters(s, strlen(s), count), ends[count]);
}

/* Eight million bad bytes: done at once if each is looked at once, and not before ctest's guard against
 * hanging if each has the rest looked at. */
static void test_repair_takes_time_in_proportion(void **state)
{
    (void)state;
    enum { BYTES = 8 << 20 };
    char *bad = test_malloc(BYTES);
    struct obsvi_bytes out = {0};
    memset(bad, 0xff, BYTES);
    obsvi_utf8_put(&out, bad, BYTES);
    assert_int_equal(out.len, (size_t)BYTES * 3);
    obsvi_bytes_fini(&out);
    test_free(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_repaired_text_is_valid),
        cmocka_unit_test(test_a_bad_byte_at_every_place_of_every_length),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_repair_takes_time_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
