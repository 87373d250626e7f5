/* fd: descriptors of our own stay off 0, 1 and 2, should those be closed. Whoever writes to standard output
 * or error then, and finds ours there, would write into it; and so would we, with a line meant for standard
 * error.
 */
#ifndef OBSVI_BASE_FD_H
#define OBSVI_BASE_FD_H

#include <fcntl.h>
#include <unistd.h>

enum { OBSVI_STDIO_COUNT = 3 };

/* Takes over `fd` and returns it, or another for it; negative ones stay. */
static inline int obsvi_fd_above_stdio(int fd)
{
    if (fd < 0 || fd >= OBSVI_STDIO_COUNT)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, OBSVI_STDIO_COUNT);
    close(fd);
    return moved;
}

#endif
