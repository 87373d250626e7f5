/* ledger: what all processes of the soak know together, in one shared mapping, and the judgement on it.
 *
 * Each log call that passes the level check carries a number of its own, `soak_number`, unique over all
 * processes. Whoever sees a record outside the engine (the server, the reader of standard output) marks its
 * number, so that the engine's own counters can be held against what really arrived:
 *
 *   calls made                            == accepted                              exactly
 *   accepted                              == delivered + dropped + pending         law 2, for each sink, when
 * quiet numbers in requests answered with 2xx >= records counted as exported           an answer may be lost
 * on its way lines read                            >= lines counted as written              equal while no
 * reader went away a line                                is read once                             always
 */
#ifndef TESTS_SOAK_LEDGER_H
#define TESTS_SOAK_LEDGER_H

#include "obsv.h"

#include <stdatomic.h>

enum { NUMBERS_MAX = 1 << 26 };

#define NUMBER_KEY "soak_number"

/* What engine processes counted, added up. */
struct sums {
    _Atomic uint64_t accepted, stdout_delivered, export_delivered, drops[OBSV_DROP_COUNT];
};

struct ledger {
    _Atomic uint64_t next_number;
    _Atomic uint64_t violation_count;
    struct sums children; /* that ended */
    _Atomic uint64_t child_count;
    _Atomic uint64_t inexact_count; /* children that ended while things moved: their sums are lower bounds */

    /* to the server */
    _Atomic unsigned weather;
    _Atomic unsigned weather_number; /* grows with each change: whoever hangs in the old one wakes */
    _Atomic bool server_is_up;
    /* from the server */
    _Atomic bool server_was_seen_up;
    _Atomic uint64_t request_count, decoded_count, acknowledged_count;

    _Atomic uint64_t exported[NUMBERS_MAX / 64];
    _Atomic uint64_t written[NUMBERS_MAX / 64];
};

extern struct ledger *ledger;

void ledger_open(void);

/* Log calls of this process that passed the level check. */
extern _Atomic uint64_t calls;

uint64_t ledger_next_number(void);
/* True if the number is new there. */
bool ledger_mark(_Atomic uint64_t *bits, uint64_t number);

void violate(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Law 2 at a quiet point, and calls == accepted. `nothing_pending`: after a flush or a shutdown that said so.
 */
void ledger_judge(const char *where, bool nothing_pending, struct obsv_stats *out);
/* A child's last words. */
void ledger_add_child(const struct obsv_stats *s, bool is_exact);
/* "ring_full 3, shutdown 12" of one sink: `s` and the children together. */
void ledger_describe_drops(const struct obsv_stats *s, const char *sink, char *out, size_t out_bytes);

#endif
