/* signals: see signals.h. The handler is the part above the line; it calls async-signal-safe functions alone.
 */
#include "process/signals.h"

#include "base/diag.h"
#include "ship/emergency.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GUARD_GRACE_MS = 1000 }; /* the shipper's own deadline comes first, on a loaded machine too */

struct slot {
    const int signal;
    _Atomic bool has_guard;
    timer_t guard; /* sends the signal a second time */
};

static struct slot slots[] = {{.signal = SIGTERM}, {.signal = SIGINT}, {.signal = SIGHUP}};
static _Atomic uint32_t limit_ms;

enum { SLOT_COUNT = sizeof slots / sizeof *slots };

static struct slot *slot_of(int signal)
{
    struct slot *s = slots;
    while (s < slots + SLOT_COUNT - 1 && s->signal != signal)
        s++;
    return s;
}

/* Zero disarms. */
static void set_guard(struct slot *s, uint32_t after_ms)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(after_ms / 1000), .tv_nsec = (long)(after_ms % 1000) * 1000000}};
    if (atomic_load(&s->has_guard))
        (void)timer_settime(s->guard, 0, &when, NULL);
}

static void set_default(int signal)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)sigaction(signal, &by_default, NULL);
}

/* To the calling thread, whatever it blocks. */
static void send_to_self(int signal)
{
    sigset_t one;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, signal);
    (void)raise(signal);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    int saved_errno = errno;
    struct slot *s = slot_of(signal);
    if (atomic_load(&s->has_guard) && obsvi_emergency_end(signal)) {
        set_guard(s, atomic_load(&limit_ms) + GUARD_GRACE_MS);
    } else {
        set_default(signal);
        send_to_self(signal);
    }
    errno = saved_errno;
}

/* -----------------------------------------------------------------------------------------------------------
 */

static bool is_ours(const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == on_signal;
}

static bool is_default(const struct sigaction *a)
{
    return !(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_DFL;
}

static void install(int signal)
{
    struct sigaction ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    (void)sigemptyset(&ours.sa_mask);
    (void)sigaction(signal, &ours, NULL);
}

static bool make_guard(struct slot *s)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = s->signal};
    if (!atomic_load(&s->has_guard) && timer_create(CLOCK_MONOTONIC, &event, &s->guard) == 0)
        atomic_store(&s->has_guard, true);
    return atomic_load(&s->has_guard);
}

void obsvi_signals_start(uint32_t limit)
{
    struct sigaction now;
    atomic_store(&limit_ms, limit);
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++) {
        if (sigaction(s->signal, NULL, &now) != 0 || (!is_default(&now) && !is_ours(&now)))
            continue;
        if (make_guard(s))
            install(s->signal);
        else
            obsvi_diag(OBSVI_DIAG_WARNING, "signals",
                       "no timer to be had (%s): %s will end the process at once, "
                       "without a flush",
                       strerror(errno), obsvi_emergency_signal_name(s->signal));
    }
}

void obsvi_signals_stop(void)
{
    struct sigaction now;
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++) {
        if (sigaction(s->signal, NULL, &now) == 0 && is_ours(&now))
            set_default(s->signal);
        if (atomic_exchange(&s->has_guard, false))
            (void)timer_delete(s->guard);
    }
}

void obsvi_signals_after_fork(void)
{
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++)
        atomic_store(&s->has_guard, false);
}

void obsvi_signals_start_in_child(void)
{
    struct sigaction now;
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++)
        if (sigaction(s->signal, NULL, &now) == 0 && is_ours(&now))
            (void)make_guard(s); /* without one, the handler kills at once */
}

void obsvi_signals_die(int signal)
{
    struct sigaction now;
    struct slot *s = slot_of(signal);
    if (sigaction(signal, NULL, &now) == 0 && !is_ours(&now) && !is_default(&now)) {
        set_guard(s, 0);
        (void)kill(getpid(), signal);
        return;
    }
    set_default(signal);
    send_to_self(signal);
    set_guard(s, 0);
    install(signal);
}
