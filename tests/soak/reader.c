/* reader: see reader.h. */
#include "reader.h"

#include "ledger.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOK_MS = 2, SLOW_BYTES = 5000, FAST_BYTES = 1 << 16 };

static struct {
    pthread_t thread;
    pthread_mutex_t lock; /* guards fd and line; held while reading, never while waiting */
    int fd;
    int real_stdout;
    struct obsvi_bytes line; /* what has come of an unfinished one */
    _Atomic int mode;
    _Atomic bool is_ending;
    _Atomic uint64_t idle_count; /* looks that found nothing to read */
    _Atomic uint64_t lines, own, broken, losses;
} reader = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void take_record(const json_t *record)
{
    const json_t *number = json_object_get(record, NUMBER_KEY);
    const char *logger = json_string_value(json_object_get(record, "logger"));
    if (json_is_integer(number)) {
        uint64_t n = (uint64_t)json_integer_value(number);
        if (!ledger_mark(ledger->written, n))
            violate("record %llu was written to stdout twice", (unsigned long long)n);
        atomic_fetch_add(&reader.lines, 1);
    } else if (logger && strcmp(logger, "obsv") == 0) {
        atomic_fetch_add(&reader.own, 1);
    } else {
        violate("a line without its number: logger %.60s", logger ? logger : "none");
    }
}

static void end_line(void)
{
    json_error_t error;
    json_t *record = json_loadb((const char *)reader.line.data, reader.line.len, JSON_ALLOW_NUL, &error);
    if (json_is_object(record))
        take_record(record);
    else
        atomic_fetch_add(&reader.broken, 1);
    json_decref(record);
    obsvi_bytes_clear(&reader.line);
}

/* With the lock held; true if there was something. */
static bool read_some(size_t limit)
{
    static char buffer[FAST_BYTES];
    ssize_t n = read(reader.fd, buffer, limit < sizeof buffer ? limit : sizeof buffer);
    for (ssize_t from = 0; from < n;) {
        const char *end = memchr(buffer + from, '\n', (size_t)(n - from));
        size_t bytes = end ? (size_t)(end - (buffer + from)) : (size_t)(n - from);
        obsvi_bytes_put(&reader.line, buffer + from, bytes);
        if (end)
            end_line();
        from += (ssize_t)bytes + (end != NULL);
    }
    return n > 0;
}

static void *run(void *arg)
{
    (void)arg;
    while (!atomic_load(&reader.is_ending)) {
        int mode = atomic_load(&reader.mode);
        bool had = false;
        if (mode != READER_STALLED) {
            pthread_mutex_lock(&reader.lock);
            had = read_some(mode == READER_SLOW ? SLOW_BYTES : FAST_BYTES);
            pthread_mutex_unlock(&reader.lock);
        }
        if (!had)
            atomic_fetch_add(&reader.idle_count, 1);
        if (!had || mode != READER_FAST)
            (void)poll(NULL, 0, LOOK_MS);
    }
    return NULL;
}

/* A new pipe behind descriptor 1; returns its read end. */
static int new_pipe(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
        dup2(ends[1], STDOUT_FILENO) < 0) {
        perror("soak: pipe");
        exit(2);
    }
    close(ends[1]);
    return ends[0];
}

void reader_start(void)
{
    (void)fflush(stdout);
    reader.real_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    reader.fd = new_pipe();
    if (pthread_create(&reader.thread, NULL, run, NULL) != 0) {
        perror("soak: reader");
        exit(2);
    }
}

void reader_stop(void)
{
    atomic_store(&reader.is_ending, true);
    pthread_join(reader.thread, NULL);
    close(reader.fd);
    dup2(reader.real_stdout, STDOUT_FILENO);
    close(reader.real_stdout);
    obsvi_bytes_fini(&reader.line);
}

void reader_set_mode(enum reader_mode mode)
{
    atomic_store(&reader.mode, mode);
}

void reader_replace(bool is_noticed)
{
    pthread_mutex_lock(&reader.lock);
    close(reader.fd);
    if (is_noticed)
        (void)poll(NULL, 0, 20); /* lines meet EPIPE meanwhile */
    reader.fd = new_pipe();
    obsvi_bytes_clear(&reader.line);
    atomic_fetch_add(&reader.losses, 1);
    pthread_mutex_unlock(&reader.lock);
}

void reader_leave_in_child(void)
{
    close(reader.fd);
    close(reader.real_stdout);
}

uint64_t reader_drain(void)
{
    int unread = 1;
    reader_set_mode(READER_FAST);
    while (unread > 0) {
        uint64_t before = atomic_load(&reader.idle_count);
        while (atomic_load(&reader.idle_count) < before + 2)
            (void)poll(NULL, 0, 1);
        if (ioctl(reader.fd, FIONREAD, &unread) != 0)
            break;
    }
    pthread_mutex_lock(&reader.lock);
    uint64_t rest = reader.line.len;
    obsvi_bytes_clear(&reader.line);
    pthread_mutex_unlock(&reader.lock);
    return rest;
}

struct reader_counts reader_counts(void)
{
    return (struct reader_counts){atomic_load(&reader.lines), atomic_load(&reader.own),
                                  atomic_load(&reader.broken), atomic_load(&reader.losses)};
}
