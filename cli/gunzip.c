/* gunzip: libdeflate wants the whole output in one buffer, and the size that gzip declares is the sender's
 * word (and only modulo 2^32). So the buffer starts at a guess and doubles until the member fits or the limit
 * is reached: a bomb costs the limit, never more.
 */
#include "gunzip.h"

#include <libdeflate.h>

#define GUESS_RATIO 8

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One member from the front of `in`. */
static enum obsvi_decode_result inflate_member(struct libdeflate_decompressor *inflater,
                                               struct obsvi_cursor *in, size_t limit, struct obsvi_bytes *out)
{
    size_t n = obsvi_cursor_left(in), used, made;
    size_t room = smaller(n < limit / GUESS_RATIO ? n * GUESS_RATIO : limit, limit - out->len);
    for (;;) {
        uint8_t *at = obsvi_bytes_room(out, room ? room : 1);
        if (!at)
            return OBSVI_DECODE_NO_MEMORY;
        enum libdeflate_result result =
            libdeflate_gzip_decompress_ex(inflater, in->at, n, at, room, &used, &made);
        if (result == LIBDEFLATE_SUCCESS) {
            obsvi_cursor_take(in, used);
            out->len += made;
            return OBSVI_DECODE_OK;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return OBSVI_DECODE_MALFORMED;
        if (room >= limit - out->len)
            return OBSVI_DECODE_TOO_LARGE;
        room = smaller(room ? room * 2 : 1, limit - out->len);
    }
}

enum obsvi_decode_result obsvi_gunzip(const void *in, size_t n, size_t limit, struct obsvi_bytes *out)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    struct obsvi_cursor c = obsvi_cursor_of(in, n);
    enum obsvi_decode_result result = inflater ? OBSVI_DECODE_OK : OBSVI_DECODE_NO_MEMORY;
    if (n == 0)
        result = OBSVI_DECODE_MALFORMED;
    while (result == OBSVI_DECODE_OK && obsvi_cursor_left(&c))
        result = inflate_member(inflater, &c, limit, out);
    libdeflate_free_decompressor(inflater);
    return result;
}
