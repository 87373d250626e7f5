/* given: what the user gave for each setting, and whether it can be used.
 *
 * Three steps, because the level of the warnings is itself a setting: `collect` copies the environment and
 * the overrides without a word, `obsvi_given_diag_level` is then known, `check` judges every value by its
 * kind and warns. After `check` a value is either good or gone: `text` is NULL and `number` the default's.
 */
#ifndef OBSVI_CONFIG_GIVEN_H
#define OBSVI_CONFIG_GIVEN_H

#include "base/bytes.h"
#include "config/settings.h"

struct obsvi_given {
    char *text;     /* trimmed, without wrapping quotes; NULL: unset, or bad */
    int64_t number; /* see parse.h; of `text`, else of the default; OBSVI_NO_LIMIT without either */
    enum obsvi_origin origin;
    bool is_override; /* set by the program, even if to nothing */
    bool was_quoted;
};

struct obsvi_givens {
    struct obsvi_given of[OBSVI_SET_COUNT];
    char *sdk_language;                /* override telemetry.sdk.language, or NULL */
    enum obsvi_setting_id placeholder; /* the first setting that still holds one; OBSVI_SET_COUNT: none */
    bool is_out_of_memory;             /* sticky */
};

void obsvi_given_collect(struct obsvi_givens *g, const char *const *overrides);
void obsvi_given_check(struct obsvi_givens *g, const char *const *overrides);
void obsvi_given_fini(struct obsvi_givens *g);

/* enum obsvi_diag_level, or 0 for none. */
int obsvi_given_diag_level(const struct obsvi_givens *g);

/* Which of the two is in effect: override, then specific, then general (config.h, Precedence). */
enum obsvi_setting_id obsvi_given_pick(const struct obsvi_givens *g, enum obsvi_setting_id specific,
                                       enum obsvi_setting_id general);

/* The text in effect: what was given, else the default; NULL without either. */
const char *obsvi_given_text(const struct obsvi_givens *g, enum obsvi_setting_id id);

/* True if the text in effect is `choice`, in any case. */
bool obsvi_given_is(const struct obsvi_givens *g, enum obsvi_setting_id id, const char *choice);

/* The number in effect, no limit as UINT32_MAX. */
uint32_t obsvi_given_u32(const struct obsvi_givens *g, enum obsvi_setting_id id);

/* Marks a value that a later judge found bad: as if unset, and shown as such. */
void obsvi_given_reject(struct obsvi_givens *g, enum obsvi_setting_id id);

#endif
