/* signals: a process that is told to go delivers its records first (law 6).
 *
 * SIGTERM, SIGINT and SIGHUP kill by default, and with the process goes what the shipper had not sent yet.
 * Where, at init, the disposition is that default, a handler of ours takes its place: it leaves the signal
 * with the shipper and returns; the program goes on, as if the signal had come a moment later, while the
 * shipper flushes within the shutdown deadline and then lets the default kill the process, so that a parent
 * sees "killed by SIGTERM". A second signal kills at once. So does the guard, a timer, if the shipper should
 * be stuck: a process must stay killable.
 *
 * Not ours: a signal that the program handles or ignores (before init: we do not touch it; after: it replaces
 * our handler, and at shutdown we leave it alone). Language runtimes see nothing of it: Python goes on saying
 * SIG_DFL, since this is below its own signal module.
 */
#ifndef OBSVI_PROCESS_SIGNALS_H
#define OBSVI_PROCESS_SIGNALS_H

#include <stdint.h>

/* Takes the place of default dispositions; the shipper must run. `limit_ms`: how long a flush may take. */
void obsvi_signals_start(uint32_t limit_ms);
/* Puts the default back where our handler still is. */
void obsvi_signals_stop(void);

/* In the child of a fork: handlers are inherited, timers are not … */
void obsvi_signals_after_fork(void);
/* … and are made anew when the child has its shipper. What the child made of a signal meanwhile stays. */
void obsvi_signals_start_in_child(void);

/* The shipper has flushed: lets the signal take its default. Returns only if the process lives on: the
 * program has taken the signal over meanwhile (it is sent to it then), or it is process 1 of a container,
 * which the kernel does not kill by default. */
void obsvi_signals_die(int signal);

#endif
