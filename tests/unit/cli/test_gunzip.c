/* Decompression of request bodies: exact, bounded, and never fooled by what the sender declares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "gunzip.h"

static void put_member(struct obsvi_bytes *out, const void *p, size_t n)
{
    struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(6);
    size_t bound = libdeflate_gzip_compress_bound(deflater, n);
    uint8_t *at = obsvi_bytes_room(out, bound);
    assert_non_null(at);
    out->len += libdeflate_gzip_compress(deflater, p, n, at, bound);
    libdeflate_free_compressor(deflater);
}

static enum obsvi_decode_result gunzip(const struct obsvi_bytes *in, size_t n, size_t limit,
                                       struct obsvi_bytes *out)
{
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    if (n)
        memcpy(exact, in->data, n);
    enum obsvi_decode_result result = obsvi_gunzip(exact, n, limit, out);
    free(exact);
    return result;
}

static void members_one_after_another_are_one_body(void **state)
{
    (void)state;
    struct obsvi_bytes in = {0}, out = {0};
    put_member(&in, "one ", 4);
    put_member(&in, "", 0);
    put_member(&in, "two", 3);
    assert_int_equal(gunzip(&in, in.len, 100, &out), OBSVI_DECODE_OK);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "one two", 7);
    obsvi_bytes_fini(&in);
    obsvi_bytes_fini(&out);
}

static void the_limit_is_exact(void **state)
{
    (void)state;
    struct obsvi_bytes in = {0};
    size_t n = 1000003;
    char *zeros = calloc(1, n);
    put_member(&in, zeros, n);
    for (size_t limit = n - 1; limit <= n + 1; limit++) {
        struct obsvi_bytes out = {0};
        enum obsvi_decode_result result = gunzip(&in, in.len, limit, &out);
        assert_int_equal(result, limit < n ? OBSVI_DECODE_TOO_LARGE : OBSVI_DECODE_OK);
        assert_int_equal(out.len, limit < n ? 0 : n);
        assert_true(out.cap <= 2 * limit);
        obsvi_bytes_fini(&out);
    }
    free(zeros);
    obsvi_bytes_fini(&in);
}

static void the_limit_holds_for_all_members_together(void **state)
{
    (void)state;
    struct obsvi_bytes in = {0}, out = {0};
    for (int i = 0; i < 5; i++)
        put_member(&in, "12345678", 8);
    assert_int_equal(gunzip(&in, in.len, 40, &out), OBSVI_DECODE_OK);
    obsvi_bytes_clear(&out);
    assert_int_equal(gunzip(&in, in.len, 39, &out), OBSVI_DECODE_TOO_LARGE);
    obsvi_bytes_fini(&in);
    obsvi_bytes_fini(&out);
}

static void a_body_cut_off_or_damaged_anywhere_is_malformed(void **state)
{
    (void)state;
    static const char body[] = "a body of some length, of some length, of some length";
    struct obsvi_bytes in = {0};
    put_member(&in, body, sizeof body);
    for (size_t n = 0; n < in.len; n++) {
        struct obsvi_bytes out = {0};
        assert_int_equal(gunzip(&in, n, 1000, &out), OBSVI_DECODE_MALFORMED);
        obsvi_bytes_fini(&out);
    }
    /* Some bits say nothing (the header's MTIME, padding): then the body is as it was. */
    for (size_t bit = 0; bit < in.len * 8; bit++) {
        struct obsvi_bytes out = {0};
        in.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (gunzip(&in, in.len, 1000, &out) == OBSVI_DECODE_OK) {
            assert_int_equal(out.len, sizeof body);
            assert_memory_equal(out.data, body, sizeof body);
        }
        in.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        obsvi_bytes_fini(&out);
    }
    obsvi_bytes_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_one_after_another_are_one_body),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(the_limit_holds_for_all_members_together),
        cmocka_unit_test(a_body_cut_off_or_damaged_anywhere_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
