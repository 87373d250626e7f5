/* parts: a logging.LogRecord taken apart, once, into strong references. */
#ifndef OBSV_EXT_PARTS_H
#define OBSV_EXT_PARTS_H

#include "ext.h"

enum {
    PARTS_FEW = 24,   /* kept without an allocation */
    PARTS_MAX = 1000, /* as obsv_log; further ones are counted as dropped attributes */
};

/* One attribute that the application gave with the record. */
struct ext_extra {
    PyObject *key, *value;
    enum ext_field kind;
};

struct ext_parts {
    PyObject *field[EXT_FIELD_COUNT]; /* NULL: the record has none */
    struct ext_extra *extras;         /* in the order given */
    size_t count, room, left_out;
    bool message_failed;
    struct ext_extra few[PARTS_FEW];
};

void ext_parts_open(struct ext_parts *p, const struct ext_state *st, PyObject *dict);
void ext_parts_close(struct ext_parts *p);

/* The first extra of that kind, or NULL. */
struct ext_extra *ext_parts_extra(struct ext_parts *p, enum ext_field kind);

/* True if the message has arguments to be formatted with. */
bool ext_parts_has_args(const struct ext_parts *p);

/* The message as a new str, or NULL (no memory). If getMessage() or what stands for it fails, the raw message
 * stands in, `message_failed` is set and the fault is noted. */
PyObject *ext_parts_message(struct ext_state *st, PyObject *record, struct ext_parts *p, struct ext_fault *f);

#endif
