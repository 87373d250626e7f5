/* keys: the table of known keys, and the rules of repair and renaming. See keys.h. */
#include "encode/keys.h"

#include "base/loki.h"
#include "encode/json.h"
#include "encode/protobuf.h"
#include "encode/utf8.h"

#include <stdlib.h>

enum {
    SLOT_COUNT = 2048, /* a power of two */
    KEY_COUNT_MAX = 2048,
    KEY_COUNT_PER_RECORD = 600, /* found by one record at most: 128 attributes, renamed, and then some */
};

#define EXTRA "extra_"

/* ---- Rules --------------------------------------------------------------------------------------------- */

bool obsvi_key_is_acceptable(struct obsvi_str key)
{
    return key.len <= OBSVI_KEY_BYTES_MAX && obsvi_loki_has_name(key) &&
           obsvi_utf8_valid_prefix(key.ptr, key.len) == key.len;
}

void obsvi_key_put_repaired(struct obsvi_bytes *out, struct obsvi_str key)
{
    size_t start = out->len;
    size_t n = key.len <= OBSVI_KEY_BYTES_MAX ? key.len : OBSVI_KEY_BYTES_MAX;
    if (!obsvi_loki_has_name((struct obsvi_str){key.ptr, n})) {
        obsvi_loki_put_name(out, key);
        return;
    }
    obsvi_utf8_put(out, key.ptr, n < key.len ? obsvi_utf8_cut(key.ptr, n) : n);
    if (!out->failed && out->len - start > OBSVI_KEY_BYTES_MAX) /* U+FFFD is longer than what it replaces */
        out->len = start + obsvi_utf8_cut((char *)out->data + start, OBSVI_KEY_BYTES_MAX);
    if (!out->failed &&
        !obsvi_loki_has_name((struct obsvi_str){(char *)out->data + start, out->len - start})) {
        out->len = start;
        obsvi_loki_put_name(out, key);
    }
}

static bool is_reserved(const struct obsvi_loki_name *name)
{
    static const char *const json_line[] = {"timestamp", "logger",  "message",  "service",
                                            "env",       "version", "exception"};
    return obsvi_loki_name_is_reserved(name) ||
           obsvi_loki_name_is_listed(name, json_line, sizeof json_line / sizeof *json_line);
}

bool obsvi_key_is_reserved(struct obsvi_str key)
{
    struct obsvi_loki_name name = {0};
    return obsvi_loki_name_append(&name, key) && is_reserved(&name);
}

/* `path` is the name of what the value is in; each level of a cleaned value adds to it (an acceptable key has
 * a letter or a digit), so that the depth is bounded. */
static bool leads_to_reserved(struct obsvi_loki_name path, struct obsvi_str key, const struct obsvi_value *v)
{
    if ((path.n && !obsvi_loki_name_append(&path, OBSVI_STR("_"))) || !obsvi_loki_name_append(&path, key))
        return false;
    if (v->type != OBSVI_MAP)
        return is_reserved(&path);
    struct obsvi_cursor entries = v->items;
    struct obsvi_str inner_key;
    struct obsvi_value inner;
    while (obsvi_read_entry(&entries, &inner_key, &inner))
        if (leads_to_reserved(path, inner_key, &inner))
            return true;
    return false;
}

bool obsvi_key_leads_to_reserved(struct obsvi_str key, const struct obsvi_value *map)
{
    return map->type == OBSVI_MAP && leads_to_reserved((struct obsvi_loki_name){0}, key, map);
}

/* ---- Table --------------------------------------------------------------------------------------------- */

static inline uint64_t mix(uint64_t h)
{
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t hash_of(struct obsvi_str s)
{
    uint64_t h = s.len, w = 0;
    const char *p = s.ptr;
    size_t n = s.len;
    for (; n > sizeof w; p += sizeof w, n -= sizeof w) {
        memcpy(&w, p, sizeof w);
        h = mix(h ^ w);
    }
    /* The rest without a loop: two reads that overlap as needed. */
    if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, p, sizeof low);
        memcpy(&high, p + n - sizeof high, sizeof high);
        w = (uint64_t)high << 32 | low;
    } else if (n > 0) {
        w = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1];
    }
    return mix(h ^ w);
}

/* One allocation for the entry and its five texts. */
static struct obsvi_key *new_key(const struct obsvi_bytes *texts, const size_t lengths[5])
{
    struct obsvi_key *key = malloc(sizeof *key + texts->len);
    if (!key)
        return NULL;
    memset(key, 0, sizeof *key);
    char *at = (char *)(key + 1);
    memcpy(at, texts->data, texts->len);
    struct obsvi_str *parts[5] = {&key->original, &key->text, &key->json, &key->otlp, &key->otlp_json};
    for (int i = 0; i < 5; i++) {
        *parts[i] = (struct obsvi_str){at, lengths[i]};
        at += lengths[i];
    }
    return key;
}

static struct obsvi_key *encode_key(struct obsvi_keys *k, struct obsvi_str original, struct obsvi_str text)
{
    struct obsvi_bytes *out = &k->scratch;
    size_t ends[5];
    obsvi_bytes_clear(out);
    obsvi_bytes_put(out, original.ptr, original.len);
    ends[0] = out->len;
    obsvi_bytes_put(out, text.ptr, text.len);
    ends[1] = out->len;
    obsvi_bytes_put_u8(out, ',');
    obsvi_json_put_string(out, text);
    obsvi_bytes_put_u8(out, ':');
    ends[2] = out->len;
    obsvi_pb_put_len(out, 1, text.ptr, text.len);
    ends[3] = out->len;
    OBSVI_JSON_PUT(out, "{\"key\":");
    obsvi_json_put_string(out, text);
    OBSVI_JSON_PUT(out, ",\"value\":");
    ends[4] = out->len;
    if (out->failed)
        return NULL;
    size_t lengths[5] = {ends[0], ends[1] - ends[0], ends[2] - ends[1], ends[3] - ends[2], ends[4] - ends[3]};
    return new_key(out, lengths);
}

static void put_extra(struct obsvi_bytes *out, struct obsvi_str text)
{
    size_t max = OBSVI_KEY_BYTES_MAX - (sizeof EXTRA - 1);
    OBSVI_JSON_PUT(out, EXTRA);
    obsvi_bytes_put(out, text.ptr, text.len <= max ? text.len : obsvi_utf8_cut(text.ptr, max));
}

static struct obsvi_key *add_key(struct obsvi_keys *k, struct obsvi_str original, uint64_t hash)
{
    bool is_repaired = !obsvi_key_is_acceptable(original);
    obsvi_bytes_clear(&k->text);
    if (is_repaired)
        obsvi_key_put_repaired(&k->text, original);
    else
        obsvi_bytes_put(&k->text, original.ptr, original.len);
    if (k->text.failed)
        return NULL;

    struct obsvi_key *key = encode_key(k, original, (struct obsvi_str){(char *)k->text.data, k->text.len});
    if (!key)
        return NULL;
    key->hash = hash;
    key->is_repaired = is_repaired;
    key->is_event = obsvi_str_eq(key->text, OBSVI_STR("event"));
    key->final = key;
    struct obsvi_key **slot = &k->slots[hash % SLOT_COUNT];
    key->next = *slot;
    *slot = key;
    k->count++;
    return key;
}

static struct obsvi_key *look_up(const struct obsvi_keys *k, struct obsvi_str original, uint64_t hash)
{
    struct obsvi_key *key = k->slots[hash % SLOT_COUNT];
    while (key && !(key->hash == hash && obsvi_str_eq(key->original, original)))
        key = key->next;
    return key;
}

struct obsvi_key *obsvi_keys_peek(const struct obsvi_keys *k, struct obsvi_str original)
{
    return look_up(k, original, hash_of(original));
}

struct obsvi_key *obsvi_keys_find(struct obsvi_keys *k, struct obsvi_str original)
{
    uint64_t hash = hash_of(original);
    struct obsvi_key *key = look_up(k, original, hash);
    if (key)
        return key;
    key = add_key(k, original, hash);
    if (!key)
        return NULL;
    struct obsvi_key *final = key;
    if (obsvi_key_is_reserved(key->text))
        final = obsvi_keys_find_extra(k, key);
    else if (key->is_repaired)
        final = obsvi_keys_find(k, key->text);
    if (!final) { /* take it out again: without memory there is no verdict to remember */
        k->slots[hash % SLOT_COUNT] = key->next;
        k->count--;
        free(key);
        return NULL;
    }
    key->final = final;
    return key;
}

/* Keys are short: two pieces that overlap as needed beat a call of memcmp. */
static inline bool is_same_text(struct obsvi_str a, struct obsvi_str b)
{
    uint64_t x, y;
    if (a.len != b.len)
        return false;
    if (a.len < 4 || a.len > 2 * sizeof x)
        return obsvi_str_eq(a, b);
    if (a.len >= sizeof x) {
        memcpy(&x, a.ptr, sizeof x);
        memcpy(&y, b.ptr, sizeof y);
        uint64_t difference = x ^ y;
        memcpy(&x, a.ptr + a.len - sizeof x, sizeof x);
        memcpy(&y, b.ptr + b.len - sizeof y, sizeof y);
        return !(difference | (x ^ y));
    }
    uint32_t p, q;
    memcpy(&p, a.ptr, sizeof p);
    memcpy(&q, b.ptr, sizeof q);
    uint32_t difference = p ^ q;
    memcpy(&p, a.ptr + a.len - sizeof p, sizeof p);
    memcpy(&q, b.ptr + b.len - sizeof q, sizeof q);
    return !(difference | (p ^ q));
}

struct obsvi_key *obsvi_keys_find_after(struct obsvi_keys *k, struct obsvi_key *previous,
                                        struct obsvi_str original)
{
    struct obsvi_key **follower = previous ? &previous->follower : &k->first;
    if (!*follower || !is_same_text((*follower)->original, original))
        *follower = obsvi_keys_find(k, original);
    return *follower;
}

struct obsvi_key *obsvi_keys_find_extra(struct obsvi_keys *k, struct obsvi_key *key)
{
    if (key->extra)
        return key->extra;
    struct obsvi_bytes name = {0};
    put_extra(&name, key->text);
    if (!name.failed)
        key->extra = obsvi_keys_find(k, (struct obsvi_str){(char *)name.data, name.len});
    obsvi_bytes_fini(&name);
    return key->extra;
}

static bool find_own(struct obsvi_keys *k)
{
    static const char *const names[OBSVI_OWN_COUNT] = {
        [OBSVI_OWN_CODE_FILE] = "code.file.path",
        [OBSVI_OWN_CODE_LINE] = "code.line.number",
        [OBSVI_OWN_CODE_FUNCTION] = "code.function.name",
        [OBSVI_OWN_EXCEPTION_TYPE] = "exception.type",
        [OBSVI_OWN_EXCEPTION_MESSAGE] = "exception.message",
        [OBSVI_OWN_EXCEPTION_STACKTRACE] = "exception.stacktrace",
        [OBSVI_OWN_LEVEL_NAME] = "level_name",
        [OBSVI_OWN_LOG_REPAIR] = "log_repair",
    };
    for (int i = 0; i < OBSVI_OWN_COUNT; i++)
        if (!(k->own[i] = obsvi_keys_find(k, obsvi_str_of(names[i]))))
            return false;
    return true;
}

static void forget_all(struct obsvi_keys *k)
{
    for (uint32_t i = 0; k->slots && i < SLOT_COUNT; i++)
        for (struct obsvi_key *key; (key = k->slots[i]);) {
            k->slots[i] = key->next;
            free(key);
        }
    k->count = 0;
    k->first = NULL;
}

bool obsvi_keys_init(struct obsvi_keys *k)
{
    *k = (struct obsvi_keys){.slots = calloc(SLOT_COUNT, sizeof *k->slots)};
    return k->slots && find_own(k);
}

void obsvi_keys_fini(struct obsvi_keys *k)
{
    forget_all(k);
    free(k->slots);
    obsvi_bytes_fini(&k->scratch);
    obsvi_bytes_fini(&k->text);
}

bool obsvi_keys_trim(struct obsvi_keys *k)
{
    if (k->own[OBSVI_OWN_COUNT - 1] && k->count < KEY_COUNT_MAX - KEY_COUNT_PER_RECORD)
        return true;
    forget_all(k);
    memset(k->own, 0, sizeof k->own);
    return find_own(k);
}
