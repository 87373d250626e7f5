/* gzip: the compressor's state is large and kept for the encoder's life.
 *
 * Output goes to a work buffer first, which must have room for the worst case (a little more than the input),
 * and is then copied: a sealed batch waits in the outbox, perhaps for an hour, and should not hold ten times
 * its size.
 */
#include "encode/gzip.h"

#include <libdeflate.h>
#include <stdlib.h>

/* Records repeat their keys and most of their values, so level 1 already finds nearly everything; higher
 * levels take up to several times the time for a request a few hundredths smaller. The shipper's time is the
 * scarcer: it bounds how many records a second the service may log. */
enum { LEVEL = 1 };

struct obsvi_gzip {
    struct libdeflate_compressor *compressor;
    struct obsvi_bytes work;
};

struct obsvi_gzip *obsvi_gzip_new(void)
{
    struct obsvi_gzip *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->compressor = libdeflate_alloc_compressor(LEVEL);
    if (!g->compressor) {
        free(g);
        return NULL;
    }
    return g;
}

void obsvi_gzip_free(struct obsvi_gzip *g)
{
    if (!g)
        return;
    libdeflate_free_compressor(g->compressor);
    obsvi_bytes_fini(&g->work);
    free(g);
}

bool obsvi_gzip_put(struct obsvi_gzip *g, struct obsvi_bytes *out, const void *p, size_t n)
{
    size_t bound = libdeflate_gzip_compress_bound(g->compressor, n);
    obsvi_bytes_clear(&g->work);
    uint8_t *work = obsvi_bytes_room(&g->work, bound);
    if (!work)
        return false;
    size_t bytes = libdeflate_gzip_compress(g->compressor, p, n, work, bound);
    if (!bytes)
        return false;
    obsvi_bytes_put(out, work, bytes);
    if (!out->failed)
        return true;
    out->failed = false;
    return false;
}
