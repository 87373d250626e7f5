/* decode: OTLP log requests → neutral records (neutral.h).
 *
 * All or nothing: the whole request is read once to check it and a second time to hand out its records, so
 * that a request answered with 400 has shown none, and memory is needed for one record at a time, not for
 * all. What is malformed is decided as the official implementations do: unknown fields are skipped, text must
 * be UTF-8.
 *
 * Bounds, so that no input can exhaust stack or memory: values nest at most OBSVI_DECODE_DEPTH_MAX deep; a
 * record (protobuf) or a request (JSON, which is parsed as a whole) holds at most OBSVI_DECODE_VALUES_MAX
 * values.
 */
#ifndef OBSVI_CLI_DECODE_H
#define OBSVI_CLI_DECODE_H

#include "neutral.h"

#define OBSVI_DECODE_DEPTH_MAX 128

#define OBSVI_DECODE_VALUES_MAX (4u << 20)

enum obsvi_decode_result {
    OBSVI_DECODE_OK,
    OBSVI_DECODE_MALFORMED,
    OBSVI_DECODE_TOO_LARGE,
    OBSVI_DECODE_NO_MEMORY,
};

/* Called for each record, in the order of the request; `record` is borrowed. */
typedef void (*obsvi_record_fn)(const json_t *record, void *arg);

struct obsvi_decoder {
    obsvi_record_fn each;
    void *arg;
    enum obsvi_decode_result result;
    char why[200]; /* what is wrong with the request, one line; empty if nothing is */
    /* private */
    bool is_check;
    size_t values_left;
};

/* Read a whole request body; `each` and `arg` are set by the caller. Nothing is handed out unless
 * OBSVI_DECODE_OK. */
enum obsvi_decode_result obsvi_decode_protobuf(struct obsvi_decoder *d, const void *body, size_t n);
enum obsvi_decode_result obsvi_decode_json(struct obsvi_decoder *d, const void *body, size_t n);

/* For the two readers. The first failure counts; NULL is returned for convenience. */
void *obsvi_decode_fail(struct obsvi_decoder *d, enum obsvi_decode_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Counts one value at this depth; false (and failed): there are too many, or too deep. */
bool obsvi_decode_count_value(struct obsvi_decoder *d, int depth);
/* Passes NULL through as failure: no memory, unless something else failed before. */
json_t *obsvi_decode_made(struct obsvi_decoder *d, json_t *value);
/* Appends to a flat list and takes over the references; false: failed. */
bool obsvi_decode_append(struct obsvi_decoder *d, json_t *list, json_t *value);
/* Puts the record together and hands it out, unless this is the checking pass. Takes over the references in
 * `log`. */
void obsvi_decode_emit(struct obsvi_decoder *d, struct obsvi_log_parts *log,
                       const struct obsvi_scope_parts *scope, const struct obsvi_origin_parts *resource);

#endif
