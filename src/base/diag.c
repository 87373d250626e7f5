/* diag: format, throttle, write once without waiting. */
#include "base/diag.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line never exceeds PIPE_BUF, so that it is written whole or not at all. */
enum { SUBJECT_COUNT = 32, LINE_BYTES = 1024, QUIET_S = 30, REPEATS_BYTES = 40 };

static struct {
    pthread_mutex_t lock; /* cold path only: start-up and the shipper, never a log call */
    enum obsvi_diag_level level;
    enum { STDERR_UNKNOWN, STDERR_OPEN, STDERR_CLOSED } stderr_state; /* at our first word, at start-up */
    obsvi_diag_sink_fn sink;
    void *sink_arg;
    char last[256]; /* the last warning or error */
    struct {
        const char *subject;
        time_t last_s;
        unsigned suppressed_count;
    } seen[SUBJECT_COUNT];
} diag = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = OBSVI_DIAG_INFO};

void obsvi_diag_set_level(enum obsvi_diag_level level)
{
    pthread_mutex_lock(&diag.lock);
    diag.level = level;
    pthread_mutex_unlock(&diag.lock);
}

void obsvi_diag_set_sink(obsvi_diag_sink_fn sink, void *arg)
{
    pthread_mutex_lock(&diag.lock);
    diag.sink = sink;
    diag.sink_arg = arg;
    memset(diag.seen, 0, sizeof diag.seen);
    pthread_mutex_unlock(&diag.lock);
}

/* True if the line may be shown now; *suppressed says how many were not since the last one. */
static int admit(const char *subject, unsigned *suppressed)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int oldest = 0;
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        if (diag.seen[i].subject == NULL || strcmp(diag.seen[i].subject, subject) == 0) {
            if (diag.seen[i].subject && now.tv_sec - diag.seen[i].last_s < QUIET_S) {
                diag.seen[i].suppressed_count++;
                return 0;
            }
            *suppressed = diag.seen[i].subject ? diag.seen[i].suppressed_count : 0;
            diag.seen[i].subject = subject;
            diag.seen[i].last_s = now.tv_sec;
            diag.seen[i].suppressed_count = 0;
            return 1;
        }
        if (diag.seen[i].last_s < diag.seen[oldest].last_s)
            oldest = i;
    }
    diag.seen[oldest].subject = subject;
    diag.seen[oldest].last_s = now.tv_sec;
    diag.seen[oldest].suppressed_count = 0;
    return 1;
}

/* One line, control characters replaced, so that a hostile server message cannot forge lines or colours. */
static void write_line(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    if (diag.sink) {
        diag.sink(line, diag.sink_arg);
        return;
    }
    if (diag.stderr_state == STDERR_CLOSED)
        return; /* descriptor 2 may have become anything since */
    line[len++] = '\n';
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
        ssize_t ignored = write(STDERR_FILENO, line, len);
        (void)ignored;
    }
}

void obsvi_diag_before_fork(void)
{
    pthread_mutex_lock(&diag.lock);
}

void obsvi_diag_after_fork(void)
{
    pthread_mutex_unlock(&diag.lock);
}

void obsvi_diag_last(char *out, unsigned out_bytes)
{
    pthread_mutex_lock(&diag.lock);
    (void)snprintf(out, out_bytes, "%s", diag.last);
    pthread_mutex_unlock(&diag.lock);
}

/* The line without its newline; `line` has room for one more byte. Returns its length. */
static size_t format_line(char *line, enum obsvi_diag_level level, const char *format, va_list ap)
{
    static const char *const names[] = {"", "error: ", "warning: ", "", "debug: "};
    const size_t room = LINE_BYTES - REPEATS_BYTES - 1;
    size_t len = (size_t)snprintf(line, room, "obsv: %s", names[level]);
    int n = vsnprintf(line + len, room - len, format, ap);
    if (n > 0)
        len += (size_t)n < room - len ? (size_t)n : room - len - 1;
    return len;
}

void obsvi_diag(enum obsvi_diag_level level, const char *subject, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list ap;
    va_start(ap, format);
    size_t len = format_line(line, level, format, ap);
    va_end(ap);

    pthread_mutex_lock(&diag.lock);
    unsigned suppressed = 0;
    if (diag.stderr_state == STDERR_UNKNOWN)
        diag.stderr_state = fcntl(STDERR_FILENO, F_GETFD) >= 0 ? STDERR_OPEN : STDERR_CLOSED;
    if (level <= OBSVI_DIAG_WARNING)
        (void)snprintf(diag.last, sizeof diag.last, "%.255s", line + strlen("obsv: "));
    if (level <= diag.level && (!subject || admit(subject, &suppressed))) {
        if (suppressed)
            len += (size_t)snprintf(line + len, REPEATS_BYTES, " (%u like it not shown)", suppressed);
        write_line(line, len);
    }
    pthread_mutex_unlock(&diag.lock);
}
