/* emergency: the mailbox. See emergency.h.
 *
 * An end and the shipper's leaving may cross. Each side writes its own word and then reads the other's, all
 * in one total order (seq_cst), so at least one of them sees the other: either the leaving shipper finds the
 * signal, or the handler finds that nobody attends (G11).
 */
#include "ship/emergency.h"

#include "front/front.h"
#include "obsv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    RECORD_BYTES = 1024,
    NAME_BYTES = 32, /* a thread's name has at most 16 */
};

enum crash_state {
    CALM,
    CLAIMED, /* by a crashed thread, which is writing the details */
    REPORTED,
    DRAINED,
};

static struct {
    _Atomic(const void *) attendant; /* NULL: nobody [w: life-cycle, leaving shipper; r: handlers] */
    _Atomic pid_t process_id;        /* whose shipper attends */
    _Atomic pid_t shipper_id;        /* thread id; 0: not yet known */
    _Atomic int end_signal;          /* 0: none [w: handler; r: shipper] */
    _Atomic uint32_t crash;          /* enum crash_state, and a futex */
    siginfo_t crash_info;            /* published by REPORTED */
    pid_t crashed_thread_id;
} mail;

static pid_t own_thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* ---- Handlers ------------------------------------------------------------------------------------------ */

bool obsvi_emergency_end(int signal)
{
    int none = 0;
    if (atomic_load(&mail.process_id) != getpid() ||
        !atomic_compare_exchange_strong(&mail.end_signal, &none, signal))
        return false;
    if (atomic_load(&mail.attendant)) /* after the exchange: pairs with obsvi_emergency_leave */
        return true;
    atomic_store(&mail.end_signal, 0);
    return false;
}

static void wait_until_drained(uint32_t timeout_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t ns = (uint64_t)end.tv_nsec + (uint64_t)(timeout_ms % 1000) * 1000000;
    end.tv_sec += (time_t)(timeout_ms / 1000 + ns / 1000000000);
    end.tv_nsec = (long)(ns % 1000000000);
    uint32_t state;
    while ((state = atomic_load(&mail.crash)) != DRAINED)
        if (syscall(SYS_futex, &mail.crash, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, state, &end, NULL,
                    FUTEX_BITSET_MATCH_ANY) != 0 &&
            errno != EAGAIN && errno != EINTR)
            return;
}

void obsvi_emergency_crash(const siginfo_t *info, uint32_t timeout_ms)
{
    uint32_t calm = CALM;
    pid_t thread_id = own_thread_id();
    if (atomic_load(&mail.process_id) != getpid() || !atomic_load(&mail.attendant) ||
        atomic_load(&mail.shipper_id) == thread_id)
        return;
    if (atomic_compare_exchange_strong(&mail.crash, &calm, CLAIMED)) {
        mail.crash_info = *info;
        mail.crashed_thread_id = thread_id;
        atomic_store(&mail.crash, REPORTED); /* pairs with obsvi_emergency_is_crash */
    }
    wait_until_drained(timeout_ms);
}

/* ---- The shipper --------------------------------------------------------------------------------------- */

void obsvi_emergency_attend(const void *self)
{
    atomic_store(&mail.process_id, getpid());
    atomic_store(&mail.attendant, self);
}

bool obsvi_emergency_is_attended_by(const void *self)
{
    return atomic_load(&mail.attendant) == self;
}

bool obsvi_emergency_leave(const void *self)
{
    return atomic_compare_exchange_strong(&mail.attendant, &self, NULL);
}

void obsvi_emergency_name_thread(void)
{
    atomic_store(&mail.shipper_id, own_thread_id());
}

int obsvi_emergency_end_signal(void)
{
    return atomic_load(&mail.end_signal);
}

void obsvi_emergency_forget_end(void)
{
    atomic_store(&mail.end_signal, 0);
}

bool obsvi_emergency_is_crash(void)
{
    return atomic_load(&mail.crash) == REPORTED;
}

void obsvi_emergency_drained(void)
{
    atomic_store(&mail.crash, DRAINED);
    (void)syscall(SYS_futex, &mail.crash, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL, NULL, 0);
}

void obsvi_emergency_after_fork(void)
{
    atomic_store(&mail.attendant, NULL);
    atomic_store(&mail.end_signal, 0);
    atomic_store(&mail.crash, CALM);
}

const char *obsvi_emergency_signal_name(int signal)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}, {SIGSEGV, "SIGSEGV"},
                 {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == signal)
            return names[i].name;
    return "a signal";
}

/* ---- The record ---------------------------------------------------------------------------------------- */

static size_t read_thread_name(pid_t thread_id, char *name, size_t name_bytes)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread_id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, name_bytes) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 && name[n - 1] == '\n' ? (size_t)n - 1 : 0;
}

static void put_text(struct obsvi_writer *w, const char *key, const char *text)
{
    obsvi_writer_attr_str(w, key, strlen(key), text, strlen(text));
}

static void put_number(struct obsvi_writer *w, const char *key, int64_t number)
{
    obsvi_writer_attr_i64(w, key, strlen(key), number);
}

void obsvi_emergency_record_crash(void)
{
    void *space = obsvi_front_reserve(RECORD_BYTES, OBSV_SEVERITY_FATAL);
    if (!space)
        return;
    const siginfo_t *info = &mail.crash_info;
    const char *signal = obsvi_emergency_signal_name(info->si_signo);
    char text[64], name[NAME_BYTES];
    struct obsvi_writer w;
    obsvi_writer_begin(&w, space, RECORD_BYTES, obsvi_clock_now_ns(), OBSV_SEVERITY_FATAL);
    obsvi_writer_logger(&w, "obsv", 4);
    int n = snprintf(text, sizeof text, "process crashed: %s", signal);
    obsvi_writer_body(&w, text, (size_t)n);
    obsvi_writer_event(&w, "process_crashed", 15);
    put_text(&w, "signal", signal);
    put_number(&w, "signal_number", info->si_signo);
    if (info->si_code > 0 && info->si_signo != SIGABRT) { /* by the kernel, for what this thread did */
        (void)snprintf(text, sizeof text, "%p", info->si_addr);
        put_text(&w, "address", text);
    }
    put_number(&w, "thread.id", mail.crashed_thread_id);
    size_t name_bytes = read_thread_name(mail.crashed_thread_id, name, sizeof name);
    if (name_bytes)
        obsvi_writer_attr_str(&w, "thread.name", 11, name, name_bytes);
    put_number(&w, "process.pid", getpid());
    obsvi_front_publish(obsvi_writer_end(&w));
}
