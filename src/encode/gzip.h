/* gzip: whole-buffer compression (RFC 1952) by libdeflate. */
#ifndef OBSVI_ENCODE_GZIP_H
#define OBSVI_ENCODE_GZIP_H

#include "base/bytes.h"

struct obsvi_gzip;

/* NULL: no memory. */
struct obsvi_gzip *obsvi_gzip_new(void);
void obsvi_gzip_free(struct obsvi_gzip *g);

/* Appends the compressed form of p to `out`, which grows by what is needed, not by the worst case. False: no
 * memory, `out` as before. */
bool obsvi_gzip_put(struct obsvi_gzip *g, struct obsvi_bytes *out, const void *p, size_t n);

/* Appends what p, one gzip member, holds; its size is taken from the trailer. False: damage, more than
 * max_bytes, or no memory; `out` as before. */
bool obsvi_gunzip_put(struct obsvi_bytes *out, const void *p, size_t n, size_t max_bytes);

#endif
