/* parse: one text to one number, by a setting's kind.
 *
 * Rules: OpenTelemetry specification, configuration/common.md (Numeric, Integer, Duration, Timeout, Enum) and
 * sdk-environment-variables.md (Boolean).
 */
#ifndef OBSVI_CONFIG_PARSE_H
#define OBSVI_CONFIG_PARSE_H

#include "base/bytes.h"
#include "config/settings.h"

enum { OBSVI_NO_LIMIT = -1 }; /* as an int64_t: stored as UINT32_MAX */

enum obsvi_parse_result {
    OBSVI_PARSE_OK,
    OBSVI_PARSE_NOT_ONE, /* not a number, choice, level at all */
    OBSVI_PARSE_OUT_OF_RANGE,
};

/* The value of `text` by the setting's kind and bounds:
 *     BOOLEAN                    0 or 1; only `true` in any case is 1 and only `false` is 0
 *     INTEGER, DURATION, BYTES   itself
 *     TIMEOUT                    itself; 0 becomes OBSVI_NO_LIMIT
 *     LEVEL                      on Python's scale
 *     CHOICE                     0, if it is one of the choices
 *     LIST                       0, if at least one entry is one of the choices
 *     other kinds                0: they are judged by modules of their own
 * *out is written only on OBSVI_PARSE_OK. */
enum obsvi_parse_result obsvi_parse(const struct obsvi_setting *setting, struct obsvi_str text, int64_t *out);

/* True if `item` is one of "a|b|c", in any case. */
bool obsvi_parse_is_choice(const char *choices, struct obsvi_str item);

/* True if the comma list `list` holds `item`, in any case. */
bool obsvi_parse_list_has(const char *list, const char *item);

/* The first entry of the comma list that is not one of the choices; false if there is none. */
bool obsvi_parse_unknown_entry(const char *choices, struct obsvi_str list, struct obsvi_str *entry);

/* What the setting accepts, for people: "milliseconds, 0 to 2147483647; 0 is no limit". */
void obsvi_parse_describe(const struct obsvi_setting *setting, char *out, size_t out_bytes);

#endif
