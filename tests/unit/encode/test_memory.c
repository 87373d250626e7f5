/* The n-th allocation fails, for every n, on the whole way of records through the encoders and of a batch
 * through a split: it says so, leaves nothing behind (leaks are found by the address sanitizer), and the
 * first n that no longer fails gives the whole result. */
#include "unit/encode/batch.h"

#include <libdeflate.h>

static unsigned fail_at, allocation_count; /* fail_at 0: never */

static bool may_allocate(void)
{
    return !fail_at || ++allocation_count != fail_at;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t count, size_t n)
{
    return may_allocate() ? __real_calloc(count, n) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return may_allocate() ? __real_realloc(p, n) : NULL;
}

enum { MORE_THAN_ENOUGH = 2000 };

static void start_failing(unsigned n)
{
    allocation_count = 0;
    fail_at = n;
}

/* What no face writes: a key inside a map that claims to be in the schema. */
static void put_damaged_map(struct obsvi_writer *w)
{
    uint16_t from_schema = OBSVI_KEY_FROM_SCHEMA;
    obsvi_writer_attr_open(w, "d", 1, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(w);
    uint8_t *key_bytes = w->at;
    obsvi_writer_entry_open(w, "", 0, OBSVI_NULL);
    memcpy(key_bytes, &from_schema, sizeof from_schema);
    obsvi_writer_container_close(w, map);
    obsvi_writer_attr_close(w);
}

/* A record that needs mending of every kind. */
static size_t put_broken_record(uint64_t *space, size_t space_bytes)
{
    struct obsvi_writer w;
    char *long_text = filled('x', 70 * 1024);
    obsvi_writer_begin(&w, space, space_bytes, 1, 9);
    obsvi_writer_logger(&w, "l\xff", 2);
    obsvi_writer_level(&w, "NOTICE", 6);
    obsvi_writer_body(&w, "b\xff", 2);
    obsvi_writer_event(&w, "e", 1);
    put_damaged_map(&w);
    obsvi_writer_attr_str(&w, "level", 5, "\xff", 1);
    obsvi_writer_attr_str(&w, "long", 4, long_text, 70 * 1024);
    obsvi_writer_attr_open(&w, "m", 1, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(&w);
    for (int i = 0; i < 2; i++) {
        obsvi_writer_entry_open(&w, "\xff", 1, OBSVI_I64);
        obsvi_writer_value_i64(&w, i);
    }
    obsvi_writer_container_close(&w, map);
    obsvi_writer_attr_close(&w);
    obsvi_writer_exception(&w, OBSVI_STR("T"), OBSVI_STR("m"), OBSVI_STR("s\xff"));
    free(long_text);
    return obsvi_writer_end(&w);
}

/* Everything that the shipper does with a record, and with a second one after that. */
static bool encode(struct rig *rig, const struct obsvi_record *record, struct obsvi_bytes *line,
                   struct obsvi_bytes *request)
{
    bool is_gzip, is_good = false;
    struct obsvi_encoder *e = obsvi_encoder_new(&rig->config);
    struct obsvi_batch_body *body = obsvi_batch_body_new(&rig->config);
    if (e && body)
        is_good = true;
    for (int i = 0; i < 2 && is_good; i++)
        is_good = obsvi_encoder_load(e, record) == 0 && obsvi_encoder_json_line(e, line) &&
                  obsvi_encoder_otlp(e, body);
    is_good = is_good && obsvi_batch_body_seal(body, request, &is_gzip);
    obsvi_batch_body_free(body);
    obsvi_encoder_free(e);
    return is_good;
}

static void check_encoding(enum obsvi_protocol protocol)
{
    struct rig *rig = rig_new();
    rig->config.protocol = protocol;
    rig->config.compression = OBSVI_COMPRESSION_GZIP;
    size_t n = put_broken_record(rig->space, sizeof rig->space);
    assert_true(obsvi_record_read(&rig->record, rig->space, n));
    struct obsvi_bytes line = {0}, request = {0};
    assert_true(encode(rig, &rig->record, &line, &request));
    for (unsigned i = 1;; i++) {
        assert_true(i < MORE_THAN_ENOUGH);
        struct obsvi_bytes line_again = {0}, request_again = {0};
        start_failing(i);
        bool is_good = encode(rig, &rig->record, &line_again, &request_again);
        fail_at = 0;
        if (is_good) {
            assert_int_equal(line.len, line_again.len);
            assert_memory_equal(line.data, line_again.data, line.len);
            assert_int_equal(request.len, request_again.len);
            assert_memory_equal(request.data, request_again.data, request.len);
            assert_true(allocation_count < i && i > 30);
        }
        obsvi_bytes_fini(&line_again);
        obsvi_bytes_fini(&request_again);
        if (is_good)
            break;
    }
    obsvi_bytes_fini(&line);
    obsvi_bytes_fini(&request);
    rig_free(rig);
}

static void test_encoding(void **state)
{
    (void)state;
    check_encoding(OBSVI_HTTP_PROTOBUF);
    check_encoding(OBSVI_HTTP_JSON);
}

/* The encoder lives on after a failure: the record that met it is lost, the next is whole. */
static void test_an_encoder_recovers(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    size_t n = put_broken_record(rig->space, sizeof rig->space);
    assert_true(obsvi_record_read(&rig->record, rig->space, n));
    bool has_failed = true;
    for (unsigned i = 1; has_failed; i++) {
        assert_true(i < MORE_THAN_ENOUGH);
        struct obsvi_encoder *e = obsvi_encoder_new(&rig->config);
        assert_non_null(e);
        obsvi_bytes_fini(&rig->line);
        start_failing(i);
        has_failed = obsvi_encoder_load(e, &rig->record) != 0 || !obsvi_encoder_json_line(e, &rig->line);
        fail_at = 0;
        assert_int_equal(rig->line.len != 0, !has_failed);
        assert_int_equal(obsvi_encoder_load(e, &rig->record), 0);
        obsvi_bytes_clear(&rig->line);
        assert_true(obsvi_encoder_json_line(e, &rig->line));
        assert_memory_equal(rig->line.data + rig->line.len - 2, "}\n", 2);
        obsvi_encoder_free(e);
    }
    rig_free(rig);
}

static void check_split(enum obsvi_protocol protocol, enum obsvi_compression compression)
{
    struct batch b;
    batch_open(&b, protocol, compression, 11);
    batch_fill(&b, 40);
    bool is_gzip, is_split = false;
    struct obsvi_bytes whole = batch_seal(&b, 0, b.count, &is_gzip);
    unsigned i = 1;
    for (; !is_split; i++) {
        assert_true(i < MORE_THAN_ENOUGH);
        struct obsvi_bytes halves[2] = {{0}, {0}};
        uint32_t levels[2][OBSVI_LEVEL_COUNT] = {{0}, {0}};
        start_failing(i);
        is_split = obsvi_batch_body_split(&b.rig->config, whole.data, whole.len, is_gzip, halves, levels);
        fail_at = 0;
        for (int half = 0; half < 2; half++) {
            assert_int_equal(halves[half].data != NULL, is_split);
            obsvi_bytes_fini(&halves[half]);
        }
    }
    assert_true(i > 5);
    obsvi_bytes_fini(&whole);
    batch_close(&b);
}

static void test_split(void **state)
{
    (void)state;
    check_split(OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_NONE);
    check_split(OBSVI_HTTP_PROTOBUF, OBSVI_COMPRESSION_GZIP);
    check_split(OBSVI_HTTP_JSON, OBSVI_COMPRESSION_GZIP);
}

int main(void)
{
    libdeflate_set_memory_allocator(__wrap_malloc, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_an_encoder_recovers),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
