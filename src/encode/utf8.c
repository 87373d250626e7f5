/* utf8: validation and repair.
 *
 * Log text is ASCII nearly always, so a run of ASCII is passed eight bytes at a time; what is left goes
 * through a decoder that follows table 3-7 of the Unicode standard (well-formed sequences) one character at a
 * time.
 */
#include "encode/utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static inline size_t ascii_prefix(const char *s, size_t n)
{
    size_t i = 0;
    for (uint64_t w; n - i >= sizeof w; i += sizeof w) {
        memcpy(&w, s + i, sizeof w);
        if (w & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && !(s[i] & 0x80))
        i++;
    return i;
}

/* The allowed range of the second byte after each lead byte of a longer character, and the character's
 * length. */
static unsigned second_byte_range(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f; /* above: surrogates */
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        if (lead == 0xf4)
            *high = 0x8f; /* above: beyond U+10FFFF */
        return 4;
    }
    return 0;
}

/* Bytes of the character at s[0..n), n > 0; *bad: bytes of the ill-formed subpart instead, else 0. */
static size_t read_character(const uint8_t *s, size_t n, size_t *bad)
{
    *bad = 0;
    if (s[0] < 0x80)
        return 1;
    uint8_t low, high;
    unsigned len = second_byte_range(s[0], &low, &high);
    if (len && n > 1 && s[1] >= low && s[1] <= high) {
        size_t i = 2;
        while (i < len && i < n && (s[i] & 0xc0) == 0x80)
            i++;
        if (i == len)
            return len;
        *bad = i;
        return 0;
    }
    bool is_surrogate = s[0] == 0xed && n > 2 && s[1] >= 0xa0 && s[1] <= 0xbf && (s[2] & 0xc0) == 0x80;
    *bad = is_surrogate ? 3 : 1;
    return 0;
}

/* Linear in what it accepts: it looks no further than the first ill-formed byte. */
static size_t valid_prefix(const char *s, size_t n)
{
    size_t i = 0;
    for (;;) {
        i += ascii_prefix(s + i, n - i);
        size_t bad = 0;
        while (i < n && (s[i] & 0x80) && !bad)
            i += read_character((const uint8_t *)s + i, n - i, &bad);
        if (i == n || bad)
            return i;
    }
}

size_t obsvi_utf8_valid_prefix(const char *s, size_t n)
{
    return obsvi_utf8_is_ascii(s, n) ? n : valid_prefix(s, n);
}

void obsvi_utf8_put(struct obsvi_bytes *out, const char *s, size_t n)
{
    for (;;) {
        size_t valid =
            valid_prefix(s, n); /* no look at the whole rest: a text of bad bytes would cost n squared */
        obsvi_bytes_put(out, s, valid);
        if (valid == n)
            return;
        size_t bad;
        read_character((const uint8_t *)s + valid, n - valid, &bad);
        obsvi_bytes_put(out, replacement, sizeof replacement - 1);
        s += valid + bad;
        n -= valid + bad;
    }
}

size_t obsvi_utf8_cut(const char *s, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        uint8_t byte = (uint8_t)s[n - back];
        if ((byte & 0xc0) == 0x80)
            continue;
        size_t need = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        return need > back ? n - back : n;
    }
    return n;
}

size_t obsvi_utf8_characters(const char *s, size_t n, size_t count)
{
    size_t i = 0;
    for (; i < n; i++) {
        bool starts_character = ((uint8_t)s[i] & 0xc0) != 0x80;
        if (starts_character && count-- == 0)
            break;
    }
    return i;
}
