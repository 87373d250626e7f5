/* plan: see plan.h. Limits are small, so that a cycle of a second reaches them. */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>

static void add(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct plan *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(p->text[p->count], PLAN_TEXT_BYTES, format, arguments);
    va_end(arguments);
    p->settings[p->count] = p->text[p->count];
    p->settings[++p->count] = NULL;
}

static const char *one_of(struct rng *r, const char *a, const char *b)
{
    return rng_percent(r, 50) ? a : b;
}

static void add_delivery(struct plan *p, struct rng *r)
{
    add(p, "OTEL_EXPORTER_OTLP_PROTOCOL=http/%s", one_of(r, "protobuf", "json"));
    add(p, "OTEL_EXPORTER_OTLP_COMPRESSION=%s", one_of(r, "gzip", "none"));
    add(p, "OTEL_EXPORTER_OTLP_TIMEOUT=%u", rng_between(r, 100, 1500));
    add(p, "OTEL_BLRP_SCHEDULE_DELAY=%u", rng_below(r, 200));
    add(p, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=%u", rng_percent(r, 20) ? 1 : rng_between(r, 2, 600));
    add(p, "OBSV_OUTBOX_BYTES=%uKiB", rng_percent(r, 50) ? rng_between(r, 64, 512) : 32768);
    if (rng_percent(r, 30))
        add(p, "OTEL_BLRP_MAX_QUEUE_SIZE=%u", rng_between(r, 1, 1500));
    if (rng_percent(r, 20))
        add(p, "OBSV_RETENTION=%u", rng_between(r, 1000, 1500));
}

static void add_limits(struct plan *p, struct rng *r)
{
    if (rng_percent(r, 30))
        add(p, "OTEL_ATTRIBUTE_COUNT_LIMIT=%u", rng_between(r, 1, 300));
    if (rng_percent(r, 30))
        add(p, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=%u", rng_below(r, 3000));
}

void plan_make(struct plan *p, struct rng *r, uint16_t port)
{
    p->count = 0;
    add(p, "OTEL_SERVICE_NAME=soak");
    add(p, "LOG_LEVEL=TRACE");
    add(p, "OTEL_LOG_LEVEL=%s", one_of(r, "error", "debug"));
    if (rng_percent(r, 90))
        add(p, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u/otlp", (unsigned)port);
    else
        add(p, "OTEL_EXPORTER_OTLP_ENDPOINT=");
    add(p, "OBSV_STDOUT=%s", rng_percent(r, 85) ? "on" : "off");
    add(p, "OBSV_STDOUT_BUFFER_BYTES=%uKiB", rng_percent(r, 50) ? rng_between(r, 64, 300) : 4096);
    add(p, "OBSV_RING_BYTES=%uKiB", 512u << rng_below(r, 3)); /* the first start's is kept */
    add(p, "OBSV_SIGNALS=%s", one_of(r, "on", "off"));
    add(p, "OBSV_CRASH_HANDLER=%s", one_of(r, "on", "off"));
    add(p, "OBSV_CODE_ATTRIBUTES=%s", one_of(r, "true", "false"));
    add(p, "OBSV_SHUTDOWN_TIMEOUT=%u", rng_between(r, 0, 1500));
    add_delivery(p, r);
    add_limits(p, r);
}
