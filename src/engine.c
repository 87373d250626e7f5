/* engine: the life-cycle behind obsv.h: init, flush, shutdown, exit, fork, statistics.
 *
 *      (none) ──init──► running ──shutdown──► stopped ──init──► running …
 *                          │
 *                        fork, in the child: running without a shipper; the first log call of a thread starts
 * one
 *
 * One engine a process. Everything here is cold path and guarded by one lock; a log call touches none of it
 * (src/log.c).
 */
#include "engine.h"

#include "base/diag.h"
#include "base/stats.h"
#include "base/time.h"
#include "front/front.h"
#include "front/registry.h"
#include "process/crash.h"
#include "process/fork.h"
#include "process/signals.h"
#include "ship/emergency.h"
#include "ship/shipper.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Each start has a configuration of its own, and none is ever freed: a face, or a shipper that had to be left
 * behind, may still be reading the last one. A few KiB for each init after a shutdown. */
struct start {
    struct obsvi_config config;
    struct start *previous;
};

static struct {
    pthread_mutex_t lock;
    struct start *last; /* NULL: never initialised */
    bool is_running;
    bool exit_is_watched;
    struct obsvi_shipper *shipper; /* NULL while running: the child of a fork that has not logged yet */
    bool is_paused;                /* the shipper, during a fork */
    _Atomic uint64_t child_retry_at_ms;
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- Severity ------------------------------------------------------------------------------------------ */

/* Python's scale (config: LOG_LEVEL) to the lowest OTLP severity that passes: DEBUG 10 → 5, INFO 20 →
 * 9, WARNING 30 → 13, ERROR 40 → 17, CRITICAL 50 → 21. */
static int severity_of_level(int level)
{
    if (level < 10)
        return 1;
    int severity = 5 + (level - 10) / 10 * 4 + ((level - 10) % 10 < 3 ? (level - 10) % 10 : 3);
    return severity <= 24 ? severity : 25;
}

/* ---- The end ------------------------------------------------------------------------------------------- */

/* On the shipper's thread. */
static void end_process(int signal)
{
    obsvi_statistics_say_what_was_lost();
    obsvi_signals_die(signal);
}

/* ---- Fork ---------------------------------------------------------------------------------------------- */

enum { CHILD_RETRY_MS = 100 };

/* With engine.lock held. */
static void start_in_child_locked(void)
{
    if (!engine.is_running || engine.shipper)
        return;
    engine.shipper = obsvi_shipper_start(&engine.last->config, end_process);
    atomic_store(&engine.child_retry_at_ms, obsvi_steady_ms() + CHILD_RETRY_MS);
    if (!engine.shipper) {
        obsvi_diag(OBSVI_DIAG_WARNING, "child",
                   "no thread or memory for a shipper in process %d; its records wait, and it is tried again",
                   (int)getpid());
        return;
    }
    obsvi_registry_set_wake(NULL);
    obsvi_signals_start_in_child();
}

/* A log call in a forked child that has no shipper. Starting one costs this call some system calls, once a
 * process; while it cannot be had, one call in a while. */
static void start_in_child(void)
{
    if (obsvi_steady_ms() < atomic_load(&engine.child_retry_at_ms))
        return;
    pthread_mutex_lock(&engine.lock);
    start_in_child_locked();
    pthread_mutex_unlock(&engine.lock);
}

static bool is_pending(void)
{
    struct obsvi_registry_counts front = {0};
    obsvi_registry_count_up(&front);
    return front.pending > 0;
}

/* With engine.lock held. What a child has logged while no shipper was to be had needs one to leave. */
static struct obsvi_shipper *shipper_for_pending(void)
{
    if (engine.is_running && !engine.shipper && is_pending())
        start_in_child_locked();
    return engine.shipper;
}

static void before_fork(void)
{
    pthread_mutex_lock(&engine.lock);
    engine.is_paused = engine.shipper && obsvi_shipper_pause(engine.shipper);
}

static void in_parent(void)
{
    if (engine.is_paused)
        obsvi_shipper_resume(engine.shipper);
    pthread_mutex_unlock(&engine.lock);
}

static void in_child(void)
{
    obsvi_emergency_after_fork();
    obsvi_signals_after_fork();
    atomic_store(&engine.child_retry_at_ms, 0);
    obsvi_shipper_after_fork(engine.shipper);
    engine.shipper = NULL;
    if (engine.is_running)
        obsvi_registry_set_wake(start_in_child);
    pthread_mutex_unlock(&engine.lock);
}

/* ---- Init ---------------------------------------------------------------------------------------------- */

static void at_exit(void)
{
    (void)obsv_shutdown(-1);
}

/* With engine.lock held. */
static int start_locked(const char *const *settings)
{
    static const struct obsvi_fork_hooks hooks = {before_fork, in_parent, in_child};
    struct start *start = calloc(1, sizeof *start);
    int error = start ? obsvi_config_load(&start->config, settings) : OBSV_ERR_NOMEM;
    if (!error)
        error = obsvi_registry_init(start->config.ring_bytes);
    if (!error)
        error = obsvi_fork_watch(&hooks);
    if (!error && !(engine.shipper = obsvi_shipper_start(&start->config, end_process)))
        error = OBSV_ERR_NOMEM;
    if (error) {
        if (start)
            obsvi_config_fini(&start->config);
        free(start);
        return error;
    }
    start->previous = engine.last;
    engine.last = start;
    if (!engine.exit_is_watched)
        engine.exit_is_watched = atexit(at_exit) == 0 && at_quick_exit(at_exit) == 0;
    if (start->config.signals_on)
        obsvi_signals_start(start->config.shutdown_timeout_ms);
    if (start->config.crash_handler_on)
        obsvi_crash_start(start->config.crash_timeout_ms);
    engine.is_running = true;
    obsvi_registry_open(severity_of_level(start->config.level));
    return 0;
}

static const char *const *settings_of(const struct obsv_options *o)
{
    return o && o->size >= offsetof(struct obsv_options, settings) + sizeof o->settings ? o->settings : NULL;
}

int obsv_init(const struct obsv_options *options)
{
    char summary[512];
    pthread_mutex_lock(&engine.lock);
    if (engine.is_running) {
        pthread_mutex_unlock(&engine.lock);
        obsvi_diag(OBSVI_DIAG_WARNING, "init",
                   "already initialised: this call changes nothing (shut down first to change settings)");
        return OBSV_ERR_ALREADY;
    }
    int error = start_locked(settings_of(options));
    if (!error)
        obsvi_config_summary(&engine.last->config, summary, sizeof summary);
    pthread_mutex_unlock(&engine.lock);
    if (error)
        obsvi_diag(OBSVI_DIAG_ERROR, NULL, "cannot start: %s; nothing is logged", obsv_strerror(error));
    else
        obsvi_diag(OBSVI_DIAG_INFO, NULL, "%s", summary);
    return error;
}

const struct obsvi_config *obsvi_engine_config(void)
{
    return engine.is_running ? &engine.last->config : NULL;
}

/* ---- Flush and shutdown -------------------------------------------------------------------------------- */

static uint32_t timeout_or(int64_t timeout_ms, uint32_t otherwise_ms)
{
    if (timeout_ms < 0)
        return otherwise_ms;
    return timeout_ms < UINT32_MAX ? (uint32_t)timeout_ms : UINT32_MAX;
}

int obsv_flush(int64_t timeout_ms)
{
    pthread_mutex_lock(&engine.lock);
    struct obsvi_shipper *shipper = shipper_for_pending();
    bool is_running = engine.is_running;
    uint32_t limit_ms = engine.last ? timeout_or(timeout_ms, engine.last->config.export_timeout_ms) : 0;
    if (shipper)
        obsvi_shipper_hold(shipper);
    pthread_mutex_unlock(&engine.lock);
    if (!shipper && is_running) /* a forked child: it has logged nothing, or has no shipper to be had */
        return is_pending() ? OBSV_ERR_TIMEOUT : 0;
    if (!shipper)
        return OBSV_ERR_STATE;
    return obsvi_shipper_flush(shipper, limit_ms);
}

int obsv_shutdown(int64_t timeout_ms)
{
    pthread_mutex_lock(&engine.lock);
    bool was_running = engine.is_running;
    struct obsvi_shipper *shipper = shipper_for_pending();
    uint32_t limit_ms = engine.last ? timeout_or(timeout_ms, engine.last->config.shutdown_timeout_ms) : 0;
    engine.is_running = false;
    engine.shipper = NULL;
    if (was_running) {
        obsvi_registry_close();
        obsvi_registry_set_wake(NULL);
    }
    pthread_mutex_unlock(&engine.lock);
    if (!was_running)
        return OBSV_ERR_STATE;
    int error = shipper ? obsvi_shipper_stop(shipper, limit_ms) : is_pending() ? OBSV_ERR_TIMEOUT : 0;
    pthread_mutex_lock(&engine.lock);
    if (!engine.is_running) { /* else another thread has started it again */
        obsvi_signals_stop();
        obsvi_crash_stop();
    }
    pthread_mutex_unlock(&engine.lock);
    obsvi_statistics_say_what_was_lost();
    return error;
}

/* ---- Statistics ---------------------------------------------------------------------------------------- */

const char *obsv_strerror(int error)
{
    switch (error) {
    case 0:
        return "success";
    case OBSV_ERR_NOMEM:
        return "out of memory or another resource";
    case OBSV_ERR_ALREADY:
        return "already initialised";
    case OBSV_ERR_TIMEOUT:
        return "the deadline passed with records still pending";
    case OBSV_ERR_STATE:
        return "not initialised";
    case OBSV_ERR_ARGUMENT:
        return "argument out of range";
    default:
        return "unknown error";
    }
}

const char *obsv_version(void)
{
    return OBSV_VERSION_STRING;
}
