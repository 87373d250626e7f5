/* crash: a process that crashes delivers its last records first (law 6).
 *
 * The handler reports the crash to the shipper, which is a thread of its own and mostly unharmed, and waits:
 * until the rings are drained, stdout is written and the endpoint has the records, or OBSV_CRASH_TIMEOUT has
 * passed. Then it puts back whatever handled the signal before us (faulthandler, a crash reporter, the
 * default) and sends the same signal with the same siginfo to the same thread, so that the crash takes its
 * usual way: its message, core dump and exit status are what they would have been.
 *
 * What may fail, and costs the deadline at most: the crashed thread may hold a lock that the shipper needs
 * (malloc's, the dynamic loader's), or have overwritten what the shipper reads.
 *
 * Who comes after us is free to call us or not: faulthandler.enable() does.
 */
#ifndef OBSVI_PROCESS_CRASH_H
#define OBSVI_PROCESS_CRASH_H

#include <stdint.h>

/* The calling thread also gets an alternate signal stack if it has none, so that its stack overflow is
 * handled too. */
void obsvi_crash_start(uint32_t timeout_ms);
/* Puts back what was there before, where our handler still is. */
void obsvi_crash_stop(void);

#endif
