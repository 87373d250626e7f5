/* show: writes JSON values, and text that is safe to show on a terminal.
 *
 * OBSVI_SHOW_EXACT is JSON for machines: compact, UTF-8, nothing changed. OBSVI_SHOW_SHOWN is for people:
 * whatever a record holds, a terminal must not obey it, and a record must not be able to forge another. So
 * control characters (C0, DEL, C1) and the marks that turn the direction of text (the "Trojan Source" attack,
 * CVE-2021-42574) are shown as
 * \u001b, and bytes and infinite numbers in a short form of their own instead of the one-key objects of
 * neutral.h.
 */
#ifndef OBSVI_CLI_SHOW_H
#define OBSVI_CLI_SHOW_H

#include <jansson.h>

#include "base/bytes.h"

enum obsvi_show_style {
    OBSVI_SHOW_EXACT,
    OBSVI_SHOW_SHOWN,
};

void obsvi_show_json(struct obsvi_bytes *out, const json_t *value, enum obsvi_show_style style);
/* A JSON string literal. `s` is valid UTF-8. */
void obsvi_show_quoted(struct obsvi_bytes *out, const char *s, size_t n, enum obsvi_show_style style);
/* Text as it is, without quotes, harmless; every line after the first begins with `indent`, or, if that
 * is NULL, newlines are shown as \n. A tab stays. */
void obsvi_show_plain(struct obsvi_bytes *out, const char *s, size_t n, const char *indent);
/* The shortest form that reads back to the same double, always with a point or an exponent. `value` is
 * finite. */
void obsvi_show_double(struct obsvi_bytes *out, double value);

#endif
