/* number: integers two digits at a time from a table (fewer divisions, no reversal), and base64. */
#include "encode/number.h"

#include <math.h>
#include <string.h>

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

static unsigned digit_count(uint64_t v)
{
    unsigned n = 1;
    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t obsvi_u64_put(char *out, uint64_t v)
{
    size_t n = digit_count(v);
    char *at = out + n;
    for (; v >= 100; v /= 100) {
        at -= 2;
        memcpy(at, pairs + v % 100 * 2, 2);
    }
    if (v >= 10)
        memcpy(out, pairs + v * 2, 2);
    else
        *out = (char)('0' + v);
    return n;
}

size_t obsvi_i64_put(char *out, int64_t v)
{
    if (v >= 0)
        return obsvi_u64_put(out, (uint64_t)v);
    *out = '-';
    return 1 + obsvi_u64_put(out + 1, 0 - (uint64_t)v);
}

const char *obsvi_double_name(double v)
{
    if (isfinite(v))
        return NULL;
    return isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
}

void obsvi_base64_put(char *out, const void *p, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = p;
    for (; n > 0; in += 3, out += 4) {
        uint32_t v = (uint32_t)in[0] << 16;
        v |= n > 1 ? (uint32_t)in[1] << 8 : 0;
        v |= n > 2 ? in[2] : 0;
        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
        out[3] = n > 2 ? alphabet[v & 63] : '=';
        n -= n < 3 ? n : 3;
    }
}
