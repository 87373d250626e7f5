/* cli: what the subcommands of `obsv` share.
 *
 * Each subcommand is one function in a file of its own and owns its options (argp). Exit statuses are the
 * same everywhere: 0 done, 1 could not be done (one line on stderr says why and what to do), 2 wrong usage.
 *
 * Output goes through `struct obsvi_out`, never through stdio: a reader that went away or a full pipe is then
 * seen and handled at one place.
 */
#ifndef OBSVI_CLI_CLI_H
#define OBSVI_CLI_CLI_H

#include "base/bytes.h"

enum {
    OBSVI_EXIT_OK = 0,
    OBSVI_EXIT_FAILED = 1,
    OBSVI_EXIT_USAGE = 2,
};

int obsv_cmd_listen(int argc, char **argv);
int obsv_cmd_tail(int argc, char **argv);
int obsv_cmd_config(int argc, char **argv);

/* --color */
enum obsvi_color {
    OBSVI_COLOR_AUTO,
    OBSVI_COLOR_ALWAYS,
    OBSVI_COLOR_NEVER,
};

#define OBSVI_COLOR_HELP "Colours: auto (default: on a terminal, unless NO_COLOR is set), always or never"

/* "auto", "always", "never"; false for anything else. */
bool obsvi_color_parse(const char *text, enum obsvi_color *color);
/* Whether to colour what goes to `fd`: NO_COLOR (https://no-color.org) and TERM=dumb switch `auto` off. */
bool obsvi_color_wanted(enum obsvi_color color, int fd);

/* Buffered output to a descriptor. Sticky: after `is_open` has become false every call does nothing. */
struct obsvi_out {
    int fd;
    int stop_fd;  /* readable when the process was asked to stop: ends a wait for a stuck reader; -1: none */
    bool is_open; /* false: the reader went away, a stop while it was stuck, or `error` */
    int error;    /* errno of a failed write that was not EPIPE */
    struct obsvi_bytes pending;
};

/* Text to be written next goes into `pending`; this writes it if there is much of it. */
void obsvi_out_spill(struct obsvi_out *out);
/* Writes everything that is pending. Waits as long as the reader is stuck and stop_fd is quiet. */
void obsvi_out_flush(struct obsvi_out *out);
/* Writes what is pending, then `p` directly. */
void obsvi_out_write(struct obsvi_out *out, const void *p, size_t n);
void obsvi_out_fini(struct obsvi_out *out);

#endif
