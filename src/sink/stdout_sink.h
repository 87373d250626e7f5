/* stdout_sink: JSON lines to standard output, without ever waiting for its reader (D14, D15).
 *
 * Lines lie in a bounded buffer of their own; what does not fit is dropped whole and counted, so that a stuck
 * reader costs lines and nothing else. The caller's descriptor 1 is shared with the application and with
 * other processes, so its flags are never changed: pipes and terminals are opened a second time,
 * non-blocking, through /proc/self/fd/1; sockets are written with MSG_DONTWAIT; regular files cannot block
 * and are written as they are, at the position that all share. Where a second opening is refused (a
 * container's stdout that belongs to another user), poll() is asked before each write of at most PIPE_BUF
 * bytes, which then does not block unless another process fills the pipe in the same instant.
 *
 * On a pipe, whole lines are written in pieces of at most PIPE_BUF bytes: the kernel takes such a piece whole
 * or not at all (POSIX write, "Pipes and FIFOs"), so that lines of other writers do not end up in the middle
 * of ours.
 *
 * Owned by the shipper; not thread-safe. Counts its own statistics.
 */
#ifndef OBSVI_SINK_STDOUT_SINK_H
#define OBSVI_SINK_STDOUT_SINK_H

#include "base/bytes.h"

#include <sys/types.h>

enum obsvi_stdout_kind {
    OBSVI_STDOUT_CLOSED, /* gone for good: every line is dropped and counted */
    OBSVI_STDOUT_FILE,   /* never blocks */
    OBSVI_STDOUT_REOPENED,
    OBSVI_STDOUT_SOCKET,
    OBSVI_STDOUT_POLLED,
};

/* In place of a level: a line that no application asked for, and that no counter counts. */
enum { OBSVI_STDOUT_OWN = 0xff };

struct obsvi_stdout_sink {
    struct obsvi_bytes buffer; /* whole lines; [0, done) is written */
    size_t done;
    struct obsvi_bytes levels; /* the level of each line in the buffer, or OBSVI_STDOUT_OWN */
    size_t levels_done;        /* [0, levels_done): of lines that are written */
    size_t own_count;          /* lines of the library's own among those not wholly written */
    size_t limit_bytes;        /* of the unwritten part */
    enum obsvi_stdout_kind kind;
    int fd; /* our own for REOPENED, else 1 */
    bool is_pipe;
    bool is_blocked; /* the last write found no room: poll before the next */
    dev_t dev;       /* which file descriptor 1 was when we looked, to follow a dup2 */
    ino_t ino;
};

void obsvi_stdout_open(struct obsvi_stdout_sink *s, size_t limit_bytes);
/* What is still unwritten is counted as dropped by shutdown. */
void obsvi_stdout_close(struct obsvi_stdout_sink *s);

/* The shipper encodes a line at the end of `buffer`: begin returns the buffer, or NULL if the line is to be
 * dropped (counted); then end, with the buffer's length before the line; true if the line was taken. `level`
 * is an index of a level, or OBSVI_STDOUT_OWN. */
struct obsvi_bytes *obsvi_stdout_line_begin(struct obsvi_stdout_sink *s, uint8_t level);
bool obsvi_stdout_line_end(struct obsvi_stdout_sink *s, uint8_t level, size_t start, bool ok);

/* Lines of the application that are not wholly written. */
static inline size_t obsvi_stdout_pending(const struct obsvi_stdout_sink *s)
{
    return s->levels.len - s->levels_done - s->own_count;
}

/* True when there is room again for a good while: the moment to announce a gap. */
static inline bool obsvi_stdout_has_recovered(const struct obsvi_stdout_sink *s)
{
    return s->kind != OBSVI_STDOUT_CLOSED && s->buffer.len - s->done < s->limit_bytes / 2;
}

/* Writes what goes without waiting. */
void obsvi_stdout_pump(struct obsvi_stdout_sink *s);

/* The descriptor to poll for writability, or -1 if nothing is waiting for it. */
int obsvi_stdout_poll_fd(const struct obsvi_stdout_sink *s);

static inline bool obsvi_stdout_is_idle(const struct obsvi_stdout_sink *s)
{
    return s->done == s->buffer.len;
}

#endif
