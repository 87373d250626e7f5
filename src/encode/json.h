/* json: the primitives of JSON text (RFC 8259), shared by the stdout line and OTLP/JSON.
 *
 * Text is expected to be well-formed UTF-8 (the view has repaired it); only what JSON demands is escaped:
 * quotation mark, backslash and the controls below U+0020, so that a line stays one line.
 */
#ifndef OBSVI_ENCODE_JSON_H
#define OBSVI_ENCODE_JSON_H

#include "base/bytes.h"
#include "encode/number.h"
#include "front/record.h"

/* Escaped, without or with the quotation marks. */
void obsvi_json_put_escaped(struct obsvi_bytes *out, const char *s, size_t n);
void obsvi_json_put_string(struct obsvi_bytes *out, struct obsvi_str s);

/* A value as plain JSON: bytes as base64, NaN and the infinities as strings. */
void obsvi_json_put_value(struct obsvi_bytes *out, const struct obsvi_value *v);

void obsvi_json_put_i64(struct obsvi_bytes *out, int64_t v);
void obsvi_json_put_double(struct obsvi_bytes *out, double v);
void obsvi_json_put_base64(struct obsvi_bytes *out, struct obsvi_str bytes);

/* n bytes as 2n lower-case hexadecimal digits. */
void obsvi_json_put_hex(struct obsvi_bytes *out, const uint8_t *p, size_t n);

/* Bytes that s takes, quoted, as Go's encoding/json writes it: Loki renders array attributes with that, and
 * counts. */
size_t obsvi_json_go_string_bytes(struct obsvi_str s);

#define OBSVI_JSON_PUT(out, literal) obsvi_bytes_put(out, literal, sizeof(literal) - 1)

#endif
