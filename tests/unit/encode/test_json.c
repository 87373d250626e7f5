/* Strings in JSON: short ones are copied before they are looked at, long ones in blocks; neither may show. */
#include "encode/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* The rule, one character after the other. */
static void escape_plainly(struct obsvi_bytes *out, const char *s, size_t n)
{
    static const char short_forms[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    obsvi_bytes_put_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        char text[8] = {s[i]};
        for (size_t form = 0; form + 1 < sizeof short_forms; form += 2)
            if (s[i] == short_forms[form])
                snprintf(text, sizeof text, "\\%c", short_forms[form + 1]);
        if ((uint8_t)text[0] < 0x20)
            snprintf(text, sizeof text, "\\u%04x", (uint8_t)text[0]);
        obsvi_bytes_put(out, text, strlen(text));
    }
    obsvi_bytes_put_u8(out, '"');
}

static void check(const char *s, size_t n)
{
    struct obsvi_bytes ours = {0}, plain = {0};
    obsvi_json_put_string(&ours, (struct obsvi_str){s, n});
    escape_plainly(&plain, s, n);
    assert_int_equal(ours.len, plain.len);
    assert_memory_equal(ours.data, plain.data, plain.len);
    obsvi_bytes_fini(&ours);
    obsvi_bytes_fini(&plain);
}

static void test_an_escape_at_every_place_of_every_length(void **state)
{
    (void)state;
    static const char special[] = {0,   1,   '\t', '\n', 0x1f, ' ',    '!',   '"',
                                   '#', '[', '\\', ']',  0x7f, '\x80', '\xff'};
    for (size_t n = 0; n <= 80; n++) {
        char *s = malloc(n); /* of exactly that size, so that the address sanitizer sees a step too far */
        assert_true(s || !n);
        if (n)
            memset(s, 'x', n);
        check(s, n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < sizeof special; j++) {
                s[i] = special[j];
                check(s, n);
                s[i] = 'x';
            }
        free(s);
    }
}

static void test_every_byte_in_every_mixture(void **state)
{
    (void)state;
    uint32_t seed = 1;
    char s[3000];
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof s; i++) {
            seed = seed * 1664525 + 1013904223;
            s[i] = (char)(seed >> 24);
            if (seed >> 8 & 7)
                s[i] = 'x';
        }
        check(s, (seed >> 4) % (round % 2 ? sizeof s : 70));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_escape_at_every_place_of_every_length),
        cmocka_unit_test(test_every_byte_in_every_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
