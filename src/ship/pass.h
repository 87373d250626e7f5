/* pass: one turn of the shipper's loop, and everything it works on. Owned by the shipper's thread.
 *
 * The rings have one consumer, the pass opened last (G10). One that was left behind at a shutdown, stuck in
 * the kernel or just slow, finds out before it touches them again; the lock is never held across I/O. */
#ifndef OBSVI_SHIP_PASS_H
#define OBSVI_SHIP_PASS_H

#include "encode/encode.h"
#include "ship/announce.h"
#include "ship/exporter.h"
#include "sink/stdout_sink.h"

struct obsvi_pass {
    const struct obsvi_config *config;
    struct obsvi_encoder *encoder;
    struct obsvi_stdout_sink out;
    struct obsvi_exporter exporter;
    struct obsvi_announcer announcer;
    uint64_t now_ms;             /* when the pass began */
    _Atomic uint64_t give_up_ms; /* [w: stop; r: shipper] 0: never */
    bool has_given_up;           /* records were counted as dropped because of it */

    struct obsvi_head *heads; /* scratch of the merge: one for each ring */
    uint32_t head_cap;

    uint64_t line_count;      /* lines given to stdout so far */
    uint64_t mark_line_count; /* the flush mark: everything up to here */
};

int obsvi_pass_open(struct obsvi_pass *p, const struct obsvi_config *config);
/* Counts what is left as dropped by shutdown, closes the sinks; true if anything was left. */
bool obsvi_pass_close(struct obsvi_pass *p);

/* Takes every record that was published before the call out of the rings. Returns how many; -1: the rings are
 * not this pass's any more. */
int64_t obsvi_pass_drain(struct obsvi_pass *p);
/* From then on records are not shipped but counted as dropped by shutdown, so that a full ring cannot hold up
 * the end. From any thread. */
void obsvi_pass_give_up_at(struct obsvi_pass *p, uint64_t steady_ms);
/* Seals, sends, receives, writes: whatever goes without waiting. */
void obsvi_pass_pump(struct obsvi_pass *p, uint64_t now_ms);
void obsvi_pass_wait(struct obsvi_pass *p, int timeout_ms);
void obsvi_pass_wake(struct obsvi_pass *p); /* from any thread */

/* Flush: seals now, sends now, and remembers how far "everything so far" reaches. */
void obsvi_pass_mark(struct obsvi_pass *p);
bool obsvi_pass_is_past_mark(const struct obsvi_pass *p);

/* `p` is the pass of the parent's shipper, or NULL. */
void obsvi_pass_after_fork(struct obsvi_pass *p);

#endif
