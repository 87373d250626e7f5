/* out: output that notices its reader, and the decision about colours.
 *
 * A write to a pipe of which poll() says that it is writable takes PIPE_BUF bytes without blocking (pipe(7)),
 * so writing in such pieces after a poll() never blocks, whatever the mode of the descriptor: it is shared
 * with other processes and O_NONBLOCK must not be set on it.
 */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define SPILL_BYTES (64 * 1024)

bool obsvi_color_parse(const char *text, enum obsvi_color *color)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *color = (enum obsvi_color)i;
            return true;
        }
    }
    return false;
}

bool obsvi_color_wanted(enum obsvi_color color, int fd)
{
    if (color != OBSVI_COLOR_AUTO)
        return color == OBSVI_COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color && *no_color)
        return false;
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

static void close_output(struct obsvi_out *out, int error)
{
    out->is_open = false;
    out->error = error == EPIPE ? 0 : error;
}

/* True when the descriptor takes PIPE_BUF bytes; false when waiting has ended for another reason. */
static bool wait_writable(struct obsvi_out *out)
{
    struct pollfd fds[2] = {{.fd = out->fd, .events = POLLOUT}, {.fd = out->stop_fd, .events = POLLIN}};
    for (;;) {
        int n = poll(fds, 2, -1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (fds[0].revents & (POLLERR | POLLNVAL))) {
            close_output(out, n < 0 ? errno : fds[0].revents & POLLNVAL ? EBADF : EPIPE);
            return false;
        }
        if (fds[0].revents & POLLOUT)
            return true;
        if (fds[1].revents)
            close_output(out, 0);
        return false;
    }
}

static void write_all(struct obsvi_out *out, const uint8_t *p, size_t n)
{
    while (n && out->is_open && wait_writable(out)) {
        ssize_t done = write(out->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            close_output(out, errno);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

void obsvi_out_flush(struct obsvi_out *out)
{
    if (out->pending.failed && out->is_open)
        close_output(out, ENOMEM);
    write_all(out, out->pending.data, out->pending.len);
    obsvi_bytes_clear(&out->pending);
}

void obsvi_out_spill(struct obsvi_out *out)
{
    if (out->pending.len >= SPILL_BYTES || out->pending.failed)
        obsvi_out_flush(out);
}

void obsvi_out_write(struct obsvi_out *out, const void *p, size_t n)
{
    obsvi_out_flush(out);
    write_all(out, p, n);
}

void obsvi_out_fini(struct obsvi_out *out)
{
    obsvi_bytes_fini(&out->pending);
}
