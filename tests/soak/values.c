/* values: see values.h. Strings are not built but cut out of one large text, which holds what a string can
 * hold: ASCII, UTF-8 of every length, lone surrogates, overlong forms, bare continuation bytes, control
 * characters, NULs. */
#include "values.h"

#include "ledger.h"

#include <math.h>

enum {
    TEXT_BYTES = 2 << 20,
    STRING_BYTES_MAX = 1 << 20,
    DEPTH_MAX = 100,
    LOGGER_COUNT = 24,
};

static char text[TEXT_BYTES + 1];
static char long_key[3000];
static struct obsv_logger *loggers[LOGGER_COUNT];

static const char *const keys[] = {
    "symbol",       "order_id",       "price",  "level",      "severity",    "lvl",      "timestamp",
    "message",      "service",        "logger", "env",        "exception",   "trace_id", "span_id",
    "extra_level",  "extra_message",  "",       " ",          "a.b.c",       "1st",      "\xff\xfe",
    "\xed\xa0\x80", "k\xc3",          "\n",     "\"quoted\"", "back\\slash", "\x01\x02", "\xf0\x9f\x92\xa5",
    "order_id",     "detected_level", long_key,
};

static const char *const pieces[] = {
    "order filled ", "\xc3\xa9",     "\xe2\x82\xac", "\xf0\x9f\x92\xb8",
    "\xed\xa0\x80",  "\xc0\xaf",     "\x80\x80",     "\xf8\x88",
    "\r\n",          "\x1b[31m",     "\"}{\"",       "\\u0000",
    "\x7f",          "\xe2\x80\xa8", "\xff",         "<\t>",
};

void values_open(uint64_t seed)
{
    struct rng r = rng_of(seed, 0x7e87);
    size_t n = 0;
    while (n < TEXT_BYTES - 32) {
        const char *piece =
            pieces[rng_below(&r, 100) < 80 ? 0 : rng_below(&r, sizeof pieces / sizeof *pieces)];
        size_t bytes = strlen(piece);
        memcpy(text + n, piece, bytes);
        n += bytes;
        if (rng_below(&r, 60) == 0)
            text[n++] = '\0';
    }
    memset(long_key, 'k', sizeof long_key - 1);
    for (int i = 0; i < LOGGER_COUNT; i++) {
        const char *odd = text + rng_below(&r, TEXT_BYTES);
        loggers[i] = i == 0 ? NULL : obsv_logger_get(i < 4 ? keys[i] : i == 4 ? long_key : odd);
    }
}

/* Mostly short, now and then as long as can be. */
static uint32_t some_length(struct rng *r)
{
    uint32_t kind = rng_below(r, 1000);
    uint32_t max = kind < 960 ? 40 : kind < 994 ? 1000 : kind < 999 ? 70000 : STRING_BYTES_MAX;
    return rng_below(r, max + 1);
}

static const char *some_text(struct rng *r, uint32_t bytes)
{
    return text + rng_below(r, TEXT_BYTES - bytes);
}

static const char *some_key(struct rng *r)
{
    uint32_t kind = rng_below(r, 100);
    if (kind < 2)
        return NULL;
    if (kind < 3)
        return some_text(r, 0); /* up to the next NUL */
    return keys[rng_below(r, sizeof keys / sizeof *keys)];
}

static double some_double(struct rng *r)
{
    static const double odd[] = {0.0,    -0.0, NAN,      INFINITY, -INFINITY,           1e308,
                                 5e-324, 0.1,  67250.25, 1e21,     123456789012345680.0};
    union {
        uint64_t bits;
        double value;
    } any = {rng_next(r)};
    return rng_percent(r, 50) ? odd[rng_below(r, sizeof odd / sizeof *odd)] : any.value;
}

static int64_t some_integer(struct rng *r)
{
    static const int64_t odd[] = {0, -1, INT64_MAX, INT64_MIN, INT32_MAX, 1, 255, 256};
    return rng_percent(r, 50) ? odd[rng_below(r, sizeof odd / sizeof *odd)] : (int64_t)rng_next(r);
}

static struct obsv_attr some_value(struct values *v, const char *key, int depth);

static struct obsv_attr *take(struct values *v, uint32_t n)
{
    if (v->used + n > VALUES_ITEMS_MAX)
        return NULL;
    v->used += n;
    return v->items + v->used - n;
}

static struct obsv_attr some_container(struct values *v, const char *key, int depth)
{
    const bool is_map = rng_percent(&v->rng, 50);
    uint32_t n = rng_below(&v->rng, rng_percent(&v->rng, 95) ? 5 : 200);
    struct obsv_attr *items = take(v, n);
    n = items ? n : 0;
    for (uint32_t i = 0; i < n; i++)
        items[i] = some_value(v, some_key(&v->rng), depth + 1);
    return is_map ? obsv_map(key, items, n) : obsv_array(key, items, n);
}

/* A chain of containers, each in the one before. */
static struct obsv_attr some_abyss(struct values *v, const char *key)
{
    struct obsv_attr inner = obsv_str("bottom", "here");
    for (uint32_t depth = rng_between(&v->rng, 1, DEPTH_MAX); depth > 0; depth--) {
        struct obsv_attr *item = take(v, 1);
        const char *name = depth == 1 ? key : some_key(&v->rng);
        if (!item)
            break;
        *item = inner;
        inner = rng_percent(&v->rng, 50) ? obsv_map(name, item, 1) : obsv_array(name, item, 1);
    }
    inner.key = key;
    return inner;
}

static struct obsv_attr some_value(struct values *v, const char *key, int depth)
{
    struct rng *r = &v->rng;
    uint32_t n;
    struct obsv_attr odd;
    switch (rng_below(r, 12)) {
    case 0:
        return obsv_null(key);
    case 1:
        return obsv_bool(key, rng_percent(r, 50));
    case 2:
    case 3:
        return obsv_i64(key, some_integer(r));
    case 4:
        return obsv_f64(key, some_double(r));
    case 5:
        return obsv_str(key, rng_percent(r, 10) ? NULL : some_text(r, 0));
    case 6:
    case 7:
        n = some_length(r);
        return obsv_strn(key, rng_percent(r, 5) ? NULL : some_text(r, n), n);
    case 8:
        n = some_length(r);
        return obsv_bytes(key, rng_percent(r, 5) ? NULL : some_text(r, n), n);
    case 9:
        return depth < DEPTH_MAX ? some_container(v, key, depth) : obsv_null(key);
    case 10:
        return depth == 0 && rng_percent(r, 30) ? some_abyss(v, key) : obsv_bool(key, false);
    default:
        odd = obsv_i64(key, some_integer(r));
        odd.type = rng_percent(r, 10) ? 200 : odd.type; /* a type that there is not */
        return odd;
    }
}

static uint32_t some_count(struct rng *r)
{
    uint32_t kind = rng_below(r, 1000);
    return rng_below(r, kind < 900 ? 7 : kind < 990 ? 40 : kind < 998 ? 301 : 1201);
}

static int some_severity(struct rng *r)
{
    static const int odd[] = {0, -1, 25, 1000, 13, 24};
    return rng_percent(r, 10) ? odd[rng_below(r, sizeof odd / sizeof *odd)] : (int)rng_between(r, 1, 24);
}

void values_log(struct values *v)
{
    static struct obsv_site sites[6] = {
        {"order_submitted", __FILE__, __func__, __LINE__, OBSV_SEVERITY_INFO, 0},
        {"order_rejected", __FILE__, __func__, __LINE__, OBSV_SEVERITY_WARN, 0},
        {"feed_disconnected", __FILE__, __func__, __LINE__, OBSV_SEVERITY_ERROR, 0},
        {"", __FILE__, __func__, __LINE__, OBSV_SEVERITY_DEBUG, 0},
        {NULL, NULL, NULL, -1, OBSV_SEVERITY_FATAL, 0},
        {"\xff\xfe", __FILE__, __func__, __LINE__, 24, 0},
    };
    struct rng *r = &v->rng;
    v->used = 0;
    uint32_t n = some_count(r);
    struct obsv_attr *attrs = take(v, n + 1);
    for (uint32_t i = 1; i <= n; i++)
        attrs[i] = some_value(v, some_key(r), 0);
    attrs[0] = obsv_i64(NUMBER_KEY, (int64_t)ledger_next_number());

    struct obsv_logger *log = loggers[rng_below(r, LOGGER_COUNT)];
    if (rng_percent(r, 50)) {
        obsv_log(log, &sites[rng_below(r, 6)], attrs, n + 1);
        atomic_fetch_add(&calls, 1);
    } else {
        int severity = some_severity(r);
        const char *body = rng_percent(r, 10) ? NULL : some_text(r, 0);
        const char *event = rng_percent(r, 80) ? NULL : some_text(r, 0);
        obsv_log_text(log, severity, event, body, attrs, n + 1);
        atomic_fetch_add(&calls, severity >= 1); /* LOG_LEVEL=TRACE lets all but these through */
    }
}
