/* ledger: see ledger.h. */
#include "ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct ledger *ledger;
_Atomic uint64_t calls;

static const char *const drop_names[OBSV_DROP_COUNT] = {
#define NAME(name, help) #name,
    OBSV_DROPS_LIST(NAME)
#undef NAME
};

void ledger_open(void)
{
    ledger =
        mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ledger == MAP_FAILED) {
        perror("soak: mmap");
        exit(2);
    }
}

uint64_t ledger_next_number(void)
{
    return atomic_fetch_add(&ledger->next_number, 1);
}

bool ledger_mark(_Atomic uint64_t *bits, uint64_t number)
{
    const uint64_t bit = UINT64_C(1) << number % 64;
    if (number >= NUMBERS_MAX) {
        violate("record number %" PRIu64 " was never given out", number);
        return false;
    }
    return !(atomic_fetch_or(&bits[number / 64], bit) & bit);
}

void violate(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "soak: VIOLATION in process %d: %s\n", (int)getpid(), text);
    atomic_fetch_add(&ledger->violation_count, 1);
}

static uint64_t drops_of(const struct obsv_stats *s, const char *sink)
{
    uint64_t sum = 0;
    for (int i = 0; i < OBSV_DROP_COUNT; i++)
        for (int level = 0; strncmp(drop_names[i], sink, strlen(sink)) == 0 && level < OBSV_LEVEL_COUNT;
             level++)
            sum += s->dropped_by_level[i][level];
    return sum;
}

static void judge_sink(const char *where, const char *sink, const struct obsv_stats *s, uint64_t delivered,
                       uint64_t pending, bool nothing_pending)
{
    char reasons[400];
    uint64_t dropped = drops_of(s, sink);
    ledger_describe_drops(s, sink, reasons, sizeof reasons);
    if (s->accepted != delivered + dropped + pending)
        violate("%s: law 2: %s: accepted %" PRIu64 " != delivered %" PRIu64 " + dropped %" PRIu64
                " + pending %" PRIu64 " (difference %" PRId64 "; %s)",
                where, sink, s->accepted, delivered, dropped, pending,
                (int64_t)(s->accepted - delivered - dropped - pending), reasons);
    if (nothing_pending && pending)
        violate("%s: %s: %" PRIu64 " records are pending", where, sink, pending);
}

void ledger_judge(const char *where, bool nothing_pending, struct obsv_stats *out)
{
    uint64_t made = atomic_load(&calls);
    (void)obsv_stats_get(out, sizeof *out);
    judge_sink(where, "stdout", out, out->stdout_delivered, out->stdout_pending, nothing_pending);
    judge_sink(where, "export", out, out->export_delivered, out->export_pending, nothing_pending);
    if (out->accepted != made)
        violate("%s: %" PRIu64 " log calls, but %" PRIu64 " accepted", where, made, out->accepted);
}

void ledger_add_child(const struct obsv_stats *s, bool is_exact)
{
    atomic_fetch_add(&ledger->children.accepted, s->accepted);
    atomic_fetch_add(&ledger->children.stdout_delivered, s->stdout_delivered);
    atomic_fetch_add(&ledger->children.export_delivered, s->export_delivered);
    for (int i = 0; i < OBSV_DROP_COUNT; i++)
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            atomic_fetch_add(&ledger->children.drops[i], s->dropped_by_level[i][level]);
    atomic_fetch_add(&ledger->child_count, 1);
    atomic_fetch_add(&ledger->inexact_count, !is_exact);
}

void ledger_describe_drops(const struct obsv_stats *s, const char *sink, char *out, size_t out_bytes)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < OBSV_DROP_COUNT; i++) {
        uint64_t sum = atomic_load(&ledger->children.drops[i]);
        for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
            sum += s->dropped_by_level[i][level];
        if (!sum || strncmp(drop_names[i], sink, strlen(sink)) != 0 || len + 64 > out_bytes)
            continue;
        len += (size_t)snprintf(out + len, out_bytes - len, "%s%s %" PRIu64, len ? ", " : "",
                                drop_names[i] + strlen(sink) + strlen("_dropped_"), sum);
    }
    if (!len)
        (void)snprintf(out, out_bytes, "none");
}
