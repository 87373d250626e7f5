/* wire: reads the fields of a protobuf message, bounds-checked.
 *
 * Source: protobuf.dev/programming-guides/encoding. Knows nothing of any schema: the caller asks for the next
 * field and looks at its number and wire type; a number it does not know, or a known one with another wire
 * type, is skipped, as every protobuf implementation does. Groups (wire types 3 and 4, unused since proto2)
 * are stepped over.
 */
#ifndef OBSVI_CLI_WIRE_H
#define OBSVI_CLI_WIRE_H

#include "base/bytes.h"

enum obsvi_wire_type {
    OBSVI_WIRE_VARINT = 0,
    OBSVI_WIRE_FIXED64 = 1,
    OBSVI_WIRE_BYTES = 2,
    OBSVI_WIRE_GROUP = 3,
    OBSVI_WIRE_GROUP_END = 4,
    OBSVI_WIRE_FIXED32 = 5,
};

struct obsvi_wire_field {
    uint32_t number;
    enum obsvi_wire_type type;
    uint64_t scalar;           /* VARINT, FIXED64, FIXED32 */
    struct obsvi_cursor bytes; /* BYTES: a string, or a message to be read in turn */
};

/* The next field; false at the end of the message, and when it is malformed (then c->failed is set). */
bool obsvi_wire_next(struct obsvi_cursor *c, struct obsvi_wire_field *field);

/* A field is compared by number and type at once: `switch (obsvi_wire_key(&f)) { case OBSVI_WIRE(1, BYTES):
 * …`. */
#define OBSVI_WIRE(number, type) (((number) << 3) | OBSVI_WIRE_##type)

static inline uint32_t obsvi_wire_key(const struct obsvi_wire_field *field)
{
    return (field->number << 3) | (uint32_t)field->type;
}

#endif
