// double: the only C++ in the engine, for std::to_chars: the shortest decimal text that reads back as the
// same double (Ryu), several times faster than snprintf and maintained by others. It neither allocates nor
// throws.
#include "encode/number.h"

#include <charconv>
#include <cmath>
#include <cstring>

// Plain notation where a person would write it so; the bounds are those of Python's repr and of JavaScript's
// upper one, nearly: 1e16 is where a double stops telling neighbouring integers apart.
extern "C" size_t obsvi_double_put_any(char *out, double v)
{
    double magnitude = std::fabs(v);
    bool is_plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
    auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
    auto result = std::to_chars(out, out + OBSVI_DOUBLE_CHARS_MAX, v, format);
    size_t n = static_cast<size_t>(result.ptr - out);
    if (!is_plain || memchr(out, '.', n))
        return n;
    memcpy(out + n, ".0", 2);
    return n + 2;
}
