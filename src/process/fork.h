/* fork: what happens to the engine around fork() (law 6).
 *
 * Before, the cold-path locks are taken, so that no other thread holds one at the instant of the copy; after,
 * both sides let them go. In the child the rings are emptied (what is in them is the parent's to deliver) and
 * the engine is told that its thread is gone. The log path has no lock and needs nothing.
 */
#ifndef OBSVI_PROCESS_FORK_H
#define OBSVI_PROCESS_FORK_H

struct obsvi_fork_hooks {
    void (*before)(void);    /* take the engine's locks */
    void (*in_parent)(void); /* release them */
    void (*in_child)(void);  /* release them and forget the parent's thread */
};

/* Once a process; later calls do nothing. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_fork_watch(const struct obsvi_fork_hooks *hooks);

#endif
