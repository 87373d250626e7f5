/* text: what every parser of a setting needs: copies, trimming, splitting at a separator, percent-decoding.
 *
 * A `struct obsvi_str` points into somebody else's memory; a `char *` that is returned is the caller's to
 * free.
 */
#ifndef OBSVI_CONFIG_TEXT_H
#define OBSVI_CONFIG_TEXT_H

#include "base/bytes.h"

/* The n-th allocation of the config layer from now fails, and all that follow; 0: none. For the fault tests.
 */
extern unsigned obsvi_text_fail_at;

/* All memory of the config layer comes from here, zeroed; NULL: no memory. */
void *obsvi_text_alloc(size_t bytes);

/* A NUL-terminated copy. */
char *obsvi_text_copy(struct obsvi_str s);

/* A NUL-terminated text made as printf would. */
char *obsvi_text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Overwrites before it frees; NULL is nothing. */
void obsvi_text_wipe(char *s);

/* Without spaces, tabs and line ends at both ends (optional white space, RFC 9110 §5.6.3; a CR is what a file
 * with Windows line ends leaves behind). */
struct obsvi_str obsvi_text_trim(struct obsvi_str s);

/* Without one pair of equal quotes around it; true if there was one. */
bool obsvi_text_unquote(struct obsvi_str *s);

/* Takes the next part of *rest, up to `separator` or the end; false when nothing is left. Parts are not
 * trimmed. */
bool obsvi_text_next(struct obsvi_str *rest, char separator, struct obsvi_str *part);

/* Case-insensitive (ASCII) comparison. */
bool obsvi_text_same(struct obsvi_str a, const char *b);

/* Decodes %XX in place and returns the new length. '+' is not a space: base64 uses it. A '%' that two
 * hexadecimal digits do not follow stays as it is and sets *is_malformed (never cleared). */
size_t obsvi_text_percent_decode(char *s, size_t n, bool *is_malformed);

/* True if s holds a hint that was meant to be replaced: '<', some text, '>'. */
bool obsvi_text_has_placeholder(struct obsvi_str s);

#endif
