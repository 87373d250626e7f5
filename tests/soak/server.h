/* server: an OTLP/HTTP endpoint in a process of its own, whose answers follow the weather (ledger.h). */
#ifndef TESTS_SOAK_SERVER_H
#define TESTS_SOAK_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Kinds of weather; in all but the first something is wrong. */
enum {
    WEATHER_FINE,
    WEATHER_MIXED,
    WEATHER_UNAVAILABLE,
    WEATHER_LIMITED,
    WEATHER_REFUSING,
    WEATHER_UNAUTHORISED,
    WEATHER_TOO_LARGE,
    WEATHER_PARTIAL,
    WEATHER_SLOW,
    WEATHER_DEAF,
    WEATHER_CUT_OFF,
    WEATHER_COUNT
};

struct server {
    pid_t pid;
    uint16_t port;
};

/* To be called while the process has one thread and nothing else open. The server ends with its parent. */
struct server server_start(void);
void server_stop(const struct server *s);

void server_set_weather(unsigned weather);
/* Goes away (connections are refused) or comes back, on the same port; returns when it is so. */
void server_set_up(const struct server *s, bool is_up);

#endif
