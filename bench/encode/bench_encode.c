/* bench_encode: what encoding a record costs the shipper.
 *
 *     cmake --preset release && cmake --build build/release --target bench_encode
 *     build/release/bench/encode/bench_encode [rounds [times]]
 *
 * The record is an ordinary one of a trading service: a message, five attributes (three strings, an integer,
 * a double), one of six loggers. Batches of 512 different ones are encoded over and over, and the fastest and
 * the median batch are shown, in nanoseconds of processor time for one record. Loading comes before each
 * encoding, as in the shipper, so the encodings alone are differences.
 *
 * With `times` instructions are not counted: counting does not go together with a profiler.
 *
 * Sealing is not in it: it is paid for each batch, and nearly all of it is compression.
 */
#include "count.h"

#include "encode/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RECORD_COUNT = 512, RECORD_BYTES = 512, DEFAULT_ROUNDS = 2000, COUNTED_RECORDS = 16 };

enum parts { LINE = 1, REQUEST = 2 };

struct bench {
    struct obsvi_encoder *encoder;
    struct obsvi_batch_body *batch;
    struct obsvi_bytes line, request;
    uint32_t record_count;
    enum parts parts;
    bool is_counting;
    uint64_t records[RECORD_COUNT][RECORD_BYTES / 8];
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_encode: %s\n", what);
    exit(1);
}

static void put_text(struct obsvi_writer *w, const char *key, const char *value)
{
    obsvi_writer_attr_str(w, key, strlen(key), value, strlen(value));
}

static void fill_record(uint64_t *space, unsigned i)
{
    static const char *const loggers[] = {"orders", "fills", "risk", "marketdata", "session", "router"};
    static const char *const symbols[] = {"BTC-USD", "ETH-USD", "SOL-USD", "EURUSD"};
    static const char body[] = "order accepted by the exchange";
    const char *logger = loggers[i / 8 % 6];
    char order_id[32];
    snprintf(order_id, sizeof order_id, "ord-%08u", i * 2654435761u % 100000000);
    struct obsvi_writer w;
    obsvi_writer_begin(&w, space, RECORD_BYTES, UINT64_C(1763829001000000000) + i * UINT64_C(1234567), 9);
    obsvi_writer_logger(&w, logger, strlen(logger));
    obsvi_writer_level(&w, "INFO", 4);
    obsvi_writer_body(&w, body, sizeof body - 1);
    put_text(&w, "symbol", symbols[i % 4]);
    put_text(&w, "side", i % 3 ? "buy" : "sell");
    put_text(&w, "order_id", order_id);
    obsvi_writer_attr_i64(&w, "qty", 3, 1 + i * 37 % 5000);
    obsvi_writer_attr_open(&w, "price", 5, OBSVI_F64);
    obsvi_writer_value_f64(&w, 60000 + i * 0.25);
    obsvi_writer_attr_close(&w);
    if (!obsvi_writer_end(&w))
        fail("the record does not fit");
}

static void encode(void *arg)
{
    struct bench *b = arg;
    for (uint32_t i = 0; i < b->record_count; i++) {
        const struct obsvi_record_head *head = (const struct obsvi_record_head *)b->records[i];
        struct obsvi_record record;
        bool is_good = obsvi_record_read(&record, head, head->size_bytes) &&
                       obsvi_encoder_load(b->encoder, &record) == 0;
        if (b->parts & LINE)
            is_good = is_good && obsvi_encoder_json_line(b->encoder, &b->line);
        if (b->parts & REQUEST)
            is_good = is_good && obsvi_encoder_otlp(b->encoder, b->batch);
        if (!is_good)
            fail("a record was not encoded");
    }
}

static void empty(struct bench *b)
{
    bool is_gzip;
    obsvi_bytes_clear(&b->line);
    obsvi_bytes_clear(&b->request);
    if (!obsvi_batch_body_seal(b->batch, &b->request, &is_gzip))
        fail("no memory");
}

static double processor_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void show(struct bench *b, const char *name, enum parts parts, size_t rounds, double *ns)
{
    b->parts = parts;
    b->record_count = RECORD_COUNT;
    for (size_t i = 0; i < rounds; i++) {
        double start = processor_ns();
        encode(b);
        ns[i] = (processor_ns() - start) / RECORD_COUNT;
        empty(b);
    }
    qsort(ns, rounds, sizeof *ns, by_size);
    b->record_count = COUNTED_RECORDS;
    printf("%-28s %10.1f %10.1f", name, ns[0], ns[rounds / 2]);
    long count = b->is_counting ? count_instructions(encode, b) : 0;
    if (count > 0)
        printf(" %14ld\n", count / COUNTED_RECORDS);
    else
        printf(" %14s\n", "not counted");
}

static void show_all(struct bench *b, size_t rounds)
{
    double *ns = malloc(rounds * sizeof *ns);
    if (!ns)
        fail("no memory");
    printf("%-28s %10s %10s %14s\n", "one record", "fastest ns", "median ns", "instructions");
    show(b, "load", 0, rounds, ns);
    show(b, "load, JSON line", LINE, rounds, ns);
    show(b, "load, OTLP", REQUEST, rounds, ns);
    show(b, "load, JSON line, OTLP", LINE | REQUEST, rounds, ns);
    free(ns);
}

int main(int argc, char **argv)
{
    static struct bench b;
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_ROUNDS;
    b.is_counting = argc < 3;
    if (rounds < 1 || argc > 3 || (argc == 3 && strcmp(argv[2], "times") != 0))
        fail("usage: bench_encode [rounds [times]]");
    static struct obsvi_pair resource[] = {{(char *)"service.name", (char *)"trade-exec"}};
    static const struct obsvi_config config = {
        .service_name = (char *)"trade-exec",
        .environment = (char *)"production",
        .version = (char *)"1.0.0",
        .resource = {resource, 1},
        .compression = OBSVI_COMPRESSION_NONE,
        .attr_count_limit = 128,
        .attr_value_length_limit = UINT32_MAX,
    };
    for (unsigned i = 0; i < RECORD_COUNT; i++)
        fill_record(b.records[i], i);
    b.encoder = obsvi_encoder_new(&config);
    b.batch = obsvi_batch_body_new(&config);
    if (!b.encoder || !b.batch)
        fail("no memory");
    show_all(&b, (size_t)rounds);
    obsvi_batch_body_free(b.batch);
    obsvi_encoder_free(b.encoder);
    obsvi_bytes_fini(&b.line);
    obsvi_bytes_fini(&b.request);
    return 0;
}
