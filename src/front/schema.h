/* schema: the static facts of a call site, registered once and then named by a 32-bit id in each record.
 *
 * Event name, file, function, line and, for faces that know them to be constant, the attribute keys. The
 * texts are copied, so an unloaded shared object leaves nothing dangling. The table and its text lie in
 * static memory of bounded size: registering takes no lock and makes no system call, and when either is full
 * the face falls back to writing the same facts into each record.
 *
 * Thread-safe; an id, once given, is valid until the process ends.
 */
#ifndef OBSVI_FRONT_SCHEMA_H
#define OBSVI_FRONT_SCHEMA_H

#include "base/bytes.h"

struct obsvi_schema {
    struct obsvi_str event, file, function;
    int32_t line;
    uint16_t key_count;
    struct obsvi_str keys[];
};

/* Copies what it is given. Returns the new id, or 0 if the table is full. */
uint32_t obsvi_schema_register(const char *event, const char *file, const char *function, int32_t line,
                               const char *const *keys, uint16_t key_count);

/* NULL: no such id (0 included). */
const struct obsvi_schema *obsvi_schema_get(uint32_t id);

#endif
