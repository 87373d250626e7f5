/* announce: gaps tell of themselves, in the stream that has them (law 2, D12).
 *
 * When a sink takes records again after some were dropped for it, it gets one record of the library's own,
 * `obsv_dropped`, with the numbers by reason and level since the last one. At most one a second for each
 * sink. Such a record is not counted: the application did not log it.
 */
#ifndef OBSVI_SHIP_ANNOUNCE_H
#define OBSVI_SHIP_ANNOUNCE_H

#include "front/record.h"
#include "obsv.h"

enum obsvi_sink_id { OBSVI_SINK_STDOUT, OBSVI_SINK_EXPORT };

struct obsvi_announcer {
    uint64_t told[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT];
    uint64_t not_before_ms[2];       /* by sink */
    _Alignas(8) uint8_t space[4096]; /* the record, until the next one is made */
};

/* What was dropped until now is not news. */
void obsvi_announce_init(struct obsvi_announcer *a);

/* Whether it is time to look again; cheap. */
bool obsvi_announce_is_due(const struct obsvi_announcer *a, enum obsvi_sink_id sink, uint64_t now_ms);

/* The record to put into that sink now, or NULL if nothing was dropped for it since the last one. */
const struct obsvi_record_head *obsvi_announce(struct obsvi_announcer *a, enum obsvi_sink_id sink,
                                               uint64_t now_ms);

#endif
