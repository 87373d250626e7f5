/* What is read from a server's answer, and that nothing in it can hurt. */
#include "encode/encode.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void check(bool is_json, bool is_error, const char *body, size_t n, int64_t rejected,
                  const char *expected)
{
    char message[64];
    memset(message, 'x', sizeof message);
    assert_int_equal(obsvi_response_read(is_json, is_error, body, n, message, sizeof message), rejected);
    assert_string_equal(message, expected);
}

#define CHECK(is_json, is_error, body, rejected, expected)                                                   \
    check(is_json, is_error, body, sizeof(body) - 1, rejected, expected)

static void test_protobuf(void **state)
{
    (void)state;
    CHECK(false, true,
          "\x08\x03\x12\x07"
          "too bad",
          0, "too bad");
    CHECK(false, true,
          "\x12\x07"
          "too bad",
          0, "too bad");
    CHECK(false, true,
          "\x08\x03\x12\x02"
          "no\x1a\x03xyz",
          0, "no"); /* details are passed over */
    CHECK(false, true, "", 0, "");
    CHECK(false, false, "", 0, "");
    CHECK(false, false,
          "\x0a\x09\x08\xac\x02\x12\x04"
          "late",
          300, "late");
    CHECK(false, false,
          "\x0a\x06\x12\x04"
          "warn",
          0, "warn");
    CHECK(false, false, "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, ""); /* -1 */
}

static void test_json(void **state)
{
    (void)state;
    CHECK(true, true, "{\"code\":3,\"message\":\"too bad\"}", 0, "too bad");
    CHECK(true, true, "{ \"message\" : \"a\\\"b\\\\c\\nd\\u0041\\u00e4\\u20ac\" }", 0,
          "a\"b\\c dA\xc3\xa4\xe2\x82\xac");
    CHECK(true, true, "{\"details\":[\"message\"],\"message\":\"yes\"}", 0, "yes");
    CHECK(true, true, "{\"x\":\"\\\"message\\\":\\\"no\\\"\"}", 0, "");
    CHECK(true, false, "{}", 0, "");
    CHECK(true, false, "{\"partialSuccess\":{\"rejectedLogRecords\":\"7\",\"errorMessage\":\"late\"}}", 7,
          "late");
    CHECK(true, false, "{\"partialSuccess\":{\"rejectedLogRecords\":7}}", 7, "");
    CHECK(true, false, "{\"partialSuccess\":{\"rejectedLogRecords\":\"99999999999999999999999\"}}",
          999999999999999999, "");
    CHECK(true, true, "{\"message\":\"unfinished", 0, "unfinished");
    CHECK(true, true, "{\"message\":\"bad escape \\u12", 0, "bad escape u12");
}

static void test_a_page_from_a_proxy_gives_its_text(void **state)
{
    (void)state;
    CHECK(false, true, "<html>\r\n<head><title>413 Too Large</title></head>\r\n<body>", 0, "413 Too Large");
    CHECK(false, true, "upstream connect error", 0, "upstream connect error");
}

static void test_the_message_is_one_printable_line(void **state)
{
    (void)state;
    CHECK(false, true, "\x12\x0c\x1b[31mred\r\n\t\xff\x07", 0, "[31mred \xef\xbf\xbd");
    CHECK(false, true,
          "\x12\x04\xc2\x9b"
          "31",
          0, "31"); /* C1 control */
    char body[202] = "\x12\xc8\x01";
    memset(body + 3, 'x', 199);
    memcpy(body + 3 + 62, "\xe2\x82\xac", 3); /* the cut falls into it */
    char message[64];
    body[1] = (char)0xc7;
    obsvi_response_read(false, true, body, sizeof body, message, sizeof message);
    assert_int_equal(strlen(message), 62);
    assert_int_equal(obsvi_response_read(true, true, "{", 1, message, 1), 0);
    assert_string_equal(message, "");
}

static void test_garbage_is_survived(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        static const char pool[] = "\"\\u:{}[]<>message,errorMessage\x0a\x12\x08\xff\x80";
        size_t n = seed % 40;
        char *body = malloc(n + 1);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            body[i] = pool[(seed >> 16) % (sizeof pool - 1)];
        }
        seed = seed * 1664525 + 1013904223;
        char message[32];
        char *exact = realloc(body, n ? n : 1);
        assert_true(obsvi_response_read(round & 1, round & 2, exact, n, message, sizeof message) >= 0);
        assert_true(strlen(message) < sizeof message);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_a_page_from_a_proxy_gives_its_text),
        cmocka_unit_test(test_the_message_is_one_printable_line),
        cmocka_unit_test(test_garbage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
