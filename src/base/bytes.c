/* bytes: growth of the output buffer. Doubling, so that appending n bytes costs O(n). */
#include "base/bytes.h"

#include <stdlib.h>

void obsvi_bytes_fini(struct obsvi_bytes *b)
{
    free(b->data);
    *b = (struct obsvi_bytes){0};
}

void obsvi_bytes_trim(struct obsvi_bytes *b)
{
    uint8_t *data = b->len && b->len < b->cap ? realloc(b->data, b->len) : NULL;
    if (!data)
        return;
    b->data = data;
    b->cap = b->len;
}

bool obsvi_bytes_grow(struct obsvi_bytes *b, size_t extra)
{
    size_t need = b->len + extra;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need && cap <= SIZE_MAX / 2)
        cap *= 2;
    uint8_t *data = need >= b->len && cap >= need ? realloc(b->data, cap) : NULL;
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}
