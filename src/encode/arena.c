#include "encode/arena.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024 };

struct obsvi_arena_chunk {
    struct obsvi_arena_chunk *next;
    size_t used, cap;
    uint8_t data[];
};

static struct obsvi_arena_chunk *add_chunk(struct obsvi_arena *a, size_t n)
{
    size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;
    struct obsvi_arena_chunk *chunk = malloc(sizeof *chunk + cap);
    if (!chunk)
        return NULL;
    *chunk = (struct obsvi_arena_chunk){.next = a->chunks, .cap = cap};
    a->chunks = chunk;
    return chunk;
}

void *obsvi_arena_alloc(struct obsvi_arena *a, size_t n)
{
    struct obsvi_arena_chunk *chunk = a->chunks;
    if (!chunk || chunk->cap - chunk->used < n)
        chunk = add_chunk(a, n);
    if (!chunk)
        return NULL;
    void *p = chunk->data + chunk->used;
    chunk->used += n;
    return p;
}

/* Keeps one ordinary chunk, so that repairing now and then costs no malloc, and a monster leaves nothing
 * behind. */
void obsvi_arena_reset(struct obsvi_arena *a)
{
    while (a->chunks && (a->chunks->next || a->chunks->cap > CHUNK_BYTES)) {
        struct obsvi_arena_chunk *chunk = a->chunks;
        a->chunks = chunk->next;
        free(chunk);
    }
    if (a->chunks)
        a->chunks->used = 0;
}

void obsvi_arena_fini(struct obsvi_arena *a)
{
    while (a->chunks) {
        struct obsvi_arena_chunk *chunk = a->chunks;
        a->chunks = chunk->next;
        free(chunk);
    }
}
