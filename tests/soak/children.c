/* children: see children.h. */
#include "children.h"

#include "ledger.h"
#include "proc.h"
#include "reader.h"
#include "values.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
enum { CAN_FORK = 0 }; /* its run-time does not support new threads in the child of a threaded process */
#else
enum { CAN_FORK = 1 };
#endif

enum { CHILDREN_MAX = 3 };

static struct {
    uint64_t seed;
    pid_t parent; /* in a child, getpid() differs */
    pid_t pids[CHILDREN_MAX];
    struct values *values; /* for a child: made in time */
} children;

/* Registered before the engine's own exit handler, so it runs after that one has shut down. */
static void at_exit(void)
{
    struct obsv_stats s;
    if (getpid() == children.parent)
        return;
    bool is_quiet = proc_list("/proc/self/task", NULL) <= 1;
    if (is_quiet)
        ledger_judge("child after exit", true, &s);
    else
        (void)obsv_stats_get(&s, sizeof s); /* its shipper was left behind */
    ledger_add_child(&s, is_quiet);
    _exit(0); /* no search for leaks here: what the parent's other threads held is nobody's now */
}

static void __attribute__((noreturn)) be_child(uint64_t number)
{
    struct values *v = children.values;
    struct rng *r = &v->rng;
    struct obsv_stats s;
    reader_leave_in_child();
    alarm(CHILDREN_STUCK_SECONDS);
    atomic_store(&calls, 0);
    *r = rng_of(children.seed, (1ull << 32) + number);
    ledger_judge("child at its start", true, &s);
    for (uint32_t n = rng_below(r, 60); n > 0; n--) {
        values_log(v);
        if (rng_percent(r, 5))
            proc_nap_ms(rng_below(r, 10));
    }
    bool is_flushed = obsv_flush(rng_percent(r, 50) ? 2000 : rng_below(r, 100)) == 0;
    if (is_flushed)
        ledger_judge("child after flush", true, &s);
    if (rng_percent(r, 60))
        exit(0);
    if (!is_flushed)
        (void)obsv_stats_get(&s, sizeof s);
    ledger_add_child(&s, is_flushed);
    _exit(0);
}

void children_fork(void)
{
    static uint64_t number;
    int i = 0;
    while (i < CHILDREN_MAX && children.pids[i])
        i++;
    if (!CAN_FORK || i == CHILDREN_MAX)
        return;
    number++;
    pid_t pid = fork();
    if (pid == 0)
        be_child(number);
    children.pids[i] = pid > 0 ? pid : 0;
}

void children_reap(bool wait_for_all)
{
    for (int i = 0; i < CHILDREN_MAX; i++) {
        int status = 0;
        if (!children.pids[i] || waitpid(children.pids[i], &status, wait_for_all ? 0 : WNOHANG) <= 0)
            continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            violate("child %d ended with wait status %#x", (int)children.pids[i], (unsigned)status);
        children.pids[i] = 0;
    }
}

void children_open(uint64_t seed)
{
    children.seed = seed;
    children.parent = getpid();
    children.values = calloc(1, sizeof *children.values);
    if (!children.values || atexit(at_exit) != 0)
        exit(2);
}

void children_close(void)
{
    free(children.values);
}
