/* number: decimal text of numbers, and base64, without the C library's locale or format strings. */
#ifndef OBSVI_ENCODE_NUMBER_H
#define OBSVI_ENCODE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    OBSVI_INTEGER_CHARS_MAX = 20,
    OBSVI_DOUBLE_CHARS_MAX = 32,
};

/* Write v at `out` (room for OBSVI_INTEGER_CHARS_MAX); return the number of characters. */
size_t obsvi_u64_put(char *out, uint64_t v);
size_t obsvi_i64_put(char *out, int64_t v);

/* Write the last `digits` decimal digits of v, with zeros in front. */
void obsvi_padded_put(char *out, uint64_t v, unsigned digits);

/* The shortest text that reads back as exactly the finite v, and that shows it is not an integer (1.0,
 * 1e+300). Room for OBSVI_DOUBLE_CHARS_MAX. */
size_t obsvi_double_put(char *out, double v);
/* The same, for all v alike. */
size_t obsvi_double_put_any(char *out, double v);

/* NULL for a finite v, else what proto3 JSON and Loki write: "NaN", "Infinity", "-Infinity". */
const char *obsvi_double_name(double v);

static inline size_t obsvi_base64_bytes(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* Write the standard alphabet with padding (RFC 4648 §4); room for obsvi_base64_bytes(n). */
void obsvi_base64_put(char *out, const void *p, size_t n);

#ifdef __cplusplus
}
#endif

#endif
