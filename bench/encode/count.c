/* count: the child stops before and after the work; the parent steps it from the one to the other. */
#include "count.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing(void *arg)
{
    (void)arg;
}

static void be_stepped(count_fn work, void *arg)
{
    work(arg); /* warm: everything found, paged in and bound */
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    raise(SIGUSR1);
    work(arg);
    raise(SIGUSR1);
    _exit(0);
}

/* With what it takes to stop. */
static long count_raw(count_fn work, void *arg)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        be_stepped(work, arg);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    if (!WIFSTOPPED(status)) /* it has ended: no tracing here */
        return -1;
    long count = 0;
    do {
        count++;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child)
            return -1;
    } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    bool is_good = WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return is_good ? count : -1;
}

long count_instructions(count_fn work, void *arg)
{
    long with_work = count_raw(work, arg), without = count_raw(nothing, NULL);
    return with_work < 0 || without < 0 ? -1 : with_work - without;
}
