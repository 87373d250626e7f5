/* obsv.h - fire-and-forget structured logging for trading services.
 *
 * The model. A log call copies one typed record into a ring that belongs to the calling thread, and returns.
 * One background thread, the shipper, takes the records from all rings in the order of their time stamps and
 * sends each to two sinks, independently of one another: standard output, as one JSON object a line, and an
 * OTLP/HTTP endpoint (Grafana Cloud, Grafana Alloy, an OpenTelemetry Collector), in batches. Where they go is
 * configured by the standard OTEL_* environment variables (docs/CONFIGURATION.md).
 *
 * A log call never waits. It takes no lock and makes no system call (the clock is read in user space),
 * whatever state the network, stdout or the shipper is in. If a ring is full, the record is dropped and
 * counted; obsv_stats_get tells how many and why, and a summary is printed when the process ends.
 *
 * Threads    Every function may be called from any thread at any time unless its comment says otherwise.
 * Fork       The child begins with empty rings and its own shipper, started by the child's first log call.
 * Exit       Records accepted before exit() or the return of main are delivered within the shutdown deadline
 *            (OBSV_SHUTDOWN_TIMEOUT, default 3 s). After _exit() or SIGKILL, what the shipper had not written
 *            or sent is lost: lines of the last milliseconds, batches of the last OTEL_BLRP_SCHEDULE_DELAY.
 * Signals    SIGTERM, SIGINT and SIGHUP that nobody handles still kill, after a flush within the shutdown
 *            deadline; a second one kills at once (OBSV_SIGNALS=off: no handler is installed). A crash
 *            (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) is held up until what was logged is out, 2 s at most,
 *            and then takes its usual way (OBSV_CRASH_HANDLER). Handlers of the program are never touched.
 *            docs/PROCESS.md has the details.
 *
 * A complete program:
 *
 *     #include <obsv.h>
 *
 *     int main(void)
 *     {
 *         obsv_init(NULL);
 *         struct obsv_logger *log = obsv_logger_get("trade-exec");
 *         OBSV_INFO(log, "order_submitted", obsv_str("symbol", "BTC-USD"), obsv_i64("qty", 3));
 *         return 0;
 *     }
 *
 *     cc app.c $(pkg-config --cflags --libs obsv)
 */
#ifndef OBSV_H
#define OBSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(OBSV_BUILD)
#define OBSV_API __attribute__((visibility("default")))
#else
#define OBSV_API
#endif

/* ---- Errors -----------------------------------------------------------------------------------------------
 */

/* Returned as negative numbers by functions of type int; 0 is success. */
enum obsv_error {
    OBSV_ERR_NOMEM = -1,    /* memory or another resource is exhausted */
    OBSV_ERR_ALREADY = -2,  /* obsv_init was called before; nothing changed */
    OBSV_ERR_TIMEOUT = -3,  /* the deadline passed with records still pending */
    OBSV_ERR_STATE = -4,    /* not initialised, or shut down */
    OBSV_ERR_ARGUMENT = -5, /* an argument is outside its documented range */
};

/* A short English description of an enum obsv_error (or 0), never NULL. Does not block. */
OBSV_API const char *obsv_strerror(int error);

/* The library's version, e.g. "0.1.0". Never NULL. */
OBSV_API const char *obsv_version(void);

/* ---- Life-cycle -------------------------------------------------------------------------------------------
 */

/* Options of obsv_init. Set `size` to sizeof(struct obsv_options), so that a program built against an older
 * header goes on working; leave the rest zero for the default. */
struct obsv_options {
    size_t size;
    /* A NULL-terminated list of "NAME=value", each of which beats the environment variable of that name
     * ("OTEL_SERVICE_NAME=trade-exec"); "NAME=" means unset. NULL: the environment alone. Copied. */
    const char *const *settings;
};

/* Reads the configuration, starts the shipper and opens the sinks.
 *
 * options     NULL for the environment alone.
 * Returns     0; OBSV_ERR_ALREADY if already initialised (nothing changes, one line on stderr says so);
 *             OBSV_ERR_NOMEM if the thread or its memory could not be had (log calls then do nothing).
 *             A bad setting is never an error: one line on stderr names it and its default is used.
 * Blocks      for milliseconds, on local resources only; never on the network.
 * Again       may be called again after obsv_shutdown. */
OBSV_API int obsv_init(const struct obsv_options *options) __attribute__((warn_unused_result));

/* Waits until everything accepted before the call has left through both sinks, or the deadline passes. Others
 * may go on logging.
 *
 * timeout_ms  0 or more; negative: OTEL_BLRP_EXPORT_TIMEOUT (default 30,000).
 * Returns     0; OBSV_ERR_TIMEOUT; OBSV_ERR_STATE.
 * Blocks      the calling thread only, until the deadline at most. Not async-signal-safe. */
OBSV_API int obsv_flush(int64_t timeout_ms);

/* Flushes, then stops the shipper and closes the sinks. Later log calls are counted and dropped. Called at
 * exit by itself.
 *
 * timeout_ms  as above; negative: OBSV_SHUTDOWN_TIMEOUT (default 3,000).
 * Returns     0 if everything was delivered; OBSV_ERR_TIMEOUT if records were lost (one line on stderr says
 * how many); OBSV_ERR_STATE if not initialised. Blocks      until the deadline at most. */
OBSV_API int obsv_shutdown(int64_t timeout_ms);

/* ---- Severity ---------------------------------------------------------------------------------------------
 */

/* OTLP SeverityNumber (specification, logs/data-model.md): the smallest number of each range. */
enum obsv_severity {
    OBSV_SEVERITY_TRACE = 1,
    OBSV_SEVERITY_DEBUG = 5,
    OBSV_SEVERITY_INFO = 9,
    OBSV_SEVERITY_WARN = 13,
    OBSV_SEVERITY_ERROR = 17,
    OBSV_SEVERITY_FATAL = 21,
};

/* True if a record of this severity (1..24) would be recorded: at or above LOG_LEVEL and initialised. One
 * relaxed load. */
OBSV_API bool obsv_enabled(int severity);

/* Changes the threshold that LOG_LEVEL set. Takes effect on other threads' next calls. */
OBSV_API void obsv_set_severity(int severity);

/* ---- Values -----------------------------------------------------------------------------------------------
 */

enum obsv_type {
    OBSV_TYPE_NULL = 0,
    OBSV_TYPE_BOOL,
    OBSV_TYPE_I64,
    OBSV_TYPE_F64,
    OBSV_TYPE_STR,
    OBSV_TYPE_BYTES,
    OBSV_TYPE_ARRAY,
    OBSV_TYPE_MAP,
};

/* One attribute: a key and a typed value. Build it with the functions below; it points to the caller's
 * memory, which needs to live only until the log call returns. A NULL key is left out and counted. */
struct obsv_attr {
    const char *key; /* NUL-terminated UTF-8; invalid bytes are replaced by U+FFFD; at most 1,024 bytes */
    uint8_t type;    /* enum obsv_type */
    uint32_t count;  /* STR, BYTES: bytes (a STR of UINT32_MAX: up to its NUL); ARRAY, MAP: items */
    union {
        bool boolean;
        int64_t i64;
        double f64;
        const char *str;
        const void *bytes;
        const struct obsv_attr *items; /* ARRAY: keys are ignored */
    } value;
};

static inline struct obsv_attr obsv_null(const char *key)
{
    struct obsv_attr a;
    memset(&a, 0, sizeof a);
    a.key = key;
    return a;
}

static inline struct obsv_attr obsv_bool(const char *key, bool v)
{
    struct obsv_attr a;
    a.key = key;
    a.type = OBSV_TYPE_BOOL;
    a.count = 0;
    a.value.boolean = v;
    return a;
}

static inline struct obsv_attr obsv_i64(const char *key, int64_t v)
{
    struct obsv_attr a;
    a.key = key;
    a.type = OBSV_TYPE_I64;
    a.count = 0;
    a.value.i64 = v;
    return a;
}

/* NaN and the infinities are kept: null-safe in JSON as the strings "NaN", "Infinity", "-Infinity". */
static inline struct obsv_attr obsv_f64(const char *key, double v)
{
    struct obsv_attr a;
    a.key = key;
    a.type = OBSV_TYPE_F64;
    a.count = 0;
    a.value.f64 = v;
    return a;
}

/* A NUL-terminated string; NULL becomes null. */
static inline struct obsv_attr obsv_str(const char *key, const char *s)
{
    struct obsv_attr a;
    a.key = key;
    a.type = s ? OBSV_TYPE_STR : OBSV_TYPE_NULL;
    a.count = UINT32_MAX;
    a.value.str = s;
    return a;
}

/* n bytes of text, which may hold NULs. */
static inline struct obsv_attr obsv_strn(const char *key, const char *s, size_t n)
{
    struct obsv_attr a;
    a.key = key;
    a.type = s ? OBSV_TYPE_STR : OBSV_TYPE_NULL;
    a.count = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
    a.value.str = s;
    return a;
}

/* n bytes of anything; base64 in JSON. */
static inline struct obsv_attr obsv_bytes(const char *key, const void *p, size_t n)
{
    struct obsv_attr a;
    a.key = key;
    a.type = p ? OBSV_TYPE_BYTES : OBSV_TYPE_NULL;
    a.count = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
    a.value.bytes = p;
    return a;
}

/* n items; nests to any depth up to 64, deeper levels become empty. */
static inline struct obsv_attr obsv_array(const char *key, const struct obsv_attr *items, size_t n)
{
    struct obsv_attr a;
    a.key = key;
    a.type = OBSV_TYPE_ARRAY;
    a.count = (uint32_t)n;
    a.value.items = items;
    return a;
}

/* n entries with keys of their own. */
static inline struct obsv_attr obsv_map(const char *key, const struct obsv_attr *entries, size_t n)
{
    struct obsv_attr a;
    a.key = key;
    a.type = OBSV_TYPE_MAP;
    a.count = (uint32_t)n;
    a.value.items = entries;
    return a;
}

/* ---- Logging ----------------------------------------------------------------------------------------------
 */

/* A logger: a name, sent as the OTLP instrumentation scope and as `logger` in the JSON line. */
struct obsv_logger;

/* The logger of that name, created on first use and valid until the process ends. NULL or "" is "root".
 *
 * name        NUL-terminated; at most 255 bytes are kept.
 * Returns     never NULL (when memory is exhausted, the root logger).
 * Blocks      on a short lock: call it once and keep the result, not in a hot loop. */
OBSV_API struct obsv_logger *obsv_logger_get(const char *name);

/* The static facts of a call site. The macros below make one for each; `id` is the library's own. */
struct obsv_site {
    const char *event;
    const char *file;
    const char *function;
    int32_t line;
    uint8_t severity; /* enum obsv_severity, or any 1..24 */
    uint32_t id;
};

/* Records one event. Use the macros.
 *
 * log         NULL: the root logger.
 * site        static storage.
 * attrs       `count` of them; at most 1,000 are taken.
 * Blocks      never. Dropped and counted when this thread's ring is full. errno is untouched. */
OBSV_API void obsv_log(struct obsv_logger *log, struct obsv_site *site, const struct obsv_attr *attrs,
                       size_t count);

/* The same for a record without a call site of its own (bridges from other loggers): a free-form body, an
 * event name (either may be NULL). */
OBSV_API void obsv_log_text(struct obsv_logger *log, int severity, const char *event, const char *body,
                            const struct obsv_attr *attrs, size_t count);

/* The first argument is the event, the rest are attributes. In ISO C "..." must not be empty, and a trailing
 * null, which is not counted, sees to that. */
#define OBSVI_EVENT(...)         OBSVI_EVENT_(__VA_ARGS__, NULL)
#define OBSVI_EVENT_(event, ...) event
#define OBSVI_ATTRS(...)         OBSVI_ATTRS_(__VA_ARGS__, obsv_null(NULL))
#define OBSVI_ATTRS_(event, ...) __VA_ARGS__

#define OBSV_LOG(log, severity_, ...)                                                                        \
    do {                                                                                                     \
        if (obsv_enabled(severity_)) {                                                                       \
            static struct obsv_site obsv_site_ = {                                                           \
                OBSVI_EVENT(__VA_ARGS__), __FILE__, __func__, __LINE__, severity_, 0};                       \
            const struct obsv_attr obsv_attrs_[] = {OBSVI_ATTRS(__VA_ARGS__)};                               \
            obsv_log(log, &obsv_site_, obsv_attrs_, sizeof obsv_attrs_ / sizeof *obsv_attrs_ - 1);           \
        }                                                                                                    \
    } while (0)

#define OBSV_TRACE(log, ...) OBSV_LOG(log, OBSV_SEVERITY_TRACE, __VA_ARGS__)
#define OBSV_DEBUG(log, ...) OBSV_LOG(log, OBSV_SEVERITY_DEBUG, __VA_ARGS__)
#define OBSV_INFO(log, ...)  OBSV_LOG(log, OBSV_SEVERITY_INFO, __VA_ARGS__)
#define OBSV_WARN(log, ...)  OBSV_LOG(log, OBSV_SEVERITY_WARN, __VA_ARGS__)
#define OBSV_ERROR(log, ...) OBSV_LOG(log, OBSV_SEVERITY_ERROR, __VA_ARGS__)
#define OBSV_FATAL(log, ...) OBSV_LOG(log, OBSV_SEVERITY_FATAL, __VA_ARGS__)

/* ---- Statistics -------------------------------------------------------------------------------------------
 */

/* Why a record did not reach a sink. Each is counted by level as well: OBSV_DROP_stdout_dropped_ring_full and
 * so on index obsv_stats.dropped_by_level. */
#define OBSV_DROPS_LIST(X)                                                                                   \
    X(stdout_dropped_ring_full, "Dropped: the logging thread's ring had no room.")                           \
    X(stdout_dropped_buffer_full, "Dropped: stdout was not read fast enough.")                               \
    X(stdout_dropped_closed, "Dropped: stdout is closed, or writing to it failed.")                          \
    X(stdout_dropped_off, "Not wanted: OBSV_STDOUT=off.")                                                    \
    X(stdout_dropped_shutdown, "Dropped: the shutdown deadline passed, or logged after shutdown.")           \
    X(stdout_dropped_internal, "Dropped: no memory, no ring to be had, or a damaged record.")                \
    X(export_dropped_ring_full, "Dropped: the logging thread's ring had no room.")                           \
    X(export_dropped_outbox_full, "Dropped: the outbox's budget was used up (OBSV_OUTBOX_BYTES).")           \
    X(export_dropped_expired, "Dropped: not delivered within OBSV_RETENTION.")                               \
    X(export_dropped_rejected, "Dropped: refused by the endpoint, and not worth another try.")               \
    X(export_dropped_off, "Not wanted: no endpoint is set, or export is switched off.")                      \
    X(export_dropped_shutdown, "Dropped: the shutdown deadline passed, or logged after shutdown.")           \
    X(export_dropped_internal, "Dropped: no memory, no ring to be had, or a damaged record.")

#define OBSV_STATS_LIST(X)                                                                                   \
    X(accepted, "Log calls that passed the level check.")                                                    \
    X(stdout_delivered, "Lines written to standard output.")                                                 \
    X(stdout_pending, "Records on their way to standard output.")                                            \
    X(export_delivered, "Records that the endpoint acknowledged.")                                           \
    X(export_pending, "Records on their way to the endpoint: in rings, open batches, outbox, in flight.")    \
    OBSV_DROPS_LIST(X)                                                                                       \
    X(export_requests, "HTTP requests sent.")                                                                \
    X(export_retries, "Of which: the same batch again.")                                                     \
    X(export_bytes, "Bytes of acknowledged request bodies, as sent (compressed).")                           \
    X(export_last_status, "HTTP status of the last answer; 0: none yet, or no answer was had.")              \
    X(export_latency_ms, "Milliseconds from the start of the last acknowledged request to its answer.")      \
    X(oldest_pending_ms, "Milliseconds since the oldest batch in the outbox was sealed; 0: it is empty.")    \
    X(outbox_bytes, "Bytes of sealed batches held now.")                                                     \
    X(ring_bytes, "Bytes of records in the rings now.")

enum obsv_drop {
#define OBSV_DROP(name, help) OBSV_DROP_##name,
    OBSV_DROPS_LIST(OBSV_DROP)
#undef OBSV_DROP
        OBSV_DROP_COUNT
};

/* Index of a level: TRACE 0, DEBUG 1, INFO 2 (also "unspecified"), WARN 3, ERROR 4, FATAL 5. */
enum { OBSV_LEVEL_COUNT = 6 };

/* Counters since the process started (or was forked). For each sink, whenever nothing is moving:
 * accepted = delivered + the sum of its dropped counters + pending. */
struct obsv_stats {
#define OBSV_STAT(name, help) uint64_t name;
    OBSV_STATS_LIST(OBSV_STAT)
#undef OBSV_STAT
    uint64_t dropped_by_level[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT];
    char last_error[256]; /* the library's last warning or error, NUL-terminated; empty: none. No secrets. */
};

/* Fills `out` (the first `out_bytes` of it: pass sizeof *out). Returns 0 or OBSV_ERR_STATE (never
 * initialised; out is zeroed). Does not block; counters of other threads may be a moment old. */
OBSV_API int obsv_stats_get(struct obsv_stats *out, size_t out_bytes);

#ifdef __cplusplus
}
#endif

#endif /* OBSV_H */
