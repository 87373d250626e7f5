/* emergency: what a signal handler asks of the shipper.
 *
 * A handler may do next to nothing (signal-safety(7)), the shipper may do everything. So the handler leaves a
 * word in this mailbox, and the shipper, which looks at it once a pass and thus at most some milliseconds
 * later, does the work. There is no descriptor to wake it by, which an application could have closed, and no
 * lock, which the interrupted code could hold.
 *
 *      handler                                  shipper
 *      ───────                                  ───────
 *      obsvi_emergency_end, returns      ─►     flushes within the shutdown deadline, ends the process
 *      obsvi_emergency_crash, waits      ─►     adds `process_crashed`, flushes
 *                                        ◄─     obsvi_emergency_drained
 *
 * The mailbox is attended while a shipper of this very process runs. Where it is not (before init, after
 * shutdown, in a forked child that has not logged, in a vfork child, which shares this memory), the handler
 * is told so and lets the signal take its usual way at once (G11).
 */
#ifndef OBSVI_SHIP_EMERGENCY_H
#define OBSVI_SHIP_EMERGENCY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- Handlers: async-signal-safe --------------------------------------------------------------------------
 */

/* Asks for an orderly end by `signal`. False: nobody will see to it, or an end is under way already, and the
 * caller has to end the process itself. */
bool obsvi_emergency_end(int signal);

/* Reports a crash of the calling thread and waits until what was logged is out, at most timeout_ms. Returns
 * at once if nobody attends or if it is the shipper that crashed. */
void obsvi_emergency_crash(const siginfo_t *info, uint32_t timeout_ms);

/* ---- The shipper; `self` tells a running shipper from one that was left behind ------------------------- */

void obsvi_emergency_attend(const void *self);
bool obsvi_emergency_is_attended_by(const void *self);
/* False: another attends by now, or nobody did. */
bool obsvi_emergency_leave(const void *self);
/* By the shipper's own thread, at its start: a crash of it is recognised by this. */
void obsvi_emergency_name_thread(void);

/* The signal to end by; 0: none. Exact after obsvi_emergency_leave: later signals find nobody. */
int obsvi_emergency_end_signal(void);
/* The process is still there: the end was taken back by whoever handles the signal now, or by the kernel. */
void obsvi_emergency_forget_end(void);

bool obsvi_emergency_is_crash(void);
/* Puts `process_crashed` into a ring of the calling thread; counted like any record. */
void obsvi_emergency_record_crash(void);
/* Lets the crashed thread go on. */
void obsvi_emergency_drained(void);

/* In the child of a fork. */
void obsvi_emergency_after_fork(void);

/* "SIGTERM"; never NULL. */
const char *obsvi_emergency_signal_name(int signal);

#endif
