/* utf8: repair of text. Every ill-formed sequence becomes U+FFFD, one for each maximal subpart (Unicode 15,
 * §3.9, the practice of the WHATWG decoder), except that a surrogate encoded as three bytes (ED A0..BF xx;
 * what Python's "surrogatepass" writes) becomes one U+FFFD, not three.
 */
#ifndef OBSVI_ENCODE_UTF8_H
#define OBSVI_ENCODE_UTF8_H

#include "base/bytes.h"

/* Short text is read in two pieces that overlap as needed, so that its length costs no unforeseeable branch.
 */
static inline bool obsvi_utf8_is_ascii(const char *s, size_t n)
{
    uint64_t all = 0, w = 0;
    uint32_t low = 0, high = 0;
    if (n >= sizeof w) {
        for (size_t i = 0; i < n - sizeof w; i += sizeof w, all |= w)
            memcpy(&w, s + i, sizeof w);
        memcpy(&w, s + n - sizeof w, sizeof w);
        return !((all | w) & UINT64_C(0x8080808080808080));
    }
    if (n >= sizeof low) {
        memcpy(&low, s, sizeof low);
        memcpy(&high, s + n - sizeof high, sizeof high);
        return !((low | high) & UINT32_C(0x80808080));
    }
    return n == 0 || !((s[0] | s[n / 2] | s[n - 1]) & 0x80);
}

/* Number of leading bytes of s that are well-formed UTF-8; n if all of it is. Fast for ASCII. */
size_t obsvi_utf8_valid_prefix(const char *s, size_t n);

/* Append s, repaired. */
void obsvi_utf8_put(struct obsvi_bytes *out, const char *s, size_t n);

/* The largest m <= n such that s[0..m) does not end inside a character (of well-formed text). */
size_t obsvi_utf8_cut(const char *s, size_t n);

/* Bytes of the first `count` characters of s (well-formed); n if it has no more than those. */
size_t obsvi_utf8_characters(const char *s, size_t n, size_t count);

#endif
