/* soak: the whole engine, for as long as one likes, under everything at once.
 *
 *      soak [--seconds N] [--seed S]
 *
 * A run is a row of cycles. Each starts the engine with random settings (plan.h), lets a changing number of
 * threads log bad values (values.h), and meanwhile acts at random: changes the server's weather or takes it
 * away (server.h), stalls or replaces the reader of standard output (reader.h), takes the process's
 * descriptors away, forks, flushes, shuts down and starts again under the threads' feet. Then the threads
 * end, and at the quiet point the ledger is closed (ledger.h).
 *
 * The seed decides the plan; how threads interleave it cannot decide. Violations are printed when they are
 * found; the status is 1 if there was one. What the sanitizers find ends the program in their own way.
 */
#include "children.h"
#include "ledger.h"
#include "plan.h"
#include "proc.h"
#include "reader.h"
#include "server.h"
#include "values.h"

#include "base/diag.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 10,
    PROGRESS_MS = 5000,
    STUCK_SECONDS = 150, /* a whole cycle takes a few; sanitizers on a busy machine stay far below this */
    LONG_MS = 60000,     /* a deadline that is not meant to be reached */
};

struct worker {
    pthread_t thread;
    bool is_started;
    _Atomic bool has_ended;
    struct values values;
};

static struct {
    uint64_t seed;
    struct rng rng;
    struct server server;
    struct worker workers[THREADS_MAX];
    uint64_t worker_count; /* ever started */
    _Atomic bool workers_are_to_end;
    struct plan plan;
    bool is_running;
    uint64_t cycle_count, restart_count, failed_start_count, left_behind_count, fragment_count;
    /* where the equality of lines read and lines written began to count anew */
    uint64_t lines_base, delivered_base;
} soak;

static void on_stuck(int signal)
{
    static const char text[] = "soak: VIOLATION: no cycle has ended for two and a half minutes\n";
    (void)signal;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static void swallow(const char *line, void *arg)
{
    (void)line, (void)arg;
}

/* ---- Threads that log ---- */

static void *work(void *arg)
{
    struct worker *w = arg;
    struct values *v = &w->values;
    struct obsv_stats s;
    for (uint32_t steps = rng_between(&v->rng, 1, 150); steps > 0 && !atomic_load(&soak.workers_are_to_end);
         steps--) {
        uint32_t burst = rng_percent(&v->rng, 2) ? 300 : rng_between(&v->rng, 1, 8);
        while (burst-- > 0)
            values_log(v);
        if (rng_percent(&v->rng, 2))
            (void)obsv_flush(rng_below(&v->rng, 30));
        if (rng_percent(&v->rng, 5))
            (void)obsv_stats_get(&s, sizeof s);
        proc_nap_ms(rng_below(&v->rng, 8));
    }
    atomic_store(&w->has_ended, true);
    return NULL;
}

static void start_worker(struct worker *w)
{
    if (w->is_started && !atomic_load(&w->has_ended))
        return;
    if (w->is_started)
        pthread_join(w->thread, NULL);
    w->values.rng = rng_of(soak.seed, 1000 + soak.worker_count++);
    atomic_store(&w->has_ended, false);
    w->is_started = pthread_create(&w->thread, NULL, work, w) == 0;
}

static void end_workers(void)
{
    atomic_store(&soak.workers_are_to_end, true);
    for (int i = 0; i < THREADS_MAX; i++)
        if (soak.workers[i].is_started)
            pthread_join(soak.workers[i].thread, NULL);
    for (int i = 0; i < THREADS_MAX; i++)
        soak.workers[i].is_started = false;
    atomic_store(&soak.workers_are_to_end, false);
}

/* ---- What happens during a cycle ---- */

static bool start_engine(void)
{
    const struct obsv_options options = {sizeof options, soak.plan.settings};
    int error = obsv_init(&options);
    soak.is_running = error == 0;
    soak.failed_start_count += error != 0;
    if (error && error != OBSV_ERR_NOMEM)
        violate("obsv_init returned %d", error);
    return soak.is_running;
}

static void stop_engine(uint32_t timeout_ms)
{
    int error = obsv_shutdown(timeout_ms);
    if (soak.is_running && error != 0 && error != OBSV_ERR_TIMEOUT)
        violate("obsv_shutdown returned %d", error);
    soak.is_running = false;
}

static void restart(void)
{
    stop_engine(rng_below(&soak.rng, 200));
    plan_make(&soak.plan, &soak.rng, soak.server.port);
    proc_nap_ms(rng_below(&soak.rng, 10));
    (void)start_engine();
    soak.restart_count++;
}

/* Leaves room for a few more descriptors, or none, while something happens. */
static void squeeze(void)
{
    bool present[1024] = {false};
    struct rlimit before, tight;
    rlim_t highest = 0;
    (void)proc_list("/proc/self/fd", present);
    for (rlim_t i = 0; i < 1024; i++)
        highest = present[i] ? i : highest;
    (void)getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = highest + 1 + rng_below(&soak.rng, 4);
    (void)setrlimit(RLIMIT_NOFILE, &tight);
    switch (rng_below(&soak.rng, 3)) {
    case 0:
        restart();
        break;
    case 1:
        children_fork();
        proc_nap_ms(20);
        break;
    default:
        proc_nap_ms(rng_below(&soak.rng, 100));
    }
    (void)setrlimit(RLIMIT_NOFILE, &before);
}

static void act(void)
{
    struct rng *r = &soak.rng;
    uint32_t kind = rng_below(r, 100);
    if (kind < 15)
        server_set_weather(rng_percent(r, 30) ? WEATHER_FINE : rng_below(r, WEATHER_COUNT));
    else if (kind < 20)
        server_set_up(&soak.server, rng_percent(r, 70));
    else if (kind < 32)
        reader_set_mode(rng_percent(r, 50) ? READER_FAST : (enum reader_mode)rng_below(r, READER_MODE_COUNT));
    else if (kind < 34)
        reader_replace(rng_percent(r, 50));
    else if (kind < 40)
        squeeze();
    else if (kind < 55)
        children_fork();
    else if (kind < 60)
        (void)obsv_flush(rng_below(r, 150));
    else if (kind < 63)
        restart();
    else
        start_worker(&soak.workers[rng_below(r, THREADS_MAX)]);
    children_reap(false);
    if (!soak.is_running && rng_percent(r, 50))
        (void)start_engine();
    proc_nap_ms(rng_below(r, 25));
}

/* ---- The end of a cycle ---- */

/* A flush in fine weather has no reason to fail. */
static void flush_in_fine_weather(void)
{
    struct obsv_stats s;
    server_set_up(&soak.server, true);
    server_set_weather(WEATHER_FINE);
    reader_set_mode(READER_FAST);
    int error = obsv_flush(LONG_MS);
    if (error && soak.is_running)
        violate("obsv_flush returned %d although nothing was wrong any more", error);
    else if (!error)
        ledger_judge("after flush", true, &s);
}

/* Lines read against lines counted as written, since the last reader went away. */
static void judge_stdout(const struct obsv_stats *s, bool is_exact)
{
    static struct reader_counts last;
    static uint64_t inexact_before, children_before;
    struct reader_counts now = reader_counts();
    uint64_t delivered = s->stdout_delivered + atomic_load(&ledger->children.stdout_delivered);
    uint64_t inexact = atomic_load(&ledger->inexact_count), children = atomic_load(&ledger->child_count);
    uint64_t lines = now.lines - last.lines, broken = now.broken - last.broken;
    uint64_t written = delivered - soak.delivered_base;
    bool had_children = children != children_before;
    /* Lines longer than a pipe can be had whole neither by two writers nor across a deadline: they may be
     * broken then. */
    bool may_be_broken = had_children || !is_exact || inexact != inexact_before;
    if (now.losses == last.losses) {
        if (lines + broken < written && !may_be_broken)
            violate("stdout: %" PRIu64 " lines counted as written, %" PRIu64 " read", written, lines);
        if (lines > written && inexact == inexact_before)
            violate("stdout: %" PRIu64 " lines read, only %" PRIu64 " counted as written", lines, written);
        if (broken && !may_be_broken)
            violate("stdout: %" PRIu64 " lines were not whole", broken);
    }
    last = now;
    inexact_before = inexact;
    children_before = children;
    soak.delivered_base = delivered;
}

static void judge_export(const struct obsv_stats *s)
{
    uint64_t delivered = s->export_delivered + atomic_load(&ledger->children.export_delivered);
    uint64_t acknowledged = atomic_load(&ledger->acknowledged_count);
    if (delivered > acknowledged)
        violate("export: %" PRIu64 " records counted as delivered, the server acknowledged %" PRIu64,
                delivered, acknowledged);
}

/* `thread_count`: how many there are when the engine is not running. */
static void end_cycle(unsigned thread_count)
{
    struct obsv_stats s;
    end_workers();
    if (rng_percent(&soak.rng, 60))
        flush_in_fine_weather();
    stop_engine(rng_percent(&soak.rng, 50) ? 3000 : rng_below(&soak.rng, 400));
    children_reap(true);
    if (proc_list("/proc/self/task", NULL) > thread_count) {
        soak.left_behind_count++;
        if (!proc_wait_for_threads(thread_count))
            violate("a thread of the engine has not ended");
    }
    uint64_t fragment = reader_drain();
    soak.fragment_count += fragment > 0;
    ledger_judge("after shutdown", true, &s);
    judge_stdout(&s, fragment == 0);
    judge_export(&s);
    soak.cycle_count++;
}

static void begin_cycle(void)
{
    plan_make(&soak.plan, &soak.rng, soak.server.port);
    server_set_up(&soak.server, rng_percent(&soak.rng, 85));
    server_set_weather(rng_percent(&soak.rng, 40) ? WEATHER_FINE : rng_below(&soak.rng, WEATHER_COUNT));
    reader_set_mode(rng_percent(&soak.rng, 60) ? READER_FAST : READER_SLOW);
    if (!start_engine())
        violate("obsv_init failed with all descriptors there are");
    for (uint32_t n = rng_between(&soak.rng, 1, 6); n > 0; n--)
        start_worker(&soak.workers[n - 1]);
}

/* ---- The run ---- */

static void say(const char *what)
{
    struct obsv_stats s;
    char on_stdout[400], on_export[400];
    struct reader_counts lines = reader_counts();
    (void)obsv_stats_get(&s, sizeof s);
    ledger_describe_drops(&s, "stdout", on_stdout, sizeof on_stdout);
    ledger_describe_drops(&s, "export", on_export, sizeof on_export);
    (void)fprintf(stderr,
                  "soak: %s, seed %" PRIu64 ": %" PRIu64 " cycles, %" PRIu64 " restarts (%" PRIu64
                  " refused), %" PRIu64 " forks, %" PRIu64 " threads, %" PRIu64
                  " records; stdout delivered %" PRIu64 " (%" PRIu64 " lines read, %" PRIu64
                  " broken, %" PRIu64 " fragments, %" PRIu64 " readers lost), dropped: %s; "
                  "export delivered %" PRIu64 " (%" PRIu64 " acknowledged in %" PRIu64
                  " requests), dropped: %s; %" PRIu64 " shippers left behind; %" PRIu64 " violations\n",
                  what, soak.seed, soak.cycle_count, soak.restart_count, soak.failed_start_count,
                  atomic_load(&ledger->child_count), soak.worker_count,
                  s.accepted + atomic_load(&ledger->children.accepted),
                  s.stdout_delivered + atomic_load(&ledger->children.stdout_delivered), lines.lines,
                  lines.broken, soak.fragment_count, lines.losses, on_stdout,
                  s.export_delivered + atomic_load(&ledger->children.export_delivered),
                  atomic_load(&ledger->acknowledged_count), atomic_load(&ledger->request_count), on_export,
                  soak.left_behind_count, atomic_load(&ledger->violation_count));
}

static void run_cycles(uint64_t seconds)
{
    const unsigned thread_count = proc_list("/proc/self/task", NULL);
    uint64_t end = proc_now_ms() + seconds * 1000, said = proc_now_ms();
    while (proc_now_ms() < end && atomic_load(&ledger->next_number) < NUMBERS_MAX / 2) {
        uint64_t cycle_end = proc_now_ms() + rng_between(&soak.rng, 100, 1500);
        alarm(STUCK_SECONDS);
        begin_cycle();
        while (proc_now_ms() < cycle_end)
            act();
        end_cycle(thread_count);
        if (proc_now_ms() - said >= PROGRESS_MS) {
            said = proc_now_ms();
            say("so far");
        }
    }
    alarm(0);
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: soak [--seconds N] [--seed S]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t seconds = 60;
    bool descriptors[1024] = {false};
    soak.seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i += 2) {
        uint64_t *to = strcmp(argv[i], "--seconds") == 0 ? &seconds
                       : strcmp(argv[i], "--seed") == 0  ? &soak.seed
                                                         : NULL;
        char *end = NULL;
        if (!to || i + 1 == argc)
            return usage();
        *to = strtoull(argv[i + 1], &end, 10);
        if (end == argv[i + 1] || *end)
            return usage();
    }
    (void)fprintf(stderr, "soak: seed %" PRIu64 ", %" PRIu64 " s\n", soak.seed, seconds);

    ledger_open();
    soak.server = server_start();
    soak.rng = rng_of(soak.seed, 1);
    (void)signal(SIGALRM, on_stuck);
    children_open(soak.seed);
    values_open(soak.seed);
    obsvi_diag_set_sink(swallow, NULL);
    proc_let_sanitizer_start();
    const unsigned thread_count = proc_list("/proc/self/task", NULL);
    (void)proc_list("/proc/self/fd", descriptors);
    reader_start();
    run_cycles(seconds);
    reader_stop();
    if (!proc_wait_for_threads(thread_count))
        violate("%u threads at the start, %u at the end", thread_count, proc_list("/proc/self/task", NULL));
    proc_judge_descriptors(descriptors);
    server_stop(&soak.server);
    children_close();
    say("done");
    return atomic_load(&ledger->violation_count) ? 1 : 0;
}
