/* stdout_sink: see stdout_sink.h for the model. */
#include "sink/stdout_sink.h"

#include "base/diag.h"
#include "base/fd.h"
#include "base/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Opening ------------------------------------------------------------------------------------------- */

static void close_own_fd(struct obsvi_stdout_sink *s)
{
    if (s->kind == OBSVI_STDOUT_REOPENED)
        close(s->fd);
    s->fd = STDOUT_FILENO;
    s->kind = OBSVI_STDOUT_CLOSED;
}

static void look_at_stdout(struct obsvi_stdout_sink *s)
{
    struct stat st;
    close_own_fd(s);
    s->is_blocked = false;
    if (fstat(STDOUT_FILENO, &st) != 0)
        return; /* closed from the start: descriptor 1 may become anything, so it is not ours to write to */
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    s->is_pipe = S_ISFIFO(st.st_mode);
    if (S_ISREG(st.st_mode)) {
        s->kind = OBSVI_STDOUT_FILE;
    } else if (S_ISSOCK(st.st_mode)) {
        s->kind = OBSVI_STDOUT_SOCKET;
    } else {
        int fd = obsvi_fd_above_stdio(open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
        s->kind = fd >= 0 ? OBSVI_STDOUT_REOPENED : OBSVI_STDOUT_POLLED;
        s->fd = fd >= 0 ? fd : STDOUT_FILENO;
    }
}

/* The application may put another file behind descriptor 1 (a redirection, a daemon, a test runner's
 * capture). */
static void follow_dup2(struct obsvi_stdout_sink *s)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && (st.st_dev != s->dev || st.st_ino != s->ino))
        look_at_stdout(s);
}

void obsvi_stdout_open(struct obsvi_stdout_sink *s, size_t limit_bytes)
{
    *s = (struct obsvi_stdout_sink){.limit_bytes = limit_bytes, .fd = STDOUT_FILENO};
    look_at_stdout(s);
    if (s->kind == OBSVI_STDOUT_CLOSED)
        obsvi_diag(OBSVI_DIAG_WARNING, "stdout",
                   "standard output is closed: no JSON lines are written there (export goes on)");
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static void count_drop(enum obsv_drop reason, uint8_t level)
{
    if (level != OBSVI_STDOUT_OWN)
        obsvi_drop_add(reason, level, 1);
}

static void drop_all(struct obsvi_stdout_sink *s, enum obsv_drop reason)
{
    for (; s->levels_done < s->levels.len; s->levels_done++)
        count_drop(reason, s->levels.data[s->levels_done]);
    obsvi_bytes_clear(&s->levels);
    obsvi_bytes_clear(&s->buffer);
    s->levels_done = s->done = s->own_count = 0;
}

void obsvi_stdout_close(struct obsvi_stdout_sink *s)
{
    drop_all(s, OBSV_DROP_stdout_dropped_shutdown);
    close_own_fd(s);
    obsvi_bytes_fini(&s->buffer);
    obsvi_bytes_fini(&s->levels);
}

/* Moves the unwritten part to the front once at least half is written: amortised, a byte is moved once. */
static void compact(struct obsvi_bytes *b, size_t *done)
{
    if (*done == 0 || *done < b->len / 2)
        return;
    memmove(b->data, b->data + *done, b->len - *done);
    b->len -= *done;
    *done = 0;
}

struct obsvi_bytes *obsvi_stdout_line_begin(struct obsvi_stdout_sink *s, uint8_t level)
{
    if (s->kind == OBSVI_STDOUT_CLOSED) {
        count_drop(OBSV_DROP_stdout_dropped_closed, level);
        return NULL;
    }
    if (s->buffer.len - s->done >= s->limit_bytes) {
        count_drop(OBSV_DROP_stdout_dropped_buffer_full, level);
        return NULL;
    }
    compact(&s->buffer, &s->done);
    compact(&s->levels, &s->levels_done);
    return &s->buffer;
}

bool obsvi_stdout_line_end(struct obsvi_stdout_sink *s, uint8_t level, size_t start, bool ok)
{
    const bool fits = s->buffer.len - s->done <= s->limit_bytes;
    if (ok && fits) {
        obsvi_bytes_put_u8(&s->levels, level);
        if (!s->levels.failed) {
            s->own_count += level == OBSVI_STDOUT_OWN;
            return true;
        }
        s->levels.failed = ok = false;
    }
    count_drop(ok ? OBSV_DROP_stdout_dropped_buffer_full : OBSV_DROP_stdout_dropped_internal, level);
    s->buffer.len = start;
    s->buffer.failed = false;
    return false;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* How much of the unwritten part to offer in one write. On a pipe: whole lines up to PIPE_BUF; a longer line
 * alone. */
static size_t next_piece(const struct obsvi_stdout_sink *s)
{
    const uint8_t *p = s->buffer.data + s->done;
    size_t left = s->buffer.len - s->done;
    if (s->kind == OBSVI_STDOUT_FILE || (!s->is_pipe && s->kind != OBSVI_STDOUT_POLLED))
        return left < 1 << 20 ? left : 1 << 20;
    if (left <= PIPE_BUF)
        return left;
    const uint8_t *last = memrchr(p, '\n', PIPE_BUF);
    if (last)
        return (size_t)(last - p) + 1;
    if (s->kind == OBSVI_STDOUT_POLLED)
        return PIPE_BUF;
    return (size_t)((const uint8_t *)memchr(p, '\n', left) - p) + 1;
}

/* A line longer than PIPE_BUF is begun only when it will go in whole: on an empty pipe (the pages of a used
 * one may be partly filled, so bytes do not tell the room). Longer than the pipe itself it cannot be had
 * whole: in parts, then. */
static bool has_room_for(const struct obsvi_stdout_sink *s, size_t bytes)
{
    int used = 0;
    if (!s->is_pipe || bytes <= PIPE_BUF || ioctl(s->fd, FIONREAD, &used) != 0)
        return true;
    return used == 0 || (long)bytes > fcntl(s->fd, F_GETPIPE_SZ);
}

static ssize_t write_piece(const struct obsvi_stdout_sink *s, const void *p, size_t n)
{
    if (s->kind == OBSVI_STDOUT_SOCKET)
        return send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (s->kind == OBSVI_STDOUT_POLLED) {
        struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
        if (poll(&ready, 1, 0) != 1 || !(ready.revents & (POLLOUT | POLLERR))) {
            errno = EAGAIN;
            return -1;
        }
    }
    return write(s->fd, p, n);
}

static void count_written(struct obsvi_stdout_sink *s, size_t n)
{
    uint64_t lines = 0, own = 0;
    const uint8_t *p = s->buffer.data + s->done;
    const uint8_t *end = p + n;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) { /* a line's only newline is its last byte */
        own += s->levels.data[s->levels_done++] == OBSVI_STDOUT_OWN;
        lines++;
        p++;
    }
    s->done += n;
    s->own_count -= own;
    obsvi_stat_add(OBSVI_STAT_stdout_delivered, lines - own);
}

static void give_up(struct obsvi_stdout_sink *s, int error)
{
    bool for_good = error == EPIPE || error == EBADF || error == ECONNRESET || error == ENOTCONN;
    obsvi_diag(OBSVI_DIAG_WARNING, "stdout", "cannot write JSON lines to standard output: %s; %s",
               strerror(error),
               for_good ? "no more are written there (export goes on)"
                        : "these lines are dropped, later ones tried again");
    drop_all(s, OBSV_DROP_stdout_dropped_closed);
    if (for_good)
        close_own_fd(s);
}

void obsvi_stdout_pump(struct obsvi_stdout_sink *s)
{
    s->is_blocked = false;
    if (s->kind == OBSVI_STDOUT_CLOSED || obsvi_stdout_is_idle(s))
        return;
    follow_dup2(s);
    while (s->kind != OBSVI_STDOUT_CLOSED && !obsvi_stdout_is_idle(s)) {
        size_t piece = next_piece(s);
        if (!has_room_for(s, piece))
            return; /* poll() would say "writable" for a single byte: the next pass looks again */
        ssize_t n = write_piece(s, s->buffer.data + s->done, piece);
        if (n > 0) {
            count_written(s, (size_t)n);
        } else if (n < 0 && errno == EAGAIN) {
            s->is_blocked = true;
            return;
        } else if (n == 0 || errno != EINTR) {
            give_up(s, n == 0 ? EIO : errno);
        }
    }
}

int obsvi_stdout_poll_fd(const struct obsvi_stdout_sink *s)
{
    return s->is_blocked ? s->fd : -1;
}
