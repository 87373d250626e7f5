/* A batch split after HTTP 413: each half is byte for byte what sealing its records alone gives, and a walker
 * of the tests' own finds the same records in the same order. */
#include "unit/encode/batch.h"

#define RANDOM_BATCHES 60

static const struct {
    enum obsvi_protocol protocol;
    enum obsvi_compression compression;
} forms[] = {
    {OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_NONE},
    {OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_GZIP},
    {OBSVI_HTTP_JSON, OBSVI_COMPRESSION_NONE},
    {OBSVI_HTTP_JSON, OBSVI_COMPRESSION_GZIP},
};

struct halves {
    struct obsvi_bytes body[2];
    uint32_t levels[2][OBSVI_LEVEL_COUNT];
};

/* From a copy of exactly that size, so that the address sanitizer sees a step too far. */
static bool split_copy(const struct obsvi_config *config, const void *body, size_t n, bool is_gzip,
                       struct halves *out)
{
    uint8_t *copy = malloc(n);
    assert_true(copy || !n);
    if (n)
        memcpy(copy, body, n);
    bool is_split = obsvi_batch_body_split(config, copy, n, is_gzip, out->body, out->levels);
    free(copy);
    return is_split;
}

static void free_halves(struct halves *h)
{
    obsvi_bytes_fini(&h->body[0]);
    obsvi_bytes_fini(&h->body[1]);
}

static void assert_bytes(const struct obsvi_bytes *a, const struct obsvi_bytes *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

/* ---- Halves -------------------------------------------------------------------------------------------- */

static void check_half(struct batch *b, uint32_t from, uint32_t to, const struct obsvi_bytes *half,
                       const uint32_t levels[OBSVI_LEVEL_COUNT])
{
    bool is_gzip;
    struct obsvi_bytes expected = batch_seal(b, from, to, &is_gzip);
    assert_bytes(half, &expected);
    obsvi_bytes_fini(&expected);
    uint32_t counts[OBSVI_LEVEL_COUNT] = {0};
    for (uint32_t i = from; i < to; i++) {
        static const uint8_t level[25] = {2, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
                                          3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5};
        counts[level[b->severity[b->order[i]]]]++;
    }
    assert_memory_equal(levels, counts, sizeof counts);
}

static void test_a_half_is_what_its_records_alone_would_be(void **state)
{
    (void)state;
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++)
        for (uint64_t seed = 0; seed < RANDOM_BATCHES; seed++) {
            struct batch b;
            batch_open(&b, forms[form].protocol, forms[form].compression, seed);
            batch_fill(&b, 2 + (uint32_t)(batch_random(&b) % (seed < 20 ? 4 : BATCH_RECORDS_MAX - 2)));
            bool is_gzip;
            struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
            struct halves h;
            assert_true(split_copy(&b.rig->config, whole.data, whole.len, is_gzip, &h));
            check_half(&b, 0, b.count / 2, &h.body[0], h.levels[0]);
            check_half(&b, b.count / 2, b.count, &h.body[1], h.levels[1]);
            free_halves(&h);
            obsvi_bytes_fini(&whole);
            batch_close(&b);
        }
}

/* Splits down to single records; each leaf is the next record, alone. */
static void split_down(struct batch *b, const struct obsvi_bytes *body, bool is_gzip, uint32_t count,
                       uint32_t *leaf)
{
    struct halves h;
    bool is_split = split_copy(&b->rig->config, body->data, body->len, is_gzip, &h);
    assert_int_equal(is_split, count > 1);
    if (is_split) {
        split_down(b, &h.body[0], is_gzip, count / 2, leaf);
        split_down(b, &h.body[1], is_gzip, count - count / 2, leaf);
        free_halves(&h);
        return;
    }
    bool is_gzip_alone;
    struct obsvi_bytes alone = batch_seal(b, *leaf, *leaf + 1, &is_gzip_alone);
    assert_int_equal(is_gzip_alone, is_gzip);
    assert_bytes(body, &alone);
    obsvi_bytes_fini(&alone);
    ++*leaf;
}

static void test_down_to_single_records(void **state)
{
    (void)state;
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        struct batch b;
        batch_open(&b, forms[form].protocol, forms[form].compression, 7);
        batch_fill(&b, 37);
        bool is_gzip;
        struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
        uint32_t leaf = 0;
        split_down(&b, &whole, is_gzip, b.count, &leaf);
        assert_int_equal(leaf, b.count);
        obsvi_bytes_fini(&whole);
        batch_close(&b);
    }
}

/* Lengths of one to four bytes. */
static void test_records_of_any_size(void **state)
{
    (void)state;
    static const size_t body_bytes[] = {1, 100, 1000, 9000, 110 * 1024};
    for (size_t size = 0; size < sizeof body_bytes / sizeof *body_bytes; size++) {
        struct rig *rig = rig_new();
        char *body = filled('b', body_bytes[size]);
        struct obsvi_batch_body *halves[2], *whole = obsvi_batch_body_new(&rig->config);
        for (int half = 0; half < 2; half++) {
            halves[half] = obsvi_batch_body_new(&rig->config);
            for (int i = 0; i < 20; i++) {
                rig_begin(rig, body);
                rig_load(rig);
                assert_true(obsvi_encoder_otlp(rig->encoder, halves[half]));
                assert_true(obsvi_encoder_otlp(rig->encoder, whole));
            }
        }
        struct obsvi_bytes out = {0};
        bool is_gzip;
        assert_true(obsvi_batch_body_seal(whole, &out, &is_gzip));
        struct halves h;
        assert_true(split_copy(&rig->config, out.data, out.len, is_gzip, &h));
        for (int half = 0; half < 2; half++) {
            obsvi_bytes_clear(&out);
            assert_true(obsvi_batch_body_seal(halves[half], &out, &is_gzip));
            assert_bytes(&h.body[half], &out);
            obsvi_batch_body_free(halves[half]);
        }
        free_halves(&h);
        obsvi_bytes_fini(&out);
        obsvi_batch_body_free(whole);
        free(body);
        rig_free(rig);
    }
}

/* ---- A walker of our own ------------------------------------------------------------------------------- */

static const uint8_t *read_length(const uint8_t *p, size_t *n)
{
    *n = 0;
    for (unsigned shift = 0;; shift += 7) {
        *n |= (size_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80))
            return p;
    }
}

/* Appends "resource scope record" for each record, for any number of resources and scopes. depth 0: in the
 * request, 1: in a ResourceLogs, 2: in a ScopeLogs. What stands above is in `above`. */
static uint32_t flatten(struct obsvi_bytes *out, const uint8_t *p, const uint8_t *end, int depth,
                        struct obsvi_bytes *above)
{
    uint32_t count = 0;
    size_t above_bytes = above->len;
    while (p < end) {
        uint8_t tag = *p++;
        size_t n;
        const uint8_t *content = read_length(p, &n);
        assert_true(content + n <= end);
        if (depth > 0 && tag == 0x0a) {
            obsvi_bytes_put(above, content, n);
        } else if (depth < 2) {
            assert_int_equal(tag, depth ? 0x12 : 0x0a);
            count += flatten(out, content, content + n, depth + 1, above);
        } else {
            assert_int_equal(tag, 0x12);
            obsvi_bytes_put(out, above->data, above->len);
            obsvi_bytes_put(out, content, n);
            count++;
        }
        p = content + n;
    }
    above->len = above_bytes;
    return count;
}

static uint32_t flatten_request(struct obsvi_bytes *out, const struct obsvi_bytes *request)
{
    struct obsvi_bytes above = {0};
    uint32_t count = flatten(out, request->data, request->data + request->len, 0, &above);
    obsvi_bytes_fini(&above);
    return count;
}

static void check_recombines(const struct obsvi_config *config, const struct obsvi_bytes *whole,
                             uint32_t count)
{
    struct halves h;
    assert_true(split_copy(config, whole->data, whole->len, false, &h));
    struct obsvi_bytes before = {0}, after = {0};
    assert_int_equal(flatten_request(&before, whole), count);
    assert_int_equal(flatten_request(&after, &h.body[0]), count / 2);
    assert_int_equal(flatten_request(&after, &h.body[1]), count - count / 2);
    assert_bytes(&before, &after);
    obsvi_bytes_fini(&before);
    obsvi_bytes_fini(&after);
    free_halves(&h);
}

static void test_halves_recombine(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < RANDOM_BATCHES; seed++) {
        struct batch b;
        batch_open(&b, OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_NONE, seed);
        batch_fill(&b, 2 + (uint32_t)(batch_random(&b) % (BATCH_RECORDS_MAX - 2)));
        bool is_gzip;
        struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
        check_recombines(&b.rig->config, &whole, b.count);
        /* Two requests one after the other are one (protobuf: repeated fields add up). */
        b.rig->resource[0].value = (char *)"another";
        struct obsvi_bytes second = batch_seal(&b, 0, b.count, &is_gzip);
        obsvi_bytes_put(&whole, second.data, second.len);
        check_recombines(&b.rig->config, &whole, 2 * b.count);
        obsvi_bytes_fini(&second);
        obsvi_bytes_fini(&whole);
        batch_close(&b);
    }
}

/* ---- Damage -------------------------------------------------------------------------------------------- */

static void assert_refused(const struct obsvi_config *config, const void *body, size_t n, bool is_gzip)
{
    struct halves h, before;
    memset(&h, 0x5a, sizeof h);
    before = h;
    assert_false(split_copy(config, body, n, is_gzip, &h));
    assert_memory_equal(&h, &before, sizeof h);
}

static void test_a_cut_or_longer_body_is_refused(void **state)
{
    (void)state;
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        struct batch b;
        batch_open(&b, forms[form].protocol, forms[form].compression, 3);
        batch_fill(&b, 5);
        bool is_gzip;
        struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
        for (size_t n = 0; n < whole.len; n++)
            assert_refused(&b.rig->config, whole.data, n, is_gzip);
        obsvi_bytes_put_u8(&whole, 0);
        assert_refused(&b.rig->config, whole.data, whole.len, is_gzip);
        obsvi_bytes_fini(&whole);
        batch_close(&b);
    }
}

/* In gzip, what a flip does not break it does not change: unused bits of the header and behind the data. */
static void test_flipped_bits_do_no_harm(void **state)
{
    (void)state;
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        struct batch b;
        batch_open(&b, forms[form].protocol, forms[form].compression, 5);
        batch_fill(&b, 4);
        bool is_gzip;
        struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
        size_t refused = 0;
        for (size_t bit = 0; bit < whole.len * 8; bit++) {
            whole.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct halves h;
            bool is_split = split_copy(&b.rig->config, whole.data, whole.len, is_gzip, &h);
            if (is_split && is_gzip) {
                check_half(&b, 0, b.count / 2, &h.body[0], h.levels[0]);
                check_half(&b, b.count / 2, b.count, &h.body[1], h.levels[1]);
            }
            if (is_split)
                free_halves(&h);
            refused += !is_split;
            whole.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(refused > whole.len * 8 / (is_gzip ? 2 : 100));
        obsvi_bytes_fini(&whole);
        batch_close(&b);
    }
}

static void test_a_trailer_that_lies_is_refused(void **state)
{
    (void)state;
    struct batch b;
    batch_open(&b, OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_GZIP, 5);
    batch_fill(&b, 4);
    bool is_gzip;
    struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
    static const uint32_t sizes[] = {0, 1, 1u << 20, 1u << 26, (1u << 26) + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int byte = 0; byte < 4; byte++)
            whole.data[whole.len - 4 + byte] = (uint8_t)(sizes[i] >> 8 * byte);
        assert_refused(&b.rig->config, whole.data, whole.len, is_gzip);
    }
    obsvi_bytes_fini(&whole);
    batch_close(&b);
}

static void assert_json_refused(const char *text)
{
    struct obsvi_config config = {.protocol = OBSVI_HTTP_JSON, .compression = OBSVI_COMPRESSION_NONE};
    assert_refused(&config, text, strlen(text), false);
}

#define JSON_HEAD "{\"resourceLogs\":[{\"resource\":{},\"scopeLogs\":[{\"scope\":{},\"logRecords\":["
#define JSON_TAIL "]}]}]}"

static void test_json_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct obsvi_config config = {.protocol = OBSVI_HTTP_JSON, .compression = OBSVI_COMPRESSION_NONE};
    static const char good[] = JSON_HEAD "{\"a\":1},{\"severityNumber\":99}" JSON_TAIL;
    struct halves h;
    assert_true(split_copy(&config, good, strlen(good), false, &h));
    assert_int_equal(h.levels[0][2], 1);
    assert_int_equal(h.levels[1][5], 1); /* above FATAL4 */
    free_halves(&h);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"a\":[}]}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"a\":{]}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"a\":}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"severityNumber\":\"9\"}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"a\"}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},1" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1} {\"a\":1}" JSON_TAIL);
    assert_json_refused(JSON_HEAD "{\"a\":1},{\"a\":\"\\" JSON_TAIL);
    assert_json_refused(JSON_HEAD JSON_TAIL);
    assert_json_refused("{}");
}

/* More open brackets than any value of ours has; and nothing recurses, so a million do no harm either. */
static void test_brackets_without_end_are_refused(void **state)
{
    (void)state;
    char *text = filled('[', 1000000);
    memcpy(text, JSON_HEAD "{\"a\":", sizeof JSON_HEAD "{\"a\":" - 1);
    assert_json_refused(text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_half_is_what_its_records_alone_would_be),
        cmocka_unit_test(test_down_to_single_records),
        cmocka_unit_test(test_records_of_any_size),
        cmocka_unit_test(test_halves_recombine),
        cmocka_unit_test(test_a_cut_or_longer_body_is_refused),
        cmocka_unit_test(test_flipped_bits_do_no_harm),
        cmocka_unit_test(test_a_trailer_that_lies_is_refused),
        cmocka_unit_test(test_json_that_is_not_ours_is_refused),
        cmocka_unit_test(test_brackets_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
