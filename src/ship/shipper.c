/* shipper: thread, loop, flush and stop. What a pass does is in pass.c. */
#include "ship/shipper.h"

#include "base/diag.h"
#include "base/time.h"
#include "obsv.h"
#include "ship/pass.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    TICK_BUSY_MS = 1,
    TICK_IDLE_MS = 10,
    STACK_BYTES = 512 * 1024, /* libcurl and OpenSSL need some tens of KiB */
    STOP_GRACE_MS = 250,      /* for a thread that notices its deadline late, on a loaded machine */
};

struct obsvi_shipper {
    struct obsvi_pass pass; /* the thread's own, except while it is started */
    pthread_t thread;

    pthread_mutex_t
        lock; /* guards what follows; callers of flush and stop against the shipper, never a log call */
    pthread_cond_t changed;
    uint64_t flush_wanted; /* tickets: a flush takes the next one … */
    uint64_t flush_done;   /* … and waits until this reaches it */
    unsigned hold_count;   /* callers inside flush: the memory is theirs too */
    bool is_stopping;
    uint64_t stop_at_ms;
    bool has_ended;
    bool has_lost; /* records were dropped at the stop */
};

/* ---- The thread
 * --------------------------------------------------------------------------------------------------- */

struct orders {
    uint64_t flush_wanted;
    bool is_stopping;
    uint64_t stop_at_ms;
};

static struct orders read_orders(struct obsvi_shipper *s)
{
    pthread_mutex_lock(&s->lock);
    struct orders o = {s->flush_wanted, s->is_stopping, s->stop_at_ms};
    pthread_mutex_unlock(&s->lock);
    return o;
}

static void report_flushed(struct obsvi_shipper *s, uint64_t ticket)
{
    pthread_mutex_lock(&s->lock);
    s->flush_done = ticket;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
    struct obsvi_shipper *s = arg;
    struct obsvi_pass *p = &s->pass;
    uint64_t flushing = 0; /* the ticket that the pass's mark stands for */
    int tick_ms = TICK_BUSY_MS;

    for (;;) {
        /* Orders first, then a pass: what was accepted before the order is in the rings when the pass begins.
         */
        struct orders orders = read_orders(s);
        bool is_new_flush = orders.flush_wanted > flushing;
        uint32_t drained = obsvi_pass_drain(p);
        if (is_new_flush) {
            flushing = orders.flush_wanted;
            obsvi_pass_mark(p);
        }
        obsvi_pass_pump(p, obsvi_steady_ms());
        bool is_flushed = obsvi_pass_is_past_mark(p);
        if (flushing && is_flushed)
            report_flushed(s, flushing);
        if (orders.is_stopping &&
            ((flushing == orders.flush_wanted && is_flushed) || obsvi_steady_ms() >= orders.stop_at_ms))
            break;
        tick_ms = drained ? TICK_BUSY_MS : tick_ms * 2 < TICK_IDLE_MS ? tick_ms * 2 : TICK_IDLE_MS;
        obsvi_pass_wait(p, tick_ms);
    }

    bool has_lost = obsvi_pass_close(p);
    pthread_mutex_lock(&s->lock);
    s->has_lost = has_lost;
    s->has_ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int start_thread(struct obsvi_shipper *s)
{
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return OBSV_ERR_NOMEM;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &before); /* inherited by the new thread: signals are the application's */
    int error = pthread_create(&s->thread, &attr, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error)
        return OBSV_ERR_NOMEM;
    pthread_setname_np(s->thread, "obsv-shipper");
    return 0;
}

/* ---- Callers
 * ------------------------------------------------------------------------------------------------------- */

static void free_shipper(struct obsvi_shipper *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct obsvi_shipper *obsvi_shipper_start(const struct obsvi_config *config)
{
    struct obsvi_shipper *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
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
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return is_done ? 0 : OBSV_ERR_TIMEOUT;
}

int obsvi_shipper_stop(struct obsvi_shipper *s, uint32_t timeout_ms)
{
    struct timespec deadline = deadline_in((uint64_t)timeout_ms + STOP_GRACE_MS);
    pthread_mutex_lock(&s->lock);
    s->flush_wanted++;
    s->is_stopping = true;
    s->stop_at_ms = obsvi_steady_ms() + timeout_ms;
    obsvi_pass_wake(&s->pass);
    while ((!s->has_ended || s->hold_count > 0) && wait_until(s, &deadline))
        continue;
    bool has_ended = s->has_ended && s->hold_count == 0;
    bool has_lost = s->has_lost;
    pthread_mutex_unlock(&s->lock);
    if (!has_ended) {
        obsvi_diag(OBSVI_DIAG_ERROR, NULL, "the shipper did not end within %u ms and is left behind",
                   timeout_ms);
        pthread_detach(s->thread);
        return OBSV_ERR_TIMEOUT;
    }
    pthread_join(s->thread, NULL);
    free_shipper(s);
    return has_lost ? OBSV_ERR_TIMEOUT : 0;
}

void obsvi_shipper_after_fork(struct obsvi_shipper *s)
{
    obsvi_pass_after_fork(&s->pass);
}
