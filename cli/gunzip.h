/* gunzip: decompresses a request body, with a limit on what comes out of it. */
#ifndef OBSVI_CLI_GUNZIP_H
#define OBSVI_CLI_GUNZIP_H

#include "decode.h"

/* Appends at most `limit` bytes to `out`. Several gzip members one after another are one stream (RFC
 * 1952, 2.2). */
enum obsvi_decode_result obsvi_gunzip(const void *in, size_t n, size_t limit, struct obsvi_bytes *out);

#endif
