/* shipper: thread, loop, flush and stop. What a pass does is in pass.c. */
#include "ship/shipper.h"

#include "base/diag.h"
#include "base/time.h"
#include "obsv.h"
#include "ship/emergency.h"
#include "ship/pass.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    TICK_BUSY_MS = 1,
    TICK_IDLE_MS = 10,
    STACK_BYTES = 512 * 1024, /* libcurl and OpenSSL need some tens of KiB */
    PAUSE_MAX_MS = 250,       /* a pass takes some milliseconds at most */
    STOP_GRACE_MS = 250,      /* for a thread that notices its deadline late, on a loaded machine */
};

struct obsvi_shipper {
    struct obsvi_pass pass; /* the thread's own, except while it is started */
    pthread_t thread;
    obsvi_shipper_end_fn end_process;
    struct obsvi_shipper *left_behind; /* in a child: the one before it; see obsvi_shipper_after_fork */

    pthread_mutex_t
        lock; /* guards what follows; callers of flush and stop against the shipper, never a log call */
    pthread_cond_t changed;
    uint64_t flush_wanted; /* tickets: a flush takes the next one … */
    uint64_t flush_done;   /* … and waits until this reaches it */
    unsigned hold_count;   /* callers inside flush: the memory is theirs too */
    bool is_at_work;       /* in a pass; not while it waits in poll */
    bool is_paused;        /* no pass begins; see obsvi_shipper_pause */
    bool is_stopping;
    uint64_t stop_at_ms;
    bool has_ended;
    bool is_left_behind; /* by stop: whoever leaves last frees the memory */
    bool has_lost;       /* records were dropped at the stop */
};

static void free_shipper(struct obsvi_shipper *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The thread at its end, or a flush. */
static void unlock_and_leave(struct obsvi_shipper *s)
{
    bool is_last = s->is_left_behind && s->has_ended && s->hold_count == 0;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (is_last)
        free_shipper(s);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

struct orders {
    uint64_t flush_wanted;
    bool is_stopping;
    uint64_t stop_at_ms;
};

/* Where a pass begins … */
static struct orders read_orders(struct obsvi_shipper *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->is_paused)
        pthread_cond_wait(&s->changed, &s->lock);
    s->is_at_work = true;
    struct orders o = {s->flush_wanted, s->is_stopping, s->stop_at_ms};
    pthread_mutex_unlock(&s->lock);
    return o;
}

/* … and where it ends. */
static void rest(struct obsvi_shipper *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_at_work = false;
    if (s->is_paused)
        pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void report_flushed(struct obsvi_shipper *s, uint64_t ticket)
{
    pthread_mutex_lock(&s->lock);
    s->flush_done = ticket;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- What signal handlers ask: a flush of the shipper's own, with a deadline. 0: not asked, or done. */

struct urgent {
    uint64_t ticket;
    uint64_t until_ms;
};

struct urgencies {
    struct urgent end, crash;
};

static void take_ticket(struct obsvi_shipper *s, struct urgent *u, uint32_t limit_ms)
{
    pthread_mutex_lock(&s->lock);
    u->ticket = ++s->flush_wanted;
    pthread_mutex_unlock(&s->lock);
    u->until_ms = obsvi_steady_ms() + limit_ms;
}

/* Before the orders are read: what is taken here is part of the pass that follows. */
static void look_for_urgencies(struct obsvi_shipper *s, struct urgencies *u)
{
    if (!obsvi_emergency_is_attended_by(s))
        return; /* left behind */
    if (!u->end.ticket && obsvi_emergency_end_signal())
        take_ticket(s, &u->end, s->pass.config->shutdown_timeout_ms);
    if (!u->crash.ticket && obsvi_emergency_is_crash()) {
        obsvi_emergency_record_crash();
        take_ticket(s, &u->crash, s->pass.config->crash_timeout_ms);
    }
}

static bool is_over(const struct urgent *u, uint64_t flushed)
{
    return u->ticket && (flushed >= u->ticket || obsvi_steady_ms() >= u->until_ms);
}

static void serve_urgencies(struct obsvi_shipper *s, struct urgencies *u, uint64_t flushed)
{
    if (is_over(&u->crash, flushed)) {
        obsvi_emergency_drained();
        u->crash.ticket = 0;
    }
    if (is_over(&u->end, flushed)) {
        s->end_process(obsvi_emergency_end_signal());
        obsvi_emergency_forget_end();
        u->end.ticket = 0;
    }
}

/* Nobody attends from here on; whoever came before that is served. */
static void leave(struct obsvi_shipper *s)
{
    if (!obsvi_emergency_leave(s))
        return;
    int signal = obsvi_emergency_end_signal();
    if (obsvi_emergency_is_crash())
        obsvi_emergency_drained();
    if (signal) {
        s->end_process(signal);
        obsvi_emergency_forget_end();
    }
}

static void *run(void *arg)
{
    struct obsvi_shipper *s = arg;
    struct obsvi_pass *p = &s->pass;
    struct urgencies urgencies = {{0}};
    uint64_t flushing = 0; /* the ticket that the pass's mark stands for */
    int tick_ms = TICK_BUSY_MS;

    obsvi_emergency_name_thread();
    for (;;) {
        look_for_urgencies(s, &urgencies);
        /* Orders first, then a pass: what was accepted before the order is in the rings when the pass begins.
         */
        struct orders orders = read_orders(s);
        bool is_new_flush = orders.flush_wanted > flushing;
        int64_t drained = obsvi_pass_drain(p);
        if (is_new_flush && drained >= 0) {
            flushing = orders.flush_wanted;
            obsvi_pass_mark(p);
        }
        obsvi_pass_pump(p, obsvi_steady_ms());
        bool is_flushed = obsvi_pass_is_past_mark(p);
        if (flushing && is_flushed)
            report_flushed(s, flushing);
        serve_urgencies(s, &urgencies, is_flushed ? flushing : 0);
        if (orders.is_stopping &&
            ((flushing == orders.flush_wanted && is_flushed) || obsvi_steady_ms() >= orders.stop_at_ms))
            break;
        tick_ms = drained > 0 ? TICK_BUSY_MS : tick_ms * 2 < TICK_IDLE_MS ? tick_ms * 2 : TICK_IDLE_MS;
        rest(s);
        obsvi_pass_wait(p, tick_ms);
    }

    leave(s);
    bool has_lost = obsvi_pass_close(p);
    pthread_mutex_lock(&s->lock);
    s->is_at_work = false;
    s->has_lost = has_lost;
    s->has_ended = true;
    unlock_and_leave(s);
    return NULL;
}

/* For the new thread, which inherits it: signals are the application's, but a fault of ours must reach
 * whoever reports faults. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static int start_thread(struct obsvi_shipper *s)
{
    pthread_attr_t attr;
    sigset_t before;
    if (pthread_attr_init(&attr) != 0)
        return OBSV_ERR_NOMEM;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    block_signals(&before);
    int error = pthread_create(&s->thread, &attr, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error)
        return OBSV_ERR_NOMEM;
    pthread_setname_np(s->thread, "obsv-shipper");
    return 0;
}

/* ---- Callers ------------------------------------------------------------------------------------------- */

struct obsvi_shipper *obsvi_shipper_start(const struct obsvi_config *config, obsvi_shipper_end_fn end_process)
{
    struct obsvi_shipper *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->end_process = end_process;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    if (obsvi_pass_open(&s->pass, config) != 0) {
        free_shipper(s);
        return NULL;
    }
    if (start_thread(s) != 0) {
        (void)obsvi_pass_close(&s->pass);
        free_shipper(s);
        return NULL;
    }
    obsvi_emergency_attend(s);
    return s;
}

/* Waits for the condition with s->lock held; false when the deadline has passed. */
static __attribute__((warn_unused_result)) bool wait_until(struct obsvi_shipper *s,
                                                           const struct timespec *deadline)
{
    return pthread_cond_timedwait(&s->changed, &s->lock, deadline) != ETIMEDOUT;
}

static struct timespec deadline_in(uint64_t ms)
{
    uint64_t at = obsvi_steady_ms() + ms;
    return (struct timespec){.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
}

void obsvi_shipper_hold(struct obsvi_shipper *s)
{
    pthread_mutex_lock(&s->lock);
    s->hold_count++;
    pthread_mutex_unlock(&s->lock);
}

int obsvi_shipper_flush(struct obsvi_shipper *s, uint32_t timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms);
    pthread_mutex_lock(&s->lock);
    uint64_t ticket = ++s->flush_wanted;
    obsvi_pass_wake(&s->pass);
    while (s->flush_done < ticket && !s->has_ended && wait_until(s, &deadline))
        continue;
    bool is_done = s->flush_done >= ticket;
    s->hold_count--;
    unlock_and_leave(s);
    return is_done ? 0 : OBSV_ERR_TIMEOUT;
}

int obsvi_shipper_stop(struct obsvi_shipper *s, uint32_t timeout_ms)
{
    struct timespec deadline = deadline_in((uint64_t)timeout_ms + STOP_GRACE_MS);
    pthread_mutex_lock(&s->lock);
    s->flush_wanted++;
    s->is_stopping = true;
    s->stop_at_ms = obsvi_steady_ms() + timeout_ms;
    obsvi_pass_give_up_at(&s->pass, s->stop_at_ms + STOP_GRACE_MS / 2);
    obsvi_pass_wake(&s->pass);
    while ((!s->has_ended || s->hold_count > 0) && wait_until(s, &deadline))
        continue;
    bool has_ended = s->has_ended && s->hold_count == 0;
    bool has_lost = s->has_lost;
    pthread_t thread = s->thread;
    if (!has_ended)
        (void)obsvi_emergency_leave(s);
    s->is_left_behind = !has_ended;
    pthread_mutex_unlock(&s->lock);
    if (!has_ended) {
        obsvi_diag(OBSVI_DIAG_ERROR, NULL, "the shipper did not end within %u ms and is left behind",
                   timeout_ms);
        pthread_detach(thread);
        return OBSV_ERR_TIMEOUT;
    }
    pthread_join(s->thread, NULL);
    free_shipper(s);
    return has_lost ? OBSV_ERR_TIMEOUT : 0;
}

bool obsvi_shipper_pause(struct obsvi_shipper *s)
{
    struct timespec deadline = deadline_in(PAUSE_MAX_MS);
    pthread_mutex_lock(&s->lock);
    s->is_paused = true;
    while (s->is_at_work && wait_until(s, &deadline))
        continue;
    bool is_paused = s->is_paused = !s->is_at_work;
    pthread_mutex_unlock(&s->lock);
    return is_paused;
}

void obsvi_shipper_resume(struct obsvi_shipper *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_paused = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Its memory cannot be given back, for its locks and libcurl's may be in any state; it stays reachable, one
 * for each generation of children. */
void obsvi_shipper_after_fork(struct obsvi_shipper *s)
{
    static struct obsvi_shipper *left_behind;
    obsvi_pass_after_fork(s ? &s->pass : NULL);
    if (!s)
        return;
    s->left_behind = left_behind;
    left_behind = s;
}
