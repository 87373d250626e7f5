/* rig: a config, an encoder and one record on its way through them, for the tests of the encode layer. */
#ifndef TESTS_UNIT_ENCODE_RIG_H
#define TESTS_UNIT_ENCODE_RIG_H

#include "encode/encoder.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct rig {
    struct obsvi_pair resource[2];
    struct obsvi_config config;
    struct obsvi_encoder *encoder;
    struct obsvi_writer w;
    struct obsvi_record record;
    struct obsvi_bytes line;
    uint64_t space[OBSVI_RECORD_BYTES_MAX / 8];
};

#define RIG_TIME_NS   UINT64_C(1763829001000000002) /* 2025-11-22T16:30:01.000000002Z */
#define RIG_LINE_HEAD "{\"timestamp\":\"2025-11-22T16:30:01.000000002Z\""

static inline struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->resource[0] = (struct obsvi_pair){(char *)"service.name", (char *)"svc"};
    rig->resource[1] = (struct obsvi_pair){(char *)"telemetry.sdk.name", (char *)"obsv"};
    rig->config = (struct obsvi_config){
        .service_name = (char *)"svc",
        .resource = {rig->resource, 2},
        .compression = OBSVI_COMPRESSION_NONE,
        .attr_count_limit = 128,
        .attr_value_length_limit = UINT32_MAX,
    };
    return rig;
}

static inline void rig_free(struct rig *rig)
{
    obsvi_encoder_free(rig->encoder);
    obsvi_bytes_fini(&rig->line);
    free(rig);
}

/* A new record with the given body; write to rig->w, then load. */
static inline struct obsvi_writer *rig_begin(struct rig *rig, const char *body)
{
    if (!rig->encoder)
        rig->encoder = obsvi_encoder_new(&rig->config);
    assert_non_null(rig->encoder);
    obsvi_writer_begin(&rig->w, rig->space, sizeof rig->space, RIG_TIME_NS, 9);
    obsvi_writer_logger(&rig->w, "log", 3);
    obsvi_writer_level(&rig->w, "INFO", 4);
    obsvi_writer_body(&rig->w, body, strlen(body));
    return &rig->w;
}

static inline void rig_load(struct rig *rig)
{
    size_t n = obsvi_writer_end(&rig->w);
    assert_true(obsvi_record_read(&rig->record, rig->space, n));
    assert_int_equal(obsvi_encoder_load(rig->encoder, &rig->record), 0);
}

/* The line of the loaded record, NUL-terminated, without its newline. */
static inline const char *rig_line_of_loaded(struct rig *rig)
{
    obsvi_bytes_clear(&rig->line);
    assert_true(obsvi_encoder_json_line(rig->encoder, &rig->line));
    assert_int_equal(rig->line.data[rig->line.len - 1], '\n');
    rig->line.data[rig->line.len - 1] = '\0';
    return (const char *)rig->line.data;
}

static inline const char *rig_line(struct rig *rig)
{
    rig_load(rig);
    return rig_line_of_loaded(rig);
}

static inline void rig_str(struct rig *rig, const char *key, const char *value)
{
    obsvi_writer_attr_str(&rig->w, key, strlen(key), value, strlen(value));
}

static inline void rig_i64(struct rig *rig, const char *key, int64_t value)
{
    obsvi_writer_attr_i64(&rig->w, key, strlen(key), value);
}

static inline char *filled(char c, size_t n)
{
    char *s = malloc(n + 1);
    assert_non_null(s);
    memset(s, c, n);
    s[n] = '\0';
    return s;
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in %.2000s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("%s in %.2000s", part, text);
}

#endif
