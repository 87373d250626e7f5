/* diag: the library's own complaints, one line each on stderr (law 4).
 *
 * A line says what is wrong, where, and how to mend it, and never holds a secret. It is written with one
 * non-blocking attempt: a stuck stderr loses the line, never time. Repeats of the same subject are throttled:
 * the first at once, then at most one each 30 s with the number suppressed. OTEL_LOG_LEVEL decides what is
 * shown (spec: sdk-environment-variables.md, General).
 *
 * Thread-safe. Never called on the caller's thread from a log call.
 */
#ifndef OBSVI_BASE_DIAG_H
#define OBSVI_BASE_DIAG_H

enum obsvi_diag_level {
    OBSVI_DIAG_ERROR = 1,
    OBSVI_DIAG_WARNING,
    OBSVI_DIAG_INFO,
    OBSVI_DIAG_DEBUG,
};

void obsvi_diag_set_level(enum obsvi_diag_level level);

/* `subject` is a string literal: what the throttle counts by; NULL is never throttled (start-up lines). */
void obsvi_diag(enum obsvi_diag_level level, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies the last warning or error, whether it was shown or throttled; "" if there was none. */
void obsvi_diag_last(char *out, unsigned out_bytes);

/* For tests: lines go to this function instead of stderr; NULL restores stderr. */
typedef void (*obsvi_diag_sink_fn)(const char *line, void *arg);
void obsvi_diag_set_sink(obsvi_diag_sink_fn sink, void *arg);

/* Around fork(), so that the child does not inherit a lock held by a thread that it does not have. */
void obsvi_diag_before_fork(void);
void obsvi_diag_after_fork(void);

#endif
