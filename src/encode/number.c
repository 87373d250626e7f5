/* number: integers two digits at a time from a table (fewer divisions, no reversal), doubles that are short
 * decimals, and base64.
 *
 * A price or a quantity began as a decimal of a few places, and three operations find that one again: let p
 * be v × 10^k rounded, and m the integer next to it. If m ÷ 10^k is v again, m × 10^-k reads back as v, since
 * a division of two exact numbers is rounded just as reading is. Below 2^50 such an m is the only one (what
 * reads back as v lies within an eighth of v × 10^k), so that without its last zeros it is the shortest text
 * too. Anything else goes to std::to_chars (double.cpp).
 */
#include "encode/number.h"

#include <math.h>
#include <stdbool.h>
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

void obsvi_padded_put(char *out, uint64_t v, unsigned digits)
{
    for (; digits >= 2; digits -= 2, v /= 100)
        memcpy(out + digits - 2, pairs + v % 100 * 2, 2);
    if (digits)
        *out = (char)('0' + v % 10);
}

/* v × 10^*places, where that is an integer that fits; the places are as few as can be. UINT64_MAX: not. */
static uint64_t short_decimal(double v, unsigned *places)
{
    static const double smallest = 1e-4, biggest = 1125899906842624.0 /* 2^50 */;
    if (v >= biggest || (v < smallest && v != 0))
        return UINT64_MAX;
    bool is_small = v < 1e6;
    double power = is_small ? 1e9 : 1e3;
    if (v * power >= biggest)
        power = 1;
    uint64_t m = (uint64_t)(v * power + 0.5);
    if ((double)m / power != v)
        return UINT64_MAX;
    unsigned n = power > 1 ? is_small ? 9 : 3 : 0;
    if (n == 9 && m % 100000 == 0)
        m /= 100000, n = 4;
    for (; n > 0 && m % 10 == 0; n--)
        m /= 10;
    *places = n;
    return m;
}

size_t obsvi_double_put(char *out, double v)
{
    static const uint64_t powers[] = {1,      10,      100,      1000,      10000,
                                      100000, 1000000, 10000000, 100000000, 1000000000};
    unsigned places;
    uint64_t m = short_decimal(fabs(v), &places);
    if (m == UINT64_MAX)
        return obsvi_double_put_any(out, v);
    char *at = out;
    *at = '-';
    at += signbit(v) != 0;
    at += obsvi_u64_put(at, m / powers[places]);
    *at++ = '.';
    unsigned digits = places ? places : 1;
    obsvi_padded_put(at, m % powers[places], digits);
    return (size_t)(at + digits - out);
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
