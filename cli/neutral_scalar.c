/* neutral_scalar: severities and time stamps of the neutral form.
 *
 * Severity ranges: OpenTelemetry specification, logs/data-model.md, "Field: SeverityNumber". The other names
 * of a range are those of Python's logging and of syslog.
 */
#include "neutral.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

const char *obsvi_severity_name(int64_t number)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    return number < 1 || number > 24 ? "" : names[(number - 1) / 4];
}

int obsvi_severity_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"TRACE", 1},    {"DEBUG", 5},  {"INFO", 9},   {"NOTICE", 10},  {"WARN", 13},
                 {"WARNING", 13}, {"ERROR", 17}, {"FATAL", 21}, {"CRITICAL", 21}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(name, known[i].name) == 0)
            return known[i].number;
    return 0;
}

void obsvi_timestamp_write(uint64_t time_ns, char text[OBSVI_TIMESTAMP_BYTES])
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(text, OBSVI_TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, OBSVI_TIMESTAMP_BYTES - n, ".%09" PRIu64 "Z", time_ns % 1000000000);
}

/* Exactly `digits` decimal digits, at most `max`; moves *at past them. */
static bool read_number(const char **at, int digits, int max, int *value)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        v = v * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *value = v;
    return v <= max;
}

static bool read_mark(const char **at, const char *any_of)
{
    return **at && strchr(any_of, **at) ? ++*at, true : false;
}

static void read_fraction(const char **at, long *nanoseconds)
{
    *nanoseconds = 0;
    long unit = 100000000;
    for (; isdigit((unsigned char)**at); ++*at, unit /= 10)
        *nanoseconds += (**at - '0') * unit;
}

static bool read_offset(const char **at, long *seconds)
{
    int hours, minutes;
    *seconds = 0;
    if (read_mark(at, "Zz"))
        return true;
    bool is_west = **at == '-';
    if (!read_mark(at, "+-") || !read_number(at, 2, 23, &hours) || !read_mark(at, ":") ||
        !read_number(at, 2, 59, &minutes))
        return false;
    *seconds = (is_west ? -1 : 1) * (hours * 3600L + minutes * 60L);
    return true;
}

bool obsvi_timestamp_read(const char *text, uint64_t *time_ns)
{
    struct tm t = {0};
    long nanoseconds = 0, offset_seconds;
    const char *at = text;
    if (!read_number(&at, 4, 9999, &t.tm_year) || !read_mark(&at, "-") ||
        !read_number(&at, 2, 12, &t.tm_mon) || !read_mark(&at, "-") || !read_number(&at, 2, 31, &t.tm_mday) ||
        !read_mark(&at, "Tt ") || !read_number(&at, 2, 23, &t.tm_hour) || !read_mark(&at, ":") ||
        !read_number(&at, 2, 59, &t.tm_min) || !read_mark(&at, ":") || !read_number(&at, 2, 60, &t.tm_sec))
        return false;
    if (read_mark(&at, "."))
        read_fraction(&at, &nanoseconds);
    if (!read_offset(&at, &offset_seconds) || *at)
        return false;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    bool is_leap_second = t.tm_sec == 60;
    struct tm given = t;
    int64_t seconds = (int64_t)timegm(&t) - offset_seconds; /* makes 1 March of 29 February in most years */
    if ((!is_leap_second && (t.tm_mon != given.tm_mon || t.tm_mday != given.tm_mday)) || seconds < 0 ||
        seconds > INT64_MAX / 1000000000)
        return false;
    *time_ns = (uint64_t)seconds * 1000000000 + (uint64_t)nanoseconds;
    return true;
}
