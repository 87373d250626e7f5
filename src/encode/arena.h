/* arena: memory for what one record needed repaired; all of it is taken back at once when the next record
 * comes.
 *
 * Pointers stay valid until then. A record that needs no repair costs nothing here.
 */
#ifndef OBSVI_ENCODE_ARENA_H
#define OBSVI_ENCODE_ARENA_H

#include "base/bytes.h"

struct obsvi_arena_chunk;

struct obsvi_arena {
    struct obsvi_arena_chunk *chunks; /* newest first */
};

/* n bytes, aligned to 1; NULL: no memory. */
void *obsvi_arena_alloc(struct obsvi_arena *a, size_t n);
void obsvi_arena_reset(struct obsvi_arena *a);
void obsvi_arena_fini(struct obsvi_arena *a);

#endif
