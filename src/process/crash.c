/* crash: see crash.h. The handler is the part above the line; it calls async-signal-safe functions alone. */
#include "process/crash.h"

#include "ship/emergency.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For us and for whoever handles the signal after us on the same stack. */
enum { STACK_BYTES = 128 * 1024 };

struct slot {
    const int signal;
    bool is_installed; /* and may be called by a handler that came after us even if it is not in place */
    struct sigaction previous; /* written before we are installed, never while we are */
    _Atomic pid_t chained_by;  /* the thread that has passed the signal on */
};

static struct slot slots[] = {
    {.signal = SIGSEGV}, {.signal = SIGBUS}, {.signal = SIGFPE}, {.signal = SIGILL}, {.signal = SIGABRT}};
static _Atomic uint32_t timeout_ms;

enum { SLOT_COUNT = sizeof slots / sizeof *slots };

/* A handler before us that calls us again (it came after us, and we came after it) would go on for ever: the
 * second time, the thread gets the default. */
static void pass_on(struct slot *s, siginfo_t *info)
{
    struct sigaction next = s->previous;
    pid_t thread_id = (pid_t)syscall(SYS_gettid);
    if (atomic_exchange(&s->chained_by, thread_id) == thread_id)
        next = (struct sigaction){.sa_handler = SIG_DFL};
    (void)sigaction(s->signal, &next, NULL);
    /* Blocked until this handler returns. */
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_id, s->signal, info) != 0)
        (void)raise(s->signal);
}

static void on_crash(int signal, siginfo_t *info, void *context)
{
    (void)context;
    int saved_errno = errno;
    obsvi_emergency_crash(info, atomic_load(&timeout_ms));
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++)
        if (s->signal == signal)
            pass_on(s, info);
    errno = saved_errno;
}

/* -----------------------------------------------------------------------------------------------------------
 */

static bool is_ours(const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == on_crash;
}

static bool is_plain(const struct sigaction *a, void (*handler)(int))
{
    return !(a->sa_flags & SA_SIGINFO) && a->sa_handler == handler;
}

static void install(struct slot *s)
{
    struct sigaction ours = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigemptyset(&ours.sa_mask);
    for (struct slot *other = slots; other < slots + SLOT_COUNT; other++)
        (void)sigaddset(&ours.sa_mask,
                        other->signal); /* a crash in the handler kills: the kernel sees to it */
    s->is_installed = sigaction(s->signal, &ours, NULL) == 0;
}

/* Once a process, with a page below it that faults. Never freed: the thread may be in it. */
static void make_stack(void)
{
    static bool is_made;
    stack_t now;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (is_made || sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return;
    uint8_t *p = mmap(NULL, page + STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return;
    stack_t ours = {.ss_sp = p + page, .ss_size = STACK_BYTES};
    (void)mprotect(p, page, PROT_NONE);
    is_made = sigaltstack(&ours, NULL) == 0;
}

void obsvi_crash_start(uint32_t limit_ms)
{
    struct sigaction now;
    atomic_store(&timeout_ms, limit_ms);
    make_stack();
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++) {
        if (sigaction(s->signal, NULL, &now) != 0 || is_ours(&now) || is_plain(&now, SIG_IGN))
            continue;
        if (s->is_installed && !is_plain(&now, SIG_DFL))
            continue; /* one that came after us, and may call us */
        s->previous = now;
        atomic_store(&s->chained_by, 0);
        install(s);
    }
}

void obsvi_crash_stop(void)
{
    struct sigaction now;
    for (struct slot *s = slots; s < slots + SLOT_COUNT; s++)
        if (s->is_installed && sigaction(s->signal, NULL, &now) == 0 && is_ours(&now))
            s->is_installed = sigaction(s->signal, &s->previous, NULL) != 0;
}
