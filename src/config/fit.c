/* fit: see fit.h.
 *
 * The records come first: at least half of each line is theirs, whatever the resource is. An attribute that
 * is too long for what is left does not keep a shorter one after it from being sent.
 */
#include "config/fit.h"
#include "base/diag.h"
#include "base/loki.h"
#include "config/pairs.h"
#include "config/text.h"
#include "obsv.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RECORD_ENTRIES_MIN = 64,
    RECORD_BYTES_MIN = 32 * 1024,
    /* by Loki and the encoders (encode/budget.c): time, severity, scope, ids, place in the code, exception */
    ADDED_ENTRIES_MAX = 18,
    ADDED_BYTES_MAX = 1024,
};

/* ---- Keys ---------------------------------------------------------------------------------------------- */

static bool is_reserved(const char *key)
{
    struct obsvi_loki_name name = {0};
    return obsvi_loki_name_append(&name, obsvi_str_of(key)) && obsvi_loki_name_is_reserved(&name);
}

static bool has_key(const struct obsvi_pairs *attrs, const char *key)
{
    for (size_t i = 0; i < attrs->count; i++)
        if (strcmp(attrs->items[i].key, key) == 0)
            return true;
    return false;
}

/* The name that Loki would not make of it; NULL: no memory. */
static char *name_of(const char *key)
{
    struct obsvi_bytes made = {0};
    obsvi_loki_put_name(&made, obsvi_str_of(key));
    char *name = made.failed ? NULL : obsvi_text_copy((struct obsvi_str){(char *)made.data, made.len});
    obsvi_bytes_fini(&made);
    return name;
}

/* What to call it instead, which no other is called; NULL: no memory. */
static char *new_key(const struct obsvi_pairs *attrs, const char *key)
{
    char *made = obsvi_loki_has_name(obsvi_str_of(key)) ? obsvi_text_format("extra_%s", key) : name_of(key);
    while (made && has_key(attrs, made)) {
        char *longer = obsvi_text_format("extra_%s", made);
        free(made);
        made = longer;
    }
    return made;
}

static void warn_of_new_keys(const char *key, const char *made, size_t count)
{
    char more[64] = "";
    if (count > 1)
        snprintf(more, sizeof more, ", and %zu more are renamed likewise", count - 1);
    obsvi_diag(OBSVI_DIAG_WARNING, NULL,
               "OTEL_RESOURCE_ATTRIBUTES: %.100s is sent as %.200s%s: in Loki such a key would %s; give it "
               "another name",
               key, made, more,
               obsvi_loki_has_name(obsvi_str_of(key)) ? "replace what each record says of itself"
                                                      : "have every record refused");
}

int obsvi_fit_keys(struct obsvi_pairs *attrs)
{
    char *first = NULL, *first_made = NULL;
    size_t count = 0;
    int error = 0;
    for (size_t i = 0; i < attrs->count && !error; i++) {
        struct obsvi_pair *pair = &attrs->items[i];
        if (obsvi_loki_has_name(obsvi_str_of(pair->key)) && !is_reserved(pair->key))
            continue;
        char *made = new_key(attrs, pair->key);
        if (!made) {
            error = OBSV_ERR_NOMEM;
        } else if (count++ == 0) {
            first = pair->key;
            first_made = pair->key = made;
        } else {
            free(pair->key);
            pair->key = made;
        }
    }
    if (first && !error)
        warn_of_new_keys(first, first_made, count);
    free(first);
    return error;
}

/* ---- Limits -------------------------------------------------------------------------------------------- */

/* What resource attributes may still take of each line. */
struct room {
    size_t entries, bytes;
};

/* Attributes that are not sent, for one reason. */
struct left_out {
    const char *first;
    size_t count;
};

static bool take(struct room *room, const struct obsvi_pair *pair)
{
    size_t bytes = obsvi_loki_resource_bytes(pair->key, pair->value);
    if (room->entries == 0 || bytes > room->bytes)
        return false;
    room->entries--;
    room->bytes -= bytes;
    return true;
}

/* Of too many labels the last of Loki's list go: services and environments are found by the first. */
static bool has_label_place(const struct obsvi_pairs *attrs, int rank)
{
    int before = 0;
    for (size_t i = 0; i < attrs->count; i++) {
        int other = obsvi_loki_label_rank(attrs->items[i].key);
        before += other > 0 && other < rank; /* service.name, 0, is not counted */
    }
    return before < OBSVI_LOKI_LABELS_MAX;
}

static void leave_out(struct left_out *out, const char *key)
{
    if (out->count++ == 0)
        out->first = key;
}

static void warn_of_left_out(const struct left_out *labels, const struct left_out *others)
{
    if (labels->count)
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "OTEL_RESOURCE_ATTRIBUTES: attributes left out: %zu, the first is %s: they would be labels, "
            "and Loki refuses a service with more than %d; remove those you do not need",
            labels->count, labels->first, OBSVI_LOKI_LABELS_MAX);
    if (others->count)
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "OTEL_RESOURCE_ATTRIBUTES: attributes left out: %zu, the first is %.100s: Loki repeats them "
            "on each line, and refuses a line with more than %d attributes or 64 KiB of them, of which "
            "half are kept for the record's own; remove or shorten those you do not need",
            others->count, others->first, OBSVI_LOKI_ENTRIES_MAX);
}

int obsvi_fit_copy(const struct obsvi_pairs *attrs, const struct obsvi_pairs *own, struct obsvi_pairs *out)
{
    struct room room = {OBSVI_LOKI_ENTRIES_MAX - ADDED_ENTRIES_MAX - RECORD_ENTRIES_MIN,
                        OBSVI_LOKI_METADATA_BYTES_MAX - ADDED_BYTES_MAX - RECORD_BYTES_MIN};
    struct left_out labels = {0}, others = {0};
    int error = 0;
    bool has_version = false;
    for (size_t i = 0; i < own->count; i++)
        take(&room, &own->items[i]);
    for (size_t i = 0; i < attrs->count; i++) /* the JSON line has it too */
        if (strcmp(attrs->items[i].key, "service.version") == 0)
            has_version = take(&room, &attrs->items[i]);
    for (size_t i = 0; i < attrs->count && !error; i++) {
        const struct obsvi_pair *pair = &attrs->items[i];
        int rank = obsvi_loki_label_rank(pair->key);
        bool is_version = strcmp(pair->key, "service.version") == 0;
        if (rank == 0)
            continue;
        if (rank > 0 ? has_label_place(attrs, rank) : is_version ? has_version : take(&room, pair))
            error = obsvi_pairs_set(out, obsvi_str_of(pair->key), obsvi_str_of(pair->value));
        else
            leave_out(rank > 0 ? &labels : &others, pair->key);
    }
    for (size_t i = 0; i < own->count && !error; i++)
        error = obsvi_pairs_set(out, obsvi_str_of(own->items[i].key), obsvi_str_of(own->items[i].value));
    if (!error)
        warn_of_left_out(&labels, &others);
    return error;
}
