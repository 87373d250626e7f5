/* count: how many instructions a piece of work takes.
 *
 * Counted by stepping through it one at a time in a child process (ptrace), not by the processor's counter,
 * which virtual machines and containers seldom offer. Slow, but exact and the same on every run, so that a
 * change of one in a hundred shows where times drown in noise.
 */
#ifndef BENCH_ENCODE_COUNT_H
#define BENCH_ENCODE_COUNT_H

typedef void (*count_fn)(void *arg);

/* Instructions of work(arg), user mode, or -1 where stepping is not allowed. The work is done in a child
 * process: nothing changes in this one. */
long count_instructions(count_fn work, void *arg);

#endif
