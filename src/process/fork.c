/* fork: pthread_atfork, in the one order that is right. */
#include "process/fork.h"

#include "base/diag.h"
#include "base/stats.h"
#include "front/registry.h"

#include <pthread.h>

static struct obsvi_fork_hooks hooks;

static void before(void)
{
    hooks.before();
    obsvi_diag_before_fork();
}

static void in_parent(void)
{
    obsvi_diag_after_fork();
    hooks.in_parent();
}

static void in_child(void)
{
    obsvi_diag_after_fork();
    obsvi_registry_after_fork();
    obsvi_stats_reset();
    hooks.in_child();
}

int obsvi_fork_watch(const struct obsvi_fork_hooks *given)
{
    if (hooks.before)
        return 0;
    hooks = *given;
    return pthread_atfork(before, in_parent, in_child) == 0 ? 0 : OBSV_ERR_NOMEM;
}
