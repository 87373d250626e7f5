/* The stdout line: exact text, and valid JSON whatever the record holds. */
#include "unit/encode/rig.h"

#include "unit/encode/json_check.h"
#include "encode/utf8.h"
#include "front/schema.h"

#include <math.h>

static void test_keys_stand_in_their_order(void **state)
{
    (void)state;
    static const uint8_t trace[16] = {0xab, 1}, span[8] = {0xcd, 2};
    struct rig *rig = rig_new();
    rig->config.environment = (char *)"prod";
    rig->config.version = (char *)"1.2";
    struct obsvi_writer *w = rig_begin(rig, "order rejected");
    obsvi_writer_event(w, "order_rejected", 14);
    rig_str(rig, "symbol", "BTC-USD");
    rig_i64(rig, "qty", 3);
    obsvi_writer_exception(w, OBSVI_STR("m.E"), OBSVI_STR("bad"), OBSVI_STR("Traceback:\n x"));
    obsvi_writer_trace(w, trace, span, 1);
    assert_string_equal(
        rig_line(rig), RIG_LINE_HEAD
        ",\"level\":\"INFO\",\"logger\":\"log\",\"message\":\"order rejected\",\"service\":\"svc\","
        "\"env\":\"prod\",\"version\":\"1.2\",\"event\":\"order_rejected\",\"symbol\":\"BTC-USD\",\"qty\":3,"
        "\"exception\":{\"type\":\"m.E\",\"message\":\"bad\",\"stacktrace\":\"Traceback:\\n x\"},"
        "\"trace_id\":\"ab010000000000000000000000000000\",\"span_id\":\"cd02000000000000\"}");
    rig_free(rig);
}

static void test_a_call_site_gives_event_keys_and_source(void **state)
{
    (void)state;
    static const char *const keys[] = {"symbol", "level"};
    struct rig *rig = rig_new();
    rig->config.code_attributes = true;
    struct obsvi_writer *w = rig_begin(rig, "");
    w->head.schema_id = obsvi_schema_register("order_submitted", "a.c", "submit", 42, keys, 2);
    assert_int_not_equal(w->head.schema_id, 0);
    w->head.flags |= OBSVI_HAS_SOURCE;
    obsvi_writer_attr_str(w, NULL, OBSVI_KEY_FROM_SCHEMA, "BTC", 3);
    obsvi_writer_attr_i64(w, NULL, OBSVI_KEY_FROM_SCHEMA, 2);
    rig_i64(rig, "own", 1);
    assert_string_equal(
        rig_line(rig), RIG_LINE_HEAD
        ",\"level\":\"INFO\",\"logger\":\"log\",\"message\":\"order_submitted\","
        "\"service\":\"svc\",\"symbol\":\"BTC\",\"extra_level\":2,\"own\":1,"
        "\"code.file.path\":\"a.c\",\"code.line.number\":42,\"code.function.name\":\"submit\"}");
    rig_free(rig);
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        uint8_t severity;
        const char *name, *line;
    } table[] = {
        {9, "NOTICE", "\"level\":\"NOTICE\""}, {13, "WARNING", "\"level\":\"WARNING\""},
        {13, "", "\"level\":\"WARN\""},        {1, "", "\"level\":\"TRACE\""},
        {24, "", "\"level\":\"FATAL\""},       {0, "", "\"level\":\"NOTSET\""},
        {250, "", "\"level\":\"FATAL\""},
    };
    struct rig *rig = rig_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_writer *w = rig_begin(rig, "x");
        obsvi_writer_begin(w, rig->space, sizeof rig->space, 0, table[i].severity);
        obsvi_writer_level(w, table[i].name, strlen(table[i].name));
        assert_contains(rig_line(rig), table[i].line);
    }
    rig_free(rig);
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } table[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},
        {951782399999999999, "2000-02-28T23:59:59.999999999Z"},
        {951782400000000000, "2000-02-29T00:00:00.000000000Z"},
        {951868800000000001, "2000-03-01T00:00:00.000000001Z"},
        {4102444799123456789, "2099-12-31T23:59:59.123456789Z"},
        {4107542400000000000, "2100-03-01T00:00:00.000000000Z"},
        {UINT64_MAX, "2554-07-21T23:34:33.709551615Z"},
    };
    struct rig *rig = rig_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct obsvi_writer *w = rig_begin(rig, "x");
        w->head.time_ns = table[i].ns;
        assert_memory_equal(rig_line(rig) + strlen("{\"timestamp\":\""), table[i].text,
                            strlen(table[i].text));
    }
    rig_free(rig);
}

static void test_escapes(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\t\n\v\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\x7f\""},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\"\xe2\x80\xa8\xe2\x80\xa9\""},
        {"12345678\"12345678", "\"12345678\\\"12345678\""},
        {"1234567\n", "\"1234567\\n\""},
        {"bad \xed\xa0\x80 \xff", "\"bad \xef\xbf\xbd \xef\xbf\xbd\""},
    };
    struct rig *rig = rig_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        rig_begin(rig, table[i][0]);
        rig_str(rig, "k", table[i][0]);
        const char *line = rig_line(rig);
        char expected[128];
        snprintf(expected, sizeof expected, "\"message\":%s,", table[i][1]);
        assert_contains(line, expected);
        snprintf(expected, sizeof expected, "\"k\":%s", table[i][1]);
        assert_contains(line, expected);
    }
    rig_free(rig);
}

static void put_f64(struct rig *rig, const char *key, double v)
{
    obsvi_writer_attr_open(&rig->w, key, strlen(key), OBSVI_F64);
    obsvi_writer_value_f64(&rig->w, v);
    obsvi_writer_attr_close(&rig->w);
}

static void test_values_keep_their_types(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_writer *w = rig_begin(rig, "x");
    rig_i64(rig, "min", INT64_MIN);
    rig_i64(rig, "max", INT64_MAX);
    put_f64(rig, "one", 1);
    put_f64(rig, "zero", -0.0);
    put_f64(rig, "nan", NAN);
    put_f64(rig, "inf", -INFINITY);
    rig_str(rig, "empty", "");
    obsvi_writer_attr_open(w, "null", 4, OBSVI_NULL);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "yes", 3, OBSVI_BOOL);
    obsvi_writer_value_bool(w, true);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "raw", 3, OBSVI_BYTES);
    obsvi_writer_value_bytes(w, "\xff\x00", 2);
    obsvi_writer_attr_close(w);
    obsvi_writer_attr_open(w, "list", 4, OBSVI_ARRAY);
    size_t list = obsvi_writer_container_open(w);
    obsvi_writer_item_open(w, OBSVI_MAP);
    size_t map = obsvi_writer_container_open(w);
    obsvi_writer_entry_open(w, "k", 1, OBSVI_BOOL);
    obsvi_writer_value_bool(w, false);
    obsvi_writer_container_close(w, map);
    obsvi_writer_item_open(w, OBSVI_NULL);
    obsvi_writer_item_open(w, OBSVI_MAP);
    obsvi_writer_container_close(w, obsvi_writer_container_open(w));
    obsvi_writer_container_close(w, list);
    obsvi_writer_attr_close(w);
    assert_contains(
        rig_line(rig),
        ",\"min\":-9223372036854775808,\"max\":9223372036854775807,\"one\":1.0,\"zero\":-0.0,\"nan\":\"NaN\","
        "\"inf\":\"-Infinity\",\"empty\":\"\",\"null\":null,\"yes\":true,\"raw\":\"/wA=\","
        "\"list\":[{\"k\":false},null,{}]}");
    rig_free(rig);
}

/* ---- Random records, whole and damaged ----------------------------------------------------------------- */

static uint64_t seed = 88172645463325252;

static unsigned draw(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static struct obsvi_str random_text(void)
{
    static char text[400];
    size_t n = draw(draw(4) ? 12 : sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = draw(3) ? (char)(32 + draw(95)) : (char)draw(256);
    return (struct obsvi_str){text, n};
}

static void random_value(struct obsvi_writer *w, enum obsvi_type type, unsigned depth);

static void random_container(struct obsvi_writer *w, bool is_map, unsigned depth)
{
    size_t mark = obsvi_writer_container_open(w);
    for (unsigned i = draw(5); i > 0; i--) {
        enum obsvi_type type = (enum obsvi_type)draw(depth > 5 ? OBSVI_ARRAY : OBSVI_STR_CUT);
        struct obsvi_str key = random_text();
        if (is_map)
            obsvi_writer_entry_open(w, key.ptr, key.len, type);
        else
            obsvi_writer_item_open(w, type);
        random_value(w, type, depth + 1);
    }
    obsvi_writer_container_close(w, mark);
}

static void random_value(struct obsvi_writer *w, enum obsvi_type type, unsigned depth)
{
    struct obsvi_str s;
    double v;
    switch (type) {
    case OBSVI_BOOL:
        obsvi_writer_value_bool(w, draw(2));
        break;
    case OBSVI_I64:
        obsvi_writer_value_i64(w, (int64_t)seed);
        break;
    case OBSVI_F64:
        memcpy(&v, &seed, sizeof v);
        obsvi_writer_value_f64(w, v);
        break;
    case OBSVI_STR:
    case OBSVI_BYTES:
        s = random_text();
        obsvi_writer_value_bytes(w, s.ptr, s.len);
        break;
    case OBSVI_ARRAY:
    case OBSVI_MAP:
        random_container(w, type == OBSVI_MAP, depth);
        break;
    default:
        break;
    }
}

static size_t random_record(struct rig *rig)
{
    static const uint8_t ids[24] = {1, 2, 3};
    struct obsvi_writer *w = rig_begin(rig, "");
    obsvi_writer_begin(w, rig->space, 16 * 1024, seed, (uint8_t)draw(26));
    struct obsvi_str s = random_text();
    obsvi_writer_logger(w, s.ptr, s.len);
    s = random_text();
    obsvi_writer_level(w, s.ptr, s.len % 20);
    s = random_text();
    obsvi_writer_body(w, s.ptr, s.len);
    for (unsigned i = draw(12); i > 0; i--) {
        enum obsvi_type type = (enum obsvi_type)draw(OBSVI_STR_CUT);
        s = random_text();
        obsvi_writer_attr_open(w, s.ptr, s.len, type);
        random_value(w, type, 0);
        obsvi_writer_attr_close(w);
    }
    s = random_text();
    if (draw(2))
        obsvi_writer_exception(w, s, s, s);
    if (draw(2))
        obsvi_writer_trace(w, ids, ids + 16, 1);
    return obsvi_writer_end(w);
}

static void assert_line_is_valid(struct rig *rig)
{
    const char *line = rig_line_of_loaded(rig);
    size_t n = rig->line.len - 1;
    assert_null(memchr(line, '\n', n));
    assert_int_equal(obsvi_utf8_valid_prefix(line, n), n);
    if (!json_is_valid(line, n))
        fail_msg("not JSON: %.2000s", line);
}

static void test_any_record_gives_a_valid_line(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    for (int i = 0; i < 4000; i++) {
        size_t n = random_record(rig);
        assert_true(obsvi_record_read(&rig->record, rig->space, n));
        assert_int_equal(obsvi_encoder_load(rig->encoder, &rig->record), 0);
        assert_line_is_valid(rig);
    }
    rig_free(rig);
}

/* Bytes are flipped at random: the record is refused, or it comes out valid. */
static void test_any_damage_gives_a_valid_line_or_none(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct obsvi_batch_body *pb = obsvi_batch_body_new(&rig->config);
    unsigned refused = 0, damaged = 0;
    for (int i = 0; i < 4000; i++) {
        size_t n = random_record(rig);
        uint8_t *exact = malloc(n);
        memcpy(exact, rig->space, n);
        for (unsigned k = 1 + draw(4); k > 0; k--)
            exact[draw((unsigned)n)] = (uint8_t)draw(256);
        if (!obsvi_record_read(&rig->record, exact, n)) {
            refused++;
        } else {
            assert_int_equal(obsvi_encoder_load(rig->encoder, &rig->record), 0);
            assert_line_is_valid(rig);
            damaged += strstr((char *)rig->line.data, "damaged") != NULL;
            assert_true(obsvi_encoder_otlp(rig->encoder, pb));
        }
        free(exact);
    }
    assert_true(refused > 50 && damaged > 50);
    obsvi_batch_body_free(pb);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_stand_in_their_order),
        cmocka_unit_test(test_a_call_site_gives_event_keys_and_source),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_values_keep_their_types),
        cmocka_unit_test(test_any_record_gives_a_valid_line),
        cmocka_unit_test(test_any_damage_gives_a_valid_line_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
