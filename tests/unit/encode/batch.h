/* batch: random records, and the sealed request of any of them in any order. */
#ifndef TESTS_UNIT_ENCODE_BATCH_H
#define TESTS_UNIT_ENCODE_BATCH_H

#include "unit/encode/rig.h"

enum { BATCH_RECORDS_MAX = 64, BATCH_LOGGERS = 4, BATCH_RECORD_BYTES = 2048 };

struct batch {
    struct rig *rig;
    uint64_t seed;
    uint32_t count;
    uint8_t severity[BATCH_RECORDS_MAX];
    uint8_t logger[BATCH_RECORDS_MAX];
    uint64_t records[BATCH_RECORDS_MAX][BATCH_RECORD_BYTES / 8];
    /* The records as they stand in the request: by logger, in the order in which those first came. */
    uint32_t order[BATCH_RECORDS_MAX];
};

/* splitmix64 */
static inline uint64_t batch_random(struct batch *b)
{
    uint64_t z = b->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline void batch_open(struct batch *b, enum obsvi_protocol protocol,
                              enum obsvi_compression compression, uint64_t seed)
{
    b->rig = rig_new();
    b->rig->config.protocol = protocol;
    b->rig->config.compression = compression;
    b->rig->encoder = obsvi_encoder_new(&b->rig->config);
    assert_non_null(b->rig->encoder);
    b->seed = seed;
}

static inline void batch_close(struct batch *b)
{
    rig_free(b->rig);
}

/* Text that a careless scanner trips over. */
static inline size_t batch_text(struct batch *b, char *text, size_t max)
{
    static const char bits[][4] = {"{", "}",  "[",    "]", "\"", "\\",      ",",
                                   ":", "\n", "\x01", "a", "b",  "\xc3\xa9"};
    size_t n = 0, want = batch_random(b) % max;
    while (n + 4 < want) {
        const char *bit = bits[batch_random(b) % (sizeof bits / sizeof *bits)];
        memcpy(text + n, bit, strlen(bit));
        n += strlen(bit);
    }
    return n;
}

static inline void batch_fill_record(struct batch *b, uint32_t i)
{
    static const char *const loggers[BATCH_LOGGERS] = {"a", "]}", "c\"\\", "d"};
    struct obsvi_writer w;
    char text[600];
    b->severity[i] = (uint8_t)(batch_random(b) % 25);
    b->logger[i] = (uint8_t)(batch_random(b) % BATCH_LOGGERS);
    obsvi_writer_begin(&w, b->records[i], sizeof b->records[i], 1000 + i, b->severity[i]);
    obsvi_writer_logger(&w, loggers[b->logger[i]], strlen(loggers[b->logger[i]]));
    obsvi_writer_body(&w, text, batch_text(b, text, sizeof text));
    if (batch_random(b) % 2)
        obsvi_writer_attr_str(&w, "k\"]}", 4, text, batch_text(b, text, 200));
    if (batch_random(b) % 2)
        obsvi_writer_attr_i64(&w, "severityNumber", 14, 24);
    if (batch_random(b) % 4 == 0) {
        obsvi_writer_attr_open(&w, "m", 1, OBSVI_MAP);
        size_t map = obsvi_writer_container_open(&w);
        obsvi_writer_entry_open(&w, "n", 1, OBSVI_BYTES);
        obsvi_writer_value_bytes(&w, text, batch_text(b, text, 40));
        obsvi_writer_container_close(&w, map);
        obsvi_writer_attr_close(&w);
    }
    assert_true(obsvi_writer_end(&w) > 0);
}

static inline void batch_fill(struct batch *b, uint32_t count)
{
    b->count = count;
    for (uint32_t i = 0; i < count; i++)
        batch_fill_record(b, i);
    bool is_done[BATCH_LOGGERS] = {false};
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i; j < count && !is_done[b->logger[i]]; j++)
            if (b->logger[j] == b->logger[i])
                b->order[n++] = j;
        is_done[b->logger[i]] = true;
    }
    assert_int_equal(n, count);
}

/* Seals records order[from..to). False: no memory. */
static inline bool batch_try_seal(struct batch *b, uint32_t from, uint32_t to, struct obsvi_bytes *out,
                                  bool *is_gzip)
{
    struct obsvi_batch_body *body = obsvi_batch_body_new(&b->rig->config);
    bool is_good = body != NULL;
    for (uint32_t i = from; i < to && is_good; i++) {
        struct obsvi_record record;
        const uint64_t *bytes = b->records[b->order[i]];
        assert_true(obsvi_record_read(&record, bytes, ((const struct obsvi_record_head *)bytes)->size_bytes));
        is_good =
            obsvi_encoder_load(b->rig->encoder, &record) == 0 && obsvi_encoder_otlp(b->rig->encoder, body);
    }
    is_good = is_good && obsvi_batch_body_seal(body, out, is_gzip);
    obsvi_batch_body_free(body);
    return is_good;
}

static inline struct obsvi_bytes batch_seal(struct batch *b, uint32_t from, uint32_t to, bool *is_gzip)
{
    struct obsvi_bytes out = {0};
    assert_true(batch_try_seal(b, from, to, &out, is_gzip));
    return out;
}

#endif
