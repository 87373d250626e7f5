/* render: a neutral record (neutral.h) as a line for people.
 *
 *   12:34:56.789 INFO  trade-exec order_submitted  symbol=BTC-USD qty=3 note="two words"
 *       Traceback (most recent call last):
 *         …
 *
 * Time (UTC), level, logger, message, the attributes in their order, and the exception below, indented. A
 * string is quoted where it would otherwise be ambiguous. Whatever a record holds, it stays within its own
 * lines: continuation lines are indented, and nothing that a terminal would obey is written (show.h).
 */
#ifndef OBSVI_CLI_RENDER_H
#define OBSVI_CLI_RENDER_H

#include "show.h"

struct obsvi_render {
    bool is_colored;
    bool is_full; /* date and nanoseconds, and what is left out otherwise: resource, scope, flags, observed
                     time */
};

/* Appends the record, newline included. */
void obsvi_render_record(const struct obsvi_render *r, const json_t *record, struct obsvi_bytes *out);

#endif
