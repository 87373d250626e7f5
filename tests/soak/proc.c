/* proc: see proc.h. */
#include "proc.h"

#include "ledger.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_END_MS = 60000 };

uint64_t proc_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void proc_nap_ms(uint32_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

/* How many entries a folder of /proc/self has; fills in their numbers up to 1,023. */
unsigned proc_list(const char *folder, bool present[1024])
{
    unsigned count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        long n = atol(e->d_name);
        if (e->d_name[0] == '.' || (present && n == dirfd(d)))
            continue;
        if (present && n < 1024)
            present[n] = true;
        count++;
    }
    if (d)
        closedir(d);
    return count;
}

/* Waits until no more threads are left than `count`: one that ended is in the list a moment longer, and a
 * shipper that shutdown did not wait for may still be at work. */
bool proc_wait_for_threads(unsigned count)
{
    uint64_t until = proc_now_ms() + THREADS_END_MS;
    while (proc_list("/proc/self/task", NULL) > count) {
        if (proc_now_ms() > until)
            return false;
        proc_nap_ms(1);
    }
    return true;
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* A sanitizer may start a thread of its own with the program's first. */
void proc_let_sanitizer_start(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

void proc_judge_descriptors(const bool before[1024])
{
    bool after[1024] = {false};
    (void)proc_list("/proc/self/fd", after);
    for (int i = 0; i < 1024; i++)
        if (before[i] != after[i])
            violate("descriptor %d was %s at the start and is %s at the end", i,
                    before[i] ? "open" : "closed", after[i] ? "open" : "closed");
}
