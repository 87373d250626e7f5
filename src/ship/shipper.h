/* shipper: the one background thread. It empties the rings, feeds both sinks and does all their I/O from one
 * poll.
 *
 *     pass:  rings ──(merged by time stamp)──► encode once per sink ──► stdout buffer ──► fd 1
 *                                                                └────► open batch ─seal─► outbox ──► HTTP
 *
 * It never touches Python and blocks all signals but those that its own faults raise. Between passes it
 * sleeps in poll: 1 ms after a pass that found records, doubling to 10 ms when idle. Callers never wake it;
 * only flush and shutdown do. (A wake-up costs the caller a system call; ten milliseconds of latency cost
 * nobody anything.) Signal handlers do not wake it either: each pass looks at what they left
 * (ship/emergency.h).
 */
#ifndef OBSVI_SHIP_SHIPPER_H
#define OBSVI_SHIP_SHIPPER_H

#include "config/config.h"

struct obsvi_shipper;

/* Called by the shipper's thread when it has flushed because of that signal: ends the process. */
typedef void (*obsvi_shipper_end_fn)(int signal);

/* Opens the sinks and starts the thread. `config` must outlive it. NULL: memory or a thread could not be had.
 */
struct obsvi_shipper *obsvi_shipper_start(const struct obsvi_config *config,
                                          obsvi_shipper_end_fn end_process);

/* Keeps the shipper's memory alive for one coming obsvi_shipper_flush, which gives the hold back. Call it
 * where obsvi_shipper_stop cannot have begun yet. */
void obsvi_shipper_hold(struct obsvi_shipper *s);

/* Waits until what was accepted before the call has left through both sinks. Returns 0 or OBSV_ERR_TIMEOUT.
 * Any thread. */
int obsvi_shipper_flush(struct obsvi_shipper *s, uint32_t timeout_ms);

/* Flushes, closes the sinks and ends the thread. Returns 0 if nothing was left, else OBSV_ERR_TIMEOUT. The
 * shipper is gone after this call; if its thread does not end in time (a descriptor that blocks in spite of
 * everything) it is left behind, because the caller must go on; it
 * leaves the rings to the next shipper and frees its memory should it ever end. */
int obsvi_shipper_stop(struct obsvi_shipper *s, uint32_t timeout_ms);

/* Around fork: waits until the shipper is between two passes, and keeps it there, so that no lock of malloc,
 * libcurl or TLS is copied in the hands of a thread that the child does not have. A stuck shipper is waited
 * for for a moment only; false: it could not be had, and obsvi_shipper_resume is not to be called. */
bool obsvi_shipper_pause(struct obsvi_shipper *s);
void obsvi_shipper_resume(struct obsvi_shipper *s);

/* In the child of a fork: the thread does not exist here (NULL: there was none). Closes what the two
 * processes must not share. */
void obsvi_shipper_after_fork(struct obsvi_shipper *s);

#endif
