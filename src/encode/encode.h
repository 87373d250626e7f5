/* encode: records → final bytes. Pure: bytes in, bytes out; no I/O, no clock, no global state.
 *
 * One encoder object belongs to the shipper. For each record it builds one view (view.h) and writes it at
 * most twice: as a JSON line for stdout (json_line.c) and as an OTLP LogRecord (otlp.c; protobuf or
 * OTLP/JSON) into the open batch. Sealing a batch puts the request's frame around the records and compresses
 * it (gzip.c).
 */
#ifndef OBSVI_ENCODE_ENCODE_H
#define OBSVI_ENCODE_ENCODE_H

#include "base/bytes.h"
#include "config/config.h"
#include "front/record.h"

struct obsvi_encoder;

/* Keeps a pointer to `config`, which must outlive it. NULL: no memory. */
struct obsvi_encoder *obsvi_encoder_new(const struct obsvi_config *config);
void obsvi_encoder_free(struct obsvi_encoder *e);

/* Prepare `record` for the calls below (both may follow, in any order). Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_encoder_load(struct obsvi_encoder *e, const struct obsvi_record *record);

/* Append the loaded record as one JSON line, newline included. On failure `out` is as before and false is
 * returned. */
bool obsvi_encoder_json_line(struct obsvi_encoder *e, struct obsvi_bytes *out);

/* The open batch: records gathered by scope (logger name), already in their final bytes. */
struct obsvi_batch_body;
struct obsvi_batch_body *obsvi_batch_body_new(const struct obsvi_config *config);
void obsvi_batch_body_free(struct obsvi_batch_body *b);
/* Append the loaded record. False: no memory; the batch is as before. */
bool obsvi_encoder_otlp(struct obsvi_encoder *e, struct obsvi_batch_body *b);
uint32_t obsvi_batch_body_count(const struct obsvi_batch_body *b);
/* Size of the request if sealed now, uncompressed. */
size_t obsvi_batch_body_bytes(const struct obsvi_batch_body *b);
/* Writes the complete, compressed (if configured) request body into `out` and empties the batch.
 * False: no memory; nothing changed, try again. *is_gzip says what Content-Encoding to send. */
bool obsvi_batch_body_seal(struct obsvi_batch_body *b, struct obsvi_bytes *out, bool *is_gzip);

/* After HTTP 413: makes two complete requests out of a sealed one, the first half of its records (by count,
 * in their order) in halves[0], the rest in halves[1], each with the resource and the scopes that it needs,
 * compressed as `config` says. level_counts[half][level] is what each holds, by severity number: TRACE 0,
 * DEBUG 1, INFO 2 (and none), WARN 3, ERROR 4, FATAL 5.
 * False: fewer than two records, no memory, or not a request of ours; nothing is written then. What `halves`
 * held before is not freed. */
enum { OBSVI_LEVEL_COUNT = 6 };
bool obsvi_batch_body_split(const struct obsvi_config *config, const void *body, size_t body_bytes,
                            bool is_gzip, struct obsvi_bytes halves[2],
                            uint32_t level_counts[2][OBSVI_LEVEL_COUNT]);

/* From a server's answer: the human-readable message of a google.rpc.Status (error) or of an
 * ExportLogsServiceResponse.partial_success (success), by the response's content type. Writes a
 * NUL-terminated, printable line, possibly empty. Returns the number of rejected records (partial_success
 * only, else 0). */
int64_t obsvi_response_read(bool is_json, bool is_error, const void *body, size_t n, char *message,
                            size_t message_bytes);

#endif
