/* loki: what Grafana Loki does to names and how much it takes, for those who choose what is sent: the
 * settings (resource attributes) and the encoders (everything else).
 *
 * Names (FIELD_FACTS §4.2; prometheus/otlptranslator LabelNamer): every character outside [A-Za-z0-9] becomes
 * '_', runs of '_' become one, a leading digit gets "key_" in front. A key that comes out as nothing but '_'
 * makes Loki refuse the whole request, neighbours and all.
 *
 * A resource attribute becomes a label of the stream if it is on Loki's list; any other is repeated on each
 * line as structured metadata, within the limits of that line. One attribute too many therefore has every
 * request refused, for as long as the service runs.
 */
#ifndef OBSVI_BASE_LOKI_H
#define OBSVI_BASE_LOKI_H

#include "base/bytes.h"

enum {
    /* Loki refuses a record above these (FIELD_FACTS §4.3): max_structured_metadata_entries_count,
     * max_structured_metadata_size, max_line_size. The byte limits stay a little below. */
    OBSVI_LOKI_ENTRIES_MAX = 128,
    OBSVI_LOKI_METADATA_BYTES_MAX = 60 * 1024,
    OBSVI_LOKI_LINE_BYTES_MAX = 240 * 1024,
    /* and a stream above these: max_label_names_per_series, without service_name; max_label_value_length
     * 2048, from which mending stays a little away. */
    OBSVI_LOKI_LABELS_MAX = 15,
    OBSVI_LOKI_LABEL_VALUE_BYTES_MAX = 2000,
    OBSVI_LOKI_LEADING_DIGIT_BYTES = 4, /* "key_" */
    OBSVI_LOKI_NAME_BYTES_MAX = 32,     /* longer than any reserved name */
};

/* A name as Loki would store it, built of one or more parts. */
struct obsvi_loki_name {
    size_t n;
    char text[OBSVI_LOKI_NAME_BYTES_MAX];
};

/* False: longer than any reserved name. */
bool obsvi_loki_name_append(struct obsvi_loki_name *name, struct obsvi_str part);
/* True if structured metadata of that name would hijack Loki's level detection, stand beside a built-in of
 * the same name, or be taken for the library's own mark of a repair. */
bool obsvi_loki_name_is_reserved(const struct obsvi_loki_name *name);
/* One of a list of NUL-terminated names; exactly. */
bool obsvi_loki_name_is_listed(const struct obsvi_loki_name *name, const char *const *list, size_t count);

/* False: nothing but '_' would be left of it. */
bool obsvi_loki_has_name(struct obsvi_str key);
/* Appends a name made from the bytes of a key that has none: the same key always gets the same name, and
 * different ones different names. */
void obsvi_loki_put_name(struct obsvi_bytes *out, struct obsvi_str key);

/* The place of a resource attribute in the list of those that become labels, service.name's is 0; -1: it does
 * not. */
int obsvi_loki_label_rank(const char *key);
/* The most that a resource attribute that is no label can take of each line. */
size_t obsvi_loki_resource_bytes(const char *key, const char *value);

#endif
