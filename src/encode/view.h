/* view: what a record means, decided once for both sinks.
 *
 * Keys are resolved (schema keys, repairs, `extra_` prefixes), duplicates and excess attributes removed, lengths
 * limited; the encoders then only write. Law 3: whatever the record holds, what comes out is valid and its
 * neighbours are untouched.
 *
 * Owned by one thread; reused for each record without allocation once it is warm.
 */
#ifndef OBSVI_ENCODE_VIEW_H
#define OBSVI_ENCODE_VIEW_H

#include "config/config.h"
#include "front/record.h"

struct obsvi_attr {
    struct obsvi_str key; /* final: valid UTF-8, unique, acceptable to Loki */
    struct obsvi_value value;
    uint32_t limit_bytes; /* STR: at most this many bytes of it are to be written (before the truncation mark) */
};

struct obsvi_view {
    const struct obsvi_record *record;
    struct obsvi_attr *attrs;
    uint32_t attr_count;
    uint32_t dropped_count;   /* attributes left out, here and by the face */
    struct obsvi_bytes keys;  /* storage of repaired keys */
    /* … the encode layer's own fields follow */
    uint32_t attr_cap;
};

#endif
