/* obsv tail: makes our JSON log lines on stdin readable and leaves everything else as it is.
 *
 * A line is ours if it is a JSON object with a valid `timestamp` and the strings `level`, `logger` and
 * `message`: the line that the library writes to stdout. In doubt (duplicate keys, numbers beyond 64 bits) a
 * line is passed through: nothing may get lost or altered here. Bytes that cannot become one of our lines are
 * written as soon as they come, without waiting for the end of the line, so a prompt or a progress bar of the
 * application stays alive. Only a line that begins with '{' is held back, up to HOLD_BYTES_MAX.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "line.h"
#include "render.h"

#define HOLD_BYTES_MAX (16u << 20)
#define READ_BYTES     (64 * 1024)

enum {
    KEY_COLOR = 0x100,
};

struct tail {
    struct obsvi_render render;
    struct obsvi_out out;
    enum obsvi_color color;
    int level;               /* our lines below it are not shown; 0: all are */
    struct obsvi_bytes held; /* the beginning of a line that may be ours */
    bool is_inside;          /* of a line that is being passed through */
};

/* ---- Options ------------------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
    {"level", 'l', "LEVEL", 0,
     "Leave out our lines below LEVEL (trace, debug, info, warn, error or fatal); other lines are always "
     "shown",
     0},
    {"full", 'f', NULL, 0, "Print date, nanoseconds, service, environment and version too", 0},
    {"color", KEY_COLOR, "WHEN", 0, OBSVI_COLOR_HELP, 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct tail *t = state->input;
    switch (key) {
    case 'l':
        t->level = obsvi_severity_number(arg);
        if (!t->level)
            argp_error(state, "--level: '%s' is not trace, debug, info, warn, error or fatal", arg);
        return 0;
    case 'f':
        t->render.is_full = true;
        return 0;
    case KEY_COLOR:
        if (!obsvi_color_parse(arg, &t->color))
            argp_error(state, "--color: '%s' is not auto, always or never", arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s': obsv tail reads stdin", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Make JSON log lines from stdin readable; pass all other lines through untouched.\v"
           "Example:\n"
           "  python app.py | obsv tail --level warn",
};

/* ---- Lines --------------------------------------------------------------------------------------------- */

static bool is_below(const struct tail *t, const json_t *record)
{
    int64_t number = json_integer_value(json_object_get(record, "severity_number"));
    return number && number < t->level;
}

/* A complete line that begins with '{', its newline included if it has one. */
static void end_held_line(struct tail *t)
{
    size_t n = t->held.len;
    bool has_newline = n && t->held.data[n - 1] == '\n';
    json_t *record = obsvi_line_parse(t->held.data, n - has_newline);
    if (!record)
        obsvi_bytes_put(&t->out.pending, t->held.data, n);
    else if (!is_below(t, record))
        obsvi_render_record(&t->render, record, &t->out.pending);
    json_decref(record);
    obsvi_bytes_clear(&t->held);
    obsvi_out_spill(&t->out);
}

/* No longer ours: too long to be held, or no memory to hold it. */
static void give_up_held(struct tail *t)
{
    obsvi_out_write(&t->out, t->held.data, t->held.len);
    obsvi_bytes_clear(&t->held);
    t->is_inside = true;
}

static void hold(struct tail *t, const uint8_t *p, size_t n, bool is_end)
{
    if (t->held.len + n <= HOLD_BYTES_MAX && obsvi_bytes_room(&t->held, n)) {
        obsvi_bytes_put(&t->held, p, n);
        if (is_end)
            end_held_line(t);
        return;
    }
    give_up_held(t);
    obsvi_out_write(&t->out, p, n);
    t->is_inside = !is_end;
}

/* `p` is all or a part of one line, cut off at the newline or where the input was. */
static void feed_piece(struct tail *t, const uint8_t *p, size_t n)
{
    bool is_end = p[n - 1] == '\n';
    if (t->held.len || (!t->is_inside && p[0] == '{')) {
        hold(t, p, n, is_end);
    } else {
        obsvi_bytes_put(&t->out.pending, p, n);
        t->is_inside = !is_end;
    }
}

static void feed(struct tail *t, const uint8_t *p, size_t n)
{
    while (n && t->out.is_open) {
        const uint8_t *newline = memchr(p, '\n', n);
        size_t piece = newline ? (size_t)(newline - p) + 1 : n;
        feed_piece(t, p, piece);
        obsvi_out_spill(&t->out);
        p += piece;
        n -= piece;
    }
    obsvi_out_flush(&t->out);
}

/* ---- The loop ------------------------------------------------------------------------------------------ */

/* Waits for input; false: the reader of our output went away. */
static bool wait_input(const struct tail *t)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = t->out.fd, .events = 0}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return !(fds[1].revents & POLLERR);
}

/* Returns 0 or the errno of a failed read. */
static int copy(struct tail *t)
{
    static uint8_t buffer[READ_BYTES];
    while (t->out.is_open && wait_input(t)) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n == 0)
            break;
        if (n > 0)
            feed(t, buffer, (size_t)n);
        else if (errno != EINTR && errno != EAGAIN)
            return errno;
    }
    return 0;
}

static void ignore_once(int signal_number)
{
    (void)signal_number;
}

/* Ctrl-C in `app | obsv tail` reaches both; what the application says while it stops must still be shown. So
 * the first one is left to the application, whose end ends us too; a second one ends us at once. */
static void share_interrupt(void)
{
    struct sigaction action = {.sa_handler = ignore_once, .sa_flags = SA_RESETHAND}, before;
    if (!isatty(STDIN_FILENO) && sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        sigaction(SIGINT, &action, NULL);
}

int obsv_cmd_tail(int argc, char **argv)
{
    struct tail t = {.out = {.fd = STDOUT_FILENO, .stop_fd = -1, .is_open = true}};
    argp_parse(&argp, argc, argv, 0, NULL, &t);
    t.render.is_colored = obsvi_color_wanted(t.color, STDOUT_FILENO);
    signal(SIGPIPE, SIG_IGN);
    share_interrupt();
    int error = copy(&t);
    if (t.held.len)
        end_held_line(&t);
    obsvi_out_flush(&t.out);
    if (error)
        fprintf(stderr, "obsv tail: cannot read stdin: %s\n", strerror(error));
    if (t.out.error)
        fprintf(stderr, "obsv tail: cannot write to stdout: %s\n", strerror(t.out.error));
    obsvi_bytes_fini(&t.held);
    obsvi_out_fini(&t.out);
    return error || t.out.error ? OBSVI_EXIT_FAILED : OBSVI_EXIT_OK;
}
