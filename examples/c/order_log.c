/* order_log: one order's life, logged from C.
 *
 * Shows what a C or C++ service needs and nothing more: start the library once, get a logger for each
 * component, log events with typed attributes, end. The comments say what a reader of obsv.h would want to
 * know at this point.
 *
 *     OTEL_SERVICE_NAME=order-log OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ./order_log
 */
#include <obsv.h>
#include <stdio.h>

struct order {
    const char *id;
    const char *symbol;
    bool is_buy;
    int64_t qty;
    double price;
};

/* The attributes are built on the stack and copied by the call; the order may change or go right after. */
static void log_submitted(struct obsv_logger *log, const struct order *order)
{
    OBSV_INFO(log, "order_submitted", obsv_str("order_id", order->id), obsv_str("symbol", order->symbol),
              obsv_str("side", order->is_buy ? "buy" : "sell"), obsv_i64("qty", order->qty),
              obsv_f64("price", order->price), obsv_bool("post_only", true), obsv_null("parent_order_id"));
}

/* Nested values: a map of maps and arrays, to any depth up to 64. */
static void log_filled(struct obsv_logger *log, const struct order *order, const int64_t *fills,
                       size_t fill_count)
{
    struct obsv_attr quantities[8];
    int64_t filled = 0;
    size_t n = fill_count < 8 ? fill_count : 8;
    for (size_t i = 0; i < n; i++) {
        quantities[i] = obsv_i64(NULL, fills[i]); /* keys of array items are ignored */
        filled += fills[i];
    }
    const struct obsv_attr execution[] = {
        obsv_array("fills", quantities, n),
        obsv_i64("leaves_qty", order->qty - filled),
        obsv_str("venue", "XSIM"),
    };
    OBSV_INFO(log, "order_filled", obsv_str("order_id", order->id),
              obsv_map("execution", execution, sizeof execution / sizeof *execution));
}

/* What the counters say at the end. Ask before the process ends, after obsv_shutdown: nothing moves any more.
 */
static int report(void)
{
    struct obsv_stats stats;
    if (obsv_stats_get(&stats, sizeof stats) < 0)
        return 1;
    fprintf(stderr, "order_log: %llu accepted, %llu on stdout, %llu exported\n",
            (unsigned long long)stats.accepted, (unsigned long long)stats.stdout_delivered,
            (unsigned long long)stats.export_delivered);
    return stats.stdout_delivered == stats.accepted ? 0 : 1;
}

int main(void)
{
    int error = obsv_init(NULL);
    if (error < 0) {
        fprintf(stderr, "order_log: no logging: %s\n", obsv_strerror(error));
        return 1;
    }
    /* Get loggers once and keep them; the call below them in the hot path takes no lock. */
    struct obsv_logger *desk = obsv_logger_get("trade-exec.orders");
    struct obsv_logger *venue = obsv_logger_get("trade-exec.venue");

    const struct order order = {"C-000001", "BTC-USD", true, 12, 67250.25};
    const int64_t fills[] = {5, 4, 3};
    const char clordid[] = "ORD\0-17"; /* text may hold NULs when its length is given */
    const unsigned char frame[] = {0x38, 0x3d, 0x46, 0x49, 0x58, 0x01};

    log_submitted(desk, &order);
    OBSV_DEBUG(venue, "raw_frame",
               obsv_bytes("frame", frame, sizeof frame)); /* below LOG_LEVEL: costs one load */
    OBSV_INFO(venue, "order_acknowledged", obsv_str("order_id", order.id), obsv_f64("latency_ms", 4.18),
              obsv_strn("venue_order_id", clordid, sizeof clordid - 1),
              obsv_bytes("frame", frame, sizeof frame));
    log_filled(venue, &order, fills, sizeof fills / sizeof *fills);
    OBSV_WARN(desk, "order_rejected", obsv_str("order_id", "C-000002"),
              obsv_str("reason", "price_outside_band"));
    /* A bridge from another logger has no call site of its own: severity and body are values then. */
    obsv_log_text(desk, OBSV_SEVERITY_ERROR, NULL, "position does not match the venue's", NULL, 0);

    /* Optional: it would happen at exit. Here so that report() can tell what became of the records. */
    if (obsv_shutdown(-1) < 0)
        fprintf(stderr, "order_log: not everything was delivered in time\n");
    return report();
}
