/* keys: what becomes of an attribute's key, decided once for each distinct key and remembered.
 *
 * A service logs the same few hundred keys over and over. For each, this table holds the final key (repaired,
 * or renamed because it would collide) already in the bytes of both encodings, so that a record's key costs
 * one hash and one compare.
 *
 * It also answers two questions for each record without another table: "was this key given before?" and "is
 * this final name taken?", by stamping an entry with the record's serial number.
 *
 * What Loki does to names, and which of them are its own: base/loki.h.
 */
#ifndef OBSVI_ENCODE_KEYS_H
#define OBSVI_ENCODE_KEYS_H

#include "base/bytes.h"
#include "front/record.h"

/* Attributes that the encoders add themselves. A user's attribute of that name wins (spec: logs/sdk.md). */
enum obsvi_own_key {
    OBSVI_OWN_CODE_FILE,
    OBSVI_OWN_CODE_LINE,
    OBSVI_OWN_CODE_FUNCTION,
    OBSVI_OWN_EXCEPTION_TYPE,
    OBSVI_OWN_EXCEPTION_MESSAGE,
    OBSVI_OWN_EXCEPTION_STACKTRACE,
    OBSVI_OWN_LEVEL_NAME,
    OBSVI_OWN_LOG_REPAIR,
    OBSVI_OWN_COUNT,
};

struct obsvi_key {
    struct obsvi_key *next;     /* same slot */
    struct obsvi_key *final;    /* the entry of the name it is written under; often itself */
    struct obsvi_key *extra;    /* the entry of "extra_" + text, once it was asked for */
    struct obsvi_key *follower; /* the key given after this one last time; NULL: none */
    uint64_t hash;
    struct obsvi_str original;
    struct obsvi_str text;      /* valid UTF-8, acceptable to Loki, 1..OBSVI_KEY_BYTES_MAX bytes */
    struct obsvi_str json;      /* ,"text": */
    struct obsvi_str otlp;      /* KeyValue.key: 0x0a, length, text */
    struct obsvi_str otlp_json; /* {"key":"text","value": */
    bool is_repaired;
    bool is_event;     /* exactly "event": collides only where the JSON line has an event of its own */
    uint64_t given_in; /* serial of the last record that had this key */
    uint64_t taken_in; /* serial of the last record that wrote this name */
    uint32_t index;    /* with given_in: its attribute */
};

struct obsvi_keys {
    struct obsvi_key **slots;
    uint32_t count;
    struct obsvi_key *first; /* the first one of the last record */
    struct obsvi_key *own[OBSVI_OWN_COUNT];
    struct obsvi_bytes scratch, text;
};

/* False: no memory. */
bool obsvi_keys_init(struct obsvi_keys *k);
void obsvi_keys_fini(struct obsvi_keys *k);

/* Forgets everything if the table has grown full (an application that makes keys out of ids). Entries
 * returned before are then gone: call between records only. False: no memory. */
bool obsvi_keys_trim(struct obsvi_keys *k);

/* The entry of a key as the application gave it; NULL: no memory. */
struct obsvi_key *obsvi_keys_find(struct obsvi_keys *k, struct obsvi_str original);
/* The same, guessing first that it is the one that came after `previous` (NULL: the record's first) last
 * time: records of one call site have their keys in one order, so most need no hash. */
struct obsvi_key *obsvi_keys_find_after(struct obsvi_keys *k, struct obsvi_key *previous,
                                        struct obsvi_str original);
/* The same as find, but only if it is known already; NULL otherwise. */
struct obsvi_key *obsvi_keys_peek(const struct obsvi_keys *k, struct obsvi_str original);
/* The entry of "extra_" + key->text. */
struct obsvi_key *obsvi_keys_find_extra(struct obsvi_keys *k, struct obsvi_key *key);

/* True if Loki and protobuf take the key as it is. */
bool obsvi_key_is_acceptable(struct obsvi_str key);
/* Appends the key, made acceptable. */
void obsvi_key_put_repaired(struct obsvi_bytes *out, struct obsvi_str key);
/* True if a top-level attribute of that name would collide with a field of ours or of Loki's, or hijack its
 * level detection. */
bool obsvi_key_is_reserved(struct obsvi_str key);
/* True if the value, already cleaned (mend.h), is a map and one of its leaves would: Loki flattens maps,
 * {"log": {"level": 1}} is log_level there. */
bool obsvi_key_leads_to_reserved(struct obsvi_str key, const struct obsvi_value *map);

#endif
