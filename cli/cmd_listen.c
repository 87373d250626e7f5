/* obsv listen: an OTLP/HTTP receiver for development. Prints each log record; stores nothing, forwards
 * nothing.
 *
 * One thread, one poll loop over the receiver and the signals. stdout belongs to the loop as well: while its
 * reader is stuck, no request is answered, so a client sees a slow server and not a false success; a signal
 * still ends it.
 *
 * Rejected: listening on all interfaces by default, as the Collector did once. Logs hold business data, and
 * this receiver asks nobody for a password.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "receiver.h"
#include "render.h"
#include "socket.h"

enum {
    KEY_JSON = 0x100,
    KEY_PORT_FILE,
    KEY_COLOR,
};

struct listen_options {
    const char *bind;
    const char *port;
    const char *port_file;
    uint64_t count;
    bool is_json;
    bool is_quiet;
    bool is_full;
    enum obsvi_color color;
};

struct listener {
    struct listen_options options;
    struct obsvi_render render;
    struct obsvi_out out;
    struct obsvi_receiver *receiver;
    char url[128];
};

/* ---- Options ------------------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
    {"bind", 'b', "ADDRESS", 0, "Address to listen on (default 127.0.0.1: this machine only)", 0},
    {"port", 'p', "PORT", 0, "Port to listen on (default 4318; 0: any free one)", 0},
    {"port-file", KEY_PORT_FILE, "FILE", 0, "Write the port to FILE once connections are accepted", 0},
    {"count", 'n', "N", 0, "Exit after N records, when the request that brought them has been answered", 0},
    {"json", KEY_JSON, NULL, 0, "Print one JSON object a record, complete and exact", 1},
    {"full", 'f', NULL, 0, "Print date, nanoseconds, resource and scope too", 1},
    {"quiet", 'q', NULL, 0, "Print no records: only count them", 1},
    {"color", KEY_COLOR, "WHEN", 0, OBSVI_COLOR_HELP, 1},
    {0},
};

static void parse_count(struct argp_state *state, const char *text, uint64_t *count)
{
    char *end;
    errno = 0;
    *count = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || *count == 0)
        argp_error(state, "--count: '%s' is not a positive number", text);
}

static void check_port(struct argp_state *state, const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > 5 || strspn(text, "0123456789") != n || atoi(text) > 65535)
        argp_error(state, "--port: '%s' is not a port (0 to 65535)", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct listen_options *o = state->input;
    switch (key) {
    case 'b':
        o->bind = arg;
        return 0;
    case 'p':
        check_port(state, arg);
        o->port = arg;
        return 0;
    case KEY_PORT_FILE:
        o->port_file = arg;
        return 0;
    case 'n':
        parse_count(state, arg, &o->count);
        return 0;
    case KEY_JSON:
        o->is_json = true;
        return 0;
    case 'f':
        o->is_full = true;
        return 0;
    case 'q':
        o->is_quiet = true;
        return 0;
    case KEY_COLOR:
        if (!obsvi_color_parse(arg, &o->color))
            argp_error(state, "--color: '%s' is not auto, always or never", arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Receive OTLP/HTTP logs on this machine and print each record.\v"
           "Ctrl-C ends it with a summary on stderr. The exit status is 1 if --count was given and not "
           "reached.\n\n"
           "Example:\n"
           "  obsv listen &\n"
           "  export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
};

/* ---- Output -------------------------------------------------------------------------------------------- */

static void print_record(const json_t *record, void *arg)
{
    struct listener *l = arg;
    if (l->options.is_quiet)
        return;
    if (l->options.is_json) {
        obsvi_show_json(&l->out.pending, record, OBSVI_SHOW_EXACT);
        obsvi_bytes_put_u8(&l->out.pending, '\n');
    } else {
        obsvi_render_record(&l->render, record, &l->out.pending);
    }
    obsvi_out_spill(&l->out);
}

static void end_request(void *arg)
{
    struct listener *l = arg;
    obsvi_out_flush(&l->out);
}

/* What the client sent (path, method) goes to a terminal: harmless, and bounded. */
static void report_refusal(int status, const char *method, const char *path, const char *why, void *arg)
{
    struct obsvi_bytes line = {0};
    char target[160];
    (void)arg;
    snprintf(target, sizeof target, "%.20s %.120s", method, path);
    for (char *c = target; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    obsvi_show_plain(&line, why, strlen(why), NULL);
    fprintf(stderr, "obsv listen: refused %s with %d: %.*s\n", target, status, (int)line.len,
            (const char *)line.data);
    obsvi_bytes_fini(&line);
}

/* ---- The loop ------------------------------------------------------------------------------------------ */

/* Whole or not at all: a reader that waits for the file never sees half a number. */
static bool write_port_file(const char *path, const char *port)
{
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "we");
    bool ok = f && fprintf(f, "%s\n", port) > 0;
    ok = (f && fclose(f) == 0) && ok && rename(temporary, path) == 0;
    if (!ok)
        fprintf(stderr, "obsv listen: cannot write --port-file %s: %s\n", path, strerror(errno));
    return ok;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve(struct listener *l)
{
    static struct pollfd fds[2 + OBSVI_RECEIVER_POLL_MAX];
    fds[0] = (struct pollfd){.fd = l->out.stop_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = l->out.fd, .events = 0}; /* POLLERR: the reader went away */
    while (l->out.is_open && !obsvi_receiver_is_done(l->receiver)) {
        nfds_t count = 2 + obsvi_receiver_poll(l->receiver, fds + 2);
        int n = poll(fds, count, obsvi_receiver_timeout_ms(l->receiver));
        if ((n < 0 && errno != EINTR) || (n > 0 && (fds[0].revents || fds[1].revents & POLLERR)))
            break;
        obsvi_receiver_run(l->receiver);
    }
}

static bool start(struct listener *l)
{
    char port[OBSVI_SOCKET_PORT_BYTES];
    int fd = obsvi_socket_open(l->options.bind, l->options.port);
    if (fd < 0)
        return false;
    struct obsvi_receiver_options ro = {.socket = fd,
                                        .on_record = print_record,
                                        .on_request = end_request,
                                        .on_refused = report_refusal,
                                        .arg = l,
                                        .stop_after_records = l->options.count};
    if (!obsvi_socket_address(fd, l->url, sizeof l->url, port) || !(l->receiver = obsvi_receiver_open(&ro))) {
        fprintf(stderr, "obsv listen: the server could not be started: out of memory or descriptors\n");
        close(fd);
        return false;
    }
    if (l->options.port_file && !write_port_file(l->options.port_file, port))
        return false;
    fprintf(stderr, "listening on %s (POST /v1/logs)\n  export OTEL_EXPORTER_OTLP_ENDPOINT=%s\n", l->url,
            l->url);
    return true;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static int finish(struct listener *l)
{
    struct obsvi_receiver_counts c = obsvi_receiver_counts(l->receiver);
    if (l->out.error)
        fprintf(stderr, "obsv listen: cannot write to stdout: %s\n", strerror(l->out.error));
    fprintf(stderr, "%" PRIu64 " record%s in %" PRIu64 " request%s, %" PRIu64 " malformed\n", c.records,
            plural(c.records), c.requests, plural(c.requests), c.malformed);
    return l->out.error || c.records < l->options.count ? OBSVI_EXIT_FAILED : OBSVI_EXIT_OK;
}

int obsv_cmd_listen(int argc, char **argv)
{
    struct listener l = {.options = {.bind = "127.0.0.1", .port = "4318"}};
    argp_parse(&argp, argc, argv, 0, NULL, &l.options);
    l.render = (struct obsvi_render){.is_colored = obsvi_color_wanted(l.options.color, STDOUT_FILENO),
                                     .is_full = l.options.is_full};
    l.out = (struct obsvi_out){.fd = STDOUT_FILENO, .stop_fd = open_signals(), .is_open = true};
    int status = OBSVI_EXIT_FAILED;
    if (start(&l)) {
        serve(&l);
        status = finish(&l);
    }
    obsvi_receiver_close(l.receiver);
    obsvi_out_fini(&l.out);
    return status;
}
