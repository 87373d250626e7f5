/* children: forked while others log. Each logs, flushes, judges itself (law 2), and ends by exit() or
 * _exit(). */
#ifndef TESTS_SOAK_CHILDREN_H
#define TESTS_SOAK_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

enum { CHILDREN_STUCK_SECONDS = 150 }; /* sanitizers on a busy machine stay far below this */

/* Before the engine's first start, so that our exit handler runs after the engine's. */
void children_open(uint64_t seed);
void children_close(void);

/* Does nothing where the sanitizer cannot, or where enough of them are alive. */
void children_fork(void);
void children_reap(bool wait_for_all);

#endif
