/* record: the typed, self-contained form in which a log record travels from the caller to the shipper.
 *
 * A record is one contiguous run of bytes, a multiple of 8 long, without pointers, so that it can be copied
 * with one memcpy, lie in a ring that a crash handler or another process reads, and be decoded by anyone who
 * knows this file:
 *
 *     head (48 bytes) | logger | level | body | event | attributes | exception | trace | padding to 8
 *
 *     attributes   attr_count × ( u16 key_bytes, u8 type, key, value )
 *     value        NULL  nothing           BOOL  u8            I64  8 bytes      F64  8 bytes
 *                  STR   u32 n, n bytes    BYTES u32 n, n bytes
 *                  STR_CUT  u64 original_bytes, u32 n, n bytes     (the caller's copy was bounded)
 *                  ARRAY u32 n, then n bytes of ( u8 type, value )*
 *                  MAP   u32 n, then n bytes of ( u16 key_bytes, u8 type, key, value )*
 *     exception    3 × ( u8 type = STR | STR_CUT | NULL, value ): type, message, stacktrace
 *     trace        16 bytes trace id, 8 bytes span id, 1 byte W3C trace flags
 *
 * Numbers are in the machine's byte order. Strings are meant to be UTF-8, but nothing here relies on it: the
 * caller only copies, the encoders repair (law 3). Limits, key repair and renaming are the encoders' work
 * too, so that a log call pays for none of it.
 *
 * A key of OBSVI_KEY_FROM_SCHEMA bytes has no bytes: its text is key number i of the record's schema, i being
 * the attribute's position. Schemas (event name, keys, source location of a call site) are registered once;
 * see front/schema.h. Where such an attribute had to be dropped, an OMITTED one without a value holds its
 * position.
 */
#ifndef OBSVI_FRONT_RECORD_H
#define OBSVI_FRONT_RECORD_H

#include "base/bytes.h"

enum obsvi_type {
    OBSVI_NULL = 0,
    OBSVI_BOOL,
    OBSVI_I64,
    OBSVI_F64,
    OBSVI_STR,
    OBSVI_BYTES,
    OBSVI_ARRAY,
    OBSVI_MAP,
    OBSVI_STR_CUT,
    OBSVI_OMITTED, /* attributes only: dropped for want of room; holds the position of a schema key */
};

enum obsvi_record_kind {
    OBSVI_RECORD_LOG = 1,
    OBSVI_RECORD_PAD = 2, /* fills a ring up to its end; only `size_bytes` and `kind` count */
};

enum obsvi_record_flag {
    OBSVI_HAS_EXCEPTION = 1,
    OBSVI_HAS_TRACE = 2,
    OBSVI_HAS_SOURCE = 4, /* the schema's file, line and function were asked for */
    OBSVI_BODY_CUT = 8,   /* body holds only the first body_bytes of the original's body_original_bytes */
};

enum {
    OBSVI_KEY_FROM_SCHEMA = 0xffff,
    OBSVI_KEY_BYTES_MAX = 1024,          /* Loki: label name length (limits_config) */
    OBSVI_DEPTH_MAX = 64,                /* spec common/README.md: AttributeValueDepthLimit */
    OBSVI_RECORD_BYTES_MAX = 256 * 1024, /* what a face may build; Loki's max_line_size is 256 KB */
    OBSVI_TEXT_BYTES_MAX = 128 * 1024,   /* one string as copied by the caller; the rest is cut and marked */
    OBSVI_STACKTRACE_BYTES_MAX = 64 * 1024, /* kept of a stack trace: head and tail */
    OBSVI_NAME_BYTES_MAX = 1024,            /* logger, event and exception type */
};

struct obsvi_record_head {
    uint32_t size_bytes; /* everything, padding included; a multiple of 8 */
    uint8_t kind;        /* enum obsvi_record_kind */
    uint8_t severity;    /* OTLP SeverityNumber, 1..24; 0 unspecified (data-model.md) */
    uint16_t flags;      /* enum obsvi_record_flag */
    uint64_t time_ns;    /* Unix time, UTC */
    uint32_t schema_id;  /* 0: none */
    uint32_t body_bytes;
    uint32_t attrs_bytes;
    uint16_t attr_count;
    uint16_t attrs_dropped_count; /* attributes that the face had no room for */
    uint16_t logger_bytes;
    uint16_t event_bytes; /* event name given with the record, not by the schema */
    uint8_t level_bytes;  /* the application's own name of the level, e.g. "WARNING" */
    uint8_t reserved[3];
    uint32_t body_original_bytes; /* with OBSVI_BODY_CUT; 0: not known */
};
_Static_assert(sizeof(struct obsvi_record_head) == 48, "the record head is part of the ring format");

/* ---- Writing -------------------------------------------------------------------------------------------
 *
 * A face calls begin, the text setters in the order of the layout (logger, level, body, event), then
 * attributes, then exception, then trace, then end. What does not fit is left out: an attribute is dropped
 * whole and counted in attrs_dropped_count, a text is cut. Nothing fails except end, on a buffer too small
 * for even the head. One sixteenth of the space is kept from the attributes, so that an exception and the
 * trace ids still find room after a huge attribute.
 */
struct obsvi_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    uint8_t *attrs_end;
    struct obsvi_record_head head;
    bool overflow;    /* the attribute being written did not fit */
    uint8_t *attr_at; /* start of the attribute being written */
};

/* `space` must be 8-byte aligned and at least sizeof(struct obsvi_record_head) long. */
void obsvi_writer_begin(struct obsvi_writer *w, void *space, size_t space_bytes, uint64_t time_ns,
                        uint8_t severity);
void obsvi_writer_logger(struct obsvi_writer *w, const char *s, size_t n);
void obsvi_writer_level(struct obsvi_writer *w, const char *s, size_t n);
void obsvi_writer_body(struct obsvi_writer *w, const char *s, size_t n);
void obsvi_writer_event(struct obsvi_writer *w, const char *s, size_t n);

/* One attribute: attr_open, exactly one value, attr_close. A schema key is written as NULL with
 * OBSVI_KEY_FROM_SCHEMA. */
void obsvi_writer_attr_open(struct obsvi_writer *w, const char *key, size_t key_bytes, enum obsvi_type type);
void obsvi_writer_attr_close(struct obsvi_writer *w);

/* Values: after attr_open with the matching type, or inside an array after item_open, or inside a map after
 * entry_open. A string longer than OBSVI_TEXT_BYTES_MAX is cut at a character boundary: open it as
 * OBSVI_STR_CUT and write it with value_cut. */
void obsvi_writer_value_bool(struct obsvi_writer *w, bool v);
void obsvi_writer_value_i64(struct obsvi_writer *w, int64_t v);
void obsvi_writer_value_f64(struct obsvi_writer *w, double v);
void obsvi_writer_value_bytes(struct obsvi_writer *w, const void *p, size_t n); /* STR and BYTES */
void obsvi_writer_value_cut(struct obsvi_writer *w, const char *s, size_t n, uint64_t original_bytes);

/* Containers: size = container_open; items; container_close(size). */
size_t obsvi_writer_container_open(struct obsvi_writer *w);
void obsvi_writer_container_close(struct obsvi_writer *w, size_t mark);
void obsvi_writer_item_open(struct obsvi_writer *w, enum obsvi_type type);
void obsvi_writer_entry_open(struct obsvi_writer *w, const char *key, size_t key_bytes, enum obsvi_type type);

/* Shorthand for the common attribute kinds. */
void obsvi_writer_attr_str(struct obsvi_writer *w, const char *key, size_t key_bytes, const char *s,
                           size_t n);
void obsvi_writer_attr_i64(struct obsvi_writer *w, const char *key, size_t key_bytes, int64_t v);

/* Any of the three may be NULL (left out of the encodings). Cuts the stack trace in its middle if it must;
 * what it leaves out is said in the text itself. */
void obsvi_writer_exception(struct obsvi_writer *w, struct obsvi_str type, struct obsvi_str message,
                            struct obsvi_str stacktrace);
void obsvi_writer_trace(struct obsvi_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8],
                        uint8_t flags);

/* Writes the head; returns the record's size, or 0 if there was no room for a head. */
size_t obsvi_writer_end(struct obsvi_writer *w);

/* ---- Reading ------------------------------------------------------------------------------------------- */

struct obsvi_value {
    enum obsvi_type type; /* STR_CUT is reported as STR with original_bytes > str.len */
    union {
        bool boolean;
        int64_t i64;
        double f64;
        struct obsvi_str str;      /* STR, BYTES */
        struct obsvi_cursor items; /* ARRAY, MAP: read on with obsvi_read_item / obsvi_read_entry */
    };
    uint64_t original_bytes; /* STR only: length before the caller's copy was cut; 0 if whole */
};

/* The parts of a record, pointing into it. Valid as long as the record's bytes are. */
struct obsvi_record {
    const struct obsvi_record_head *head;
    struct obsvi_str logger, level, body, event;
    struct obsvi_cursor attrs; /* read on with obsvi_read_entry, head->attr_count times */
    struct obsvi_value exception_type, exception_message, exception_stacktrace; /* OBSVI_NULL: absent */
    const uint8_t *trace_id;                                                    /* 16 bytes, or NULL */
    const uint8_t *span_id;                                                     /* 8 bytes, or NULL */
    uint8_t trace_flags;
};

/* Takes a record apart; false if the bytes do not hold together (counted as `internal`, never a crash). */
bool obsvi_record_read(struct obsvi_record *out, const void *bytes, size_t n);

/* Next value of an array / next key and value of a map or of the attributes. False at the end or on damage
 * (then the cursor's `failed` is set). A schema key is reported with len = OBSVI_KEY_FROM_SCHEMA and ptr =
 * NULL. */
bool obsvi_read_item(struct obsvi_cursor *c, struct obsvi_value *value);
bool obsvi_read_entry(struct obsvi_cursor *c, struct obsvi_str *key, struct obsvi_value *value);

#endif
