/* proc: time, and what /proc tells of this process. */
#ifndef TESTS_SOAK_PROC_H
#define TESTS_SOAK_PROC_H

#include <stdbool.h>
#include <stdint.h>

uint64_t proc_now_ms(void);
void proc_nap_ms(uint32_t ms);

/* How many entries a folder of numbers has ("/proc/self/fd"); those below 1,024 are marked in `present`, if
 * given. */
unsigned proc_list(const char *folder, bool present[1024]);
/* Waits until no more than `count` threads are left: one that ended is listed a moment longer, and a shipper
 * that shutdown did not wait for may still be at work. False: it takes too long. */
bool proc_wait_for_threads(unsigned count);
/* A sanitizer may start a thread of its own with the program's first. */
void proc_let_sanitizer_start(void);
/* The same descriptors must be open as `before`. */
void proc_judge_descriptors(const bool before[1024]);

#endif
