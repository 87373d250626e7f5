/* otlp: one loaded record as an OTLP LogRecord (opentelemetry/proto/logs/v1/logs.proto), in either encoding.
 *
 * The field numbers and the JSON deviations are those of FIELD_FACTS §2. Both encodings say the same: the
 * body is the message as a string, the severity text is canonical (Loki shows an unknown one as the level),
 * observed time = time (the specification asks for it to be set, logs/data-model.md; it costs Loki 37 bytes a
 * line, and without it a receiver that sets it by itself would make a resent batch differ from the first).
 *
 * Values nested so deeply that a protobuf decoder would give up (its recursion limit is 100 messages by
 * default, and one refused record is a refused request) are sent as JSON text from that level on.
 */
#ifndef OBSVI_ENCODE_OTLP_H
#define OBSVI_ENCODE_OTLP_H

#include "encode/view.h"

enum {
    OBSVI_OTLP_MESSAGES_MAX = 98,  /* nested messages, the request included */
    OBSVI_OTLP_MESSAGES_ABOVE = 6, /* request, ResourceLogs, ScopeLogs, LogRecord, KeyValue, AnyValue */
    OBSVI_OTLP_MESSAGES_ARRAY = 2, /* ArrayValue, AnyValue */
    OBSVI_OTLP_MESSAGES_MAP = 3,   /* KeyValueList, KeyValue, AnyValue */
};

/* Appends it as field 2 (log_records) of a ScopeLogs. */
void obsvi_otlp_put_record(struct obsvi_bytes *out, const struct obsvi_view *view);
/* Appends a KeyValue with a string as the given field of the message being written. */
void obsvi_otlp_put_text_attr(struct obsvi_bytes *out, unsigned field, struct obsvi_str key,
                              struct obsvi_str value);

/* Appends it as an object of "logRecords". */
void obsvi_otlp_json_put_record(struct obsvi_bytes *out, const struct obsvi_view *view);
void obsvi_otlp_json_put_text_attr(struct obsvi_bytes *out, struct obsvi_str key, struct obsvi_str value);

#endif
