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

enum { TRAILER_BYTES = 8, MEMBER_BYTES_MIN = 18 /* RFC 1952: header 10, trailer 8 */ };

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

/* RFC 1952: the last four bytes are the size of the content, least significant byte first. */
static size_t content_bytes(const uint8_t *p, size_t n)
{
    const uint8_t *size = p + n - TRAILER_BYTES / 2;
    return size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
}

bool obsvi_gunzip_put(struct obsvi_bytes *out, const void *p, size_t n, size_t max_bytes)
{
    size_t bytes = n >= MEMBER_BYTES_MIN ? content_bytes(p, n) : SIZE_MAX;
    if (bytes > max_bytes || out->failed)
        return false;
    uint8_t *at = obsvi_bytes_room(out, bytes + 1); /* never NULL for want of content */
    struct libdeflate_decompressor *d = at ? libdeflate_alloc_decompressor() : NULL;
    out->failed = false;
    if (!d)
        return false;
    size_t in = 0, written = 0;
    bool is_whole = libdeflate_gzip_decompress_ex(d, p, n, at, bytes, &in, &written) == LIBDEFLATE_SUCCESS &&
                    in == n && written == bytes;
    libdeflate_free_decompressor(d);
    if (is_whole)
        out->len += bytes;
    return is_whole;
}
