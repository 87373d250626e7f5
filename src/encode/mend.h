/* mend: makes any value one that both sinks and their servers take, and says what it had to do (law 3).
 *
 * Three steps, each of which leaves a good value untouched and unallocated:
 *
 *     clean    valid UTF-8, acceptable and unique keys in nested maps, bounded depth, the user's length limit
 *     measure  what the value will cost in Loki: bytes and entries of structured metadata (FIELD_FACTS §4.2)
 *     shrink   to a given cost: texts are cut with a mark, containers lose their last items
 *
 * A value that needs mending is written anew, in the record format, into the arena.
 */
#ifndef OBSVI_ENCODE_MEND_H
#define OBSVI_ENCODE_MEND_H

#include "encode/arena.h"
#include "encode/utf8.h"
#include "front/record.h"

enum obsvi_mark {
    OBSVI_MARK_TRUNCATED = 1,  /* text cut, or items left out of a container */
    OBSVI_MARK_KEY = 2,        /* a key was repaired */
    OBSVI_MARK_UTF8 = 4,       /* text was not UTF-8 */
    OBSVI_MARK_DEPTH = 8,      /* a container too deep became empty */
    OBSVI_MARK_DUPLICATE = 16, /* a nested map held a key twice */
    OBSVI_MARK_DAMAGED = 32,   /* the record's bytes did not hold together */
};

struct obsvi_mender {
    struct obsvi_arena arena;
    struct obsvi_bytes scratch; /* the container being written anew */
    struct obsvi_bytes sets;    /* a stack of sets of keys, one for each open map */
    uint32_t limit_characters;  /* OTEL_…_ATTRIBUTE_VALUE_LENGTH_LIMIT; UINT32_MAX: none */
    uint32_t marks;             /* enum obsvi_mark, of this record */
    bool failed;                /* no memory */
};

/* The longest number, true, false or null in Loki, whichever it is. */
enum { OBSVI_MEND_SCALAR_CHARS_MAX = 25 };

struct obsvi_cost {
    size_t bytes;
    size_t entries;
};

void obsvi_mender_fini(struct obsvi_mender *m);
/* Ready for the next record; what was mended for the last one is gone. */
void obsvi_mender_reset(struct obsvi_mender *m);

/* Well-formed UTF-8; at most max_bytes, else cut and ended with "…[+N bytes]". original_bytes: see struct
 * obsvi_value. The usual text is ASCII and short, and is not touched. */
struct obsvi_str obsvi_mend_unusual_text(struct obsvi_mender *m, struct obsvi_str s, uint64_t original_bytes,
                                         size_t max_bytes);
static inline struct obsvi_str obsvi_mend_text(struct obsvi_mender *m, struct obsvi_str s,
                                               uint64_t original_bytes, size_t max_bytes)
{
    bool is_usual = s.len <= max_bytes && original_bytes <= s.len && obsvi_utf8_is_ascii(s.ptr, s.len);
    return is_usual ? s : obsvi_mend_unusual_text(m, s, original_bytes, max_bytes);
}

/* The same for a stack trace: limited to limit_characters, cut in the middle, with the mark there. */
struct obsvi_str obsvi_mend_stacktrace(struct obsvi_mender *m, struct obsvi_str s, uint64_t original_bytes,
                                       size_t max_bytes);

void obsvi_mend_clean_unusual(struct obsvi_mender *m, struct obsvi_value *v);
static inline void obsvi_mend_clean(struct obsvi_mender *m, struct obsvi_value *v)
{
    bool is_usual = v->type <= OBSVI_F64 ||
                    (v->type == OBSVI_STR && !v->original_bytes && v->str.len <= m->limit_characters &&
                     obsvi_utf8_is_ascii(v->str.ptr, v->str.len));
    if (!is_usual)
        obsvi_mend_clean_unusual(m, v);
}

/* Cost of the cleaned value under a top-level key of key_bytes. Loki flattens maps (each leaf is an entry,
 * named by its path) and writes arrays as JSON. Never understated. */
struct obsvi_cost obsvi_mend_measure_container(const struct obsvi_value *v, size_t key_bytes);
static inline struct obsvi_cost obsvi_mend_measure(const struct obsvi_value *v, size_t key_bytes)
{
    if (v->type == OBSVI_STR)
        return (struct obsvi_cost){key_bytes + v->str.len, 1};
    if (v->type <= OBSVI_F64)
        return (struct obsvi_cost){key_bytes + OBSVI_MEND_SCALAR_CHARS_MAX, 1};
    return obsvi_mend_measure_container(v, key_bytes);
}

/* Makes the cleaned value cost `max` at most. False: it cannot (then leave it out). */
bool obsvi_mend_shrink(struct obsvi_mender *m, struct obsvi_value *v, size_t key_bytes,
                       struct obsvi_cost max);

#endif
