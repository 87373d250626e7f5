/* mend: containers. See mend.h.
 *
 * Checking and rewriting are two walks, since almost every value passes the check. Both are recursive,
 * bounded by OBSVI_DEPTH_MAX; keys of one map are compared through a small hash set, so that a map of ten
 * thousand entries costs ten thousand steps and no attacker gets a square.
 */
#include "encode/mend.h"

#include "encode/json.h"
#include "encode/keys.h"
#include "encode/utf8.h"

enum {
    SMALLEST_TEXT_BYTES = 64, /* less than this is not worth a mark */
    BOOL_CHARS = 5,
    F64_CHARS = OBSVI_MEND_SCALAR_CHARS_MAX,
    NULL_CHARS = 4,
};

static const struct obsvi_cost no_limit = {SIZE_MAX / 2, SIZE_MAX / 2};

void obsvi_mender_fini(struct obsvi_mender *m)
{
    obsvi_arena_fini(&m->arena);
    obsvi_bytes_fini(&m->scratch);
    obsvi_bytes_fini(&m->sets);
}

void obsvi_mender_reset(struct obsvi_mender *m)
{
    obsvi_arena_reset(&m->arena);
    m->marks = 0;
    m->failed = false;
}

/* ---- A set of the keys of one map ---------------------------------------------------------------------- */

struct key_slot {
    struct obsvi_str key; /* ptr NULL: free */
    uint32_t last_index;
};

struct key_set {
    size_t offset; /* into mender.sets, which may move */
    size_t mask;
};

static struct key_slot *slot_at(const struct obsvi_mender *m, const struct key_set *set, size_t i)
{
    return (struct key_slot *)(m->sets.data + set->offset) + i;
}

static struct key_slot *find_slot(const struct obsvi_mender *m, const struct key_set *set,
                                  struct obsvi_str key)
{
    size_t h = key.len;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (uint8_t)key.ptr[i]) * (size_t)UINT64_C(0x100000001b3);
    for (h ^= h >> 29;; h++) {
        struct key_slot *slot = slot_at(m, set, h & set->mask);
        if (!slot->key.ptr || obsvi_str_eq(slot->key, key))
            return slot;
    }
}

static struct obsvi_str final_key(struct obsvi_mender *m, struct obsvi_str key)
{
    if (!key.ptr) /* damage: a schema key inside a map */
        key = OBSVI_STR("");
    if (obsvi_key_is_acceptable(key))
        return key;
    struct obsvi_bytes text = {0};
    obsvi_key_put_repaired(&text, key);
    char *copy = text.failed ? NULL : obsvi_arena_alloc(&m->arena, text.len);
    struct obsvi_str final = copy ? (struct obsvi_str){copy, text.len} : OBSVI_STR("key");
    if (copy)
        memcpy(copy, text.data, text.len);
    else
        m->failed = true;
    obsvi_bytes_fini(&text);
    return final;
}

/* Pushes the set of the map's final keys with the index of each one's last entry. *has_duplicate only ever
 * becomes true. */
static bool push_set(struct obsvi_mender *m, struct obsvi_cursor entries, struct key_set *set,
                     bool *has_duplicate)
{
    struct obsvi_str key;
    struct obsvi_value v;
    size_t count = 0;
    for (struct obsvi_cursor c = entries; obsvi_read_entry(&c, &key, &v);)
        count++;
    size_t slots = 4;
    while (slots < 2 * count)
        slots *= 2;
    *set = (struct key_set){m->sets.len, slots - 1};
    size_t bytes = slots * sizeof(struct key_slot);
    uint8_t *space = obsvi_bytes_room(&m->sets, bytes);
    if (!space) {
        m->failed = true;
        m->sets.failed = false;
        return false;
    }
    memset(space, 0, bytes);
    m->sets.len += bytes;
    for (uint32_t i = 0; obsvi_read_entry(&entries, &key, &v); i++) {
        struct obsvi_str final = final_key(m, key);
        struct key_slot *slot = find_slot(m, set, final);
        *has_duplicate |= slot->key.ptr != NULL;
        *slot = (struct key_slot){final, i};
    }
    return true;
}

static void pop_set(struct obsvi_mender *m, const struct key_set *set)
{
    m->sets.len = set->offset;
}

/* ---- Check --------------------------------------------------------------------------------------------- */

static bool is_within_limit(const struct obsvi_mender *m, struct obsvi_str s)
{
    return s.len <= m->limit_characters || obsvi_utf8_characters(s.ptr, s.len, m->limit_characters) == s.len;
}

static bool is_clean(struct obsvi_mender *m, const struct obsvi_value *v, unsigned depth);

static bool is_clean_array(struct obsvi_mender *m, struct obsvi_cursor items, unsigned depth)
{
    struct obsvi_value v;
    while (obsvi_read_item(&items, &v))
        if (!is_clean(m, &v, depth + 1))
            return false;
    return !items.failed;
}

static bool is_clean_map(struct obsvi_mender *m, struct obsvi_cursor entries, unsigned depth)
{
    struct obsvi_str key;
    struct obsvi_value v;
    struct obsvi_cursor c = entries;
    while (obsvi_read_entry(&c, &key, &v))
        if (!key.ptr || !obsvi_key_is_acceptable(key) || !is_clean(m, &v, depth + 1))
            return false;
    if (c.failed)
        return false;
    struct key_set set;
    bool has_duplicate = false;
    if (!push_set(m, entries, &set, &has_duplicate))
        return true; /* no memory; the record is given up anyway */
    pop_set(m, &set);
    return !has_duplicate;
}

static bool is_clean(struct obsvi_mender *m, const struct obsvi_value *v, unsigned depth)
{
    switch (v->type) {
    case OBSVI_STR:
        return !v->original_bytes && obsvi_utf8_valid_prefix(v->str.ptr, v->str.len) == v->str.len &&
               is_within_limit(m, v->str);
    case OBSVI_BYTES:
        return v->str.len <= m->limit_characters;
    case OBSVI_ARRAY:
        return depth < OBSVI_DEPTH_MAX ? is_clean_array(m, v->items, depth) : v->items.at == v->items.end;
    case OBSVI_MAP:
        return depth < OBSVI_DEPTH_MAX ? is_clean_map(m, v->items, depth) : v->items.at == v->items.end;
    case OBSVI_OMITTED:
        return false;
    default:
        return true;
    }
}

/* ---- Measure ------------------------------------------------------------------------------------------- */

static size_t json_bytes(const struct obsvi_value *v)
{
    struct obsvi_cursor c = v->items;
    struct obsvi_str key;
    struct obsvi_value item;
    size_t n = 2;
    switch (v->type) {
    case OBSVI_BOOL:
        return BOOL_CHARS;
    case OBSVI_I64:
        return OBSVI_INTEGER_CHARS_MAX;
    case OBSVI_F64:
        return F64_CHARS;
    case OBSVI_STR:
        return obsvi_json_go_string_bytes(v->str);
    case OBSVI_BYTES:
        return obsvi_base64_bytes(v->str.len) + 2;
    case OBSVI_ARRAY:
        while (obsvi_read_item(&c, &item))
            n += json_bytes(&item) + 1;
        return n;
    case OBSVI_MAP:
        while (obsvi_read_entry(&c, &key, &item))
            n += obsvi_json_go_string_bytes(key) + json_bytes(&item) + 2;
        return n;
    default:
        return NULL_CHARS;
    }
}

struct obsvi_cost obsvi_mend_measure_container(const struct obsvi_value *v, size_t key_bytes)
{
    struct obsvi_cursor c = v->items;
    struct obsvi_str key;
    struct obsvi_value item;
    if (v->type != OBSVI_MAP || c.at == c.end)
        return (struct obsvi_cost){key_bytes + json_bytes(v), 1};
    struct obsvi_cost sum = {0, 0};
    while (obsvi_read_entry(&c, &key, &item)) {
        struct obsvi_cost one = obsvi_mend_measure(&item, key_bytes + 1 + key.len);
        sum.bytes += one.bytes;
        sum.entries += one.entries;
    }
    return sum;
}

/* ---- Rewrite ------------------------------------------------------------------------------------------- */

static size_t open_range(struct obsvi_bytes *out)
{
    static const uint8_t length[4];
    obsvi_bytes_put(out, length, sizeof length);
    return out->len;
}

static void close_range(struct obsvi_bytes *out, size_t start)
{
    uint32_t n = (uint32_t)(out->len - start);
    if (!out->failed)
        memcpy(out->data + start - sizeof n, &n, sizeof n);
}

static void put_sized(struct obsvi_bytes *out, struct obsvi_str s)
{
    uint32_t n = (uint32_t)s.len;
    obsvi_bytes_put(out, &n, sizeof n);
    obsvi_bytes_put(out, s.ptr, s.len);
}

/* Where a value stands: what is left of its budget, what its name costs, and whether Loki sees it as JSON. */
struct place {
    struct obsvi_cost *left;
    size_t path_bytes;
    unsigned depth;
    bool in_array;
};

static bool charge(struct obsvi_mender *m, struct place p, size_t bytes)
{
    bool fits = p.left->bytes >= bytes && (p.in_array || p.left->entries > 0);
    if (!fits) {
        m->marks |= OBSVI_MARK_TRUNCATED;
        return false;
    }
    p.left->bytes -= bytes;
    p.left->entries -= !p.in_array;
    return true;
}

static struct obsvi_str limited(struct obsvi_mender *m, const struct obsvi_value *v, size_t max_bytes)
{
    struct obsvi_str s = obsvi_mend_text(m, v->str, 0, SIZE_MAX);
    size_t kept = obsvi_utf8_characters(s.ptr, s.len, m->limit_characters);
    bool is_whole = kept == s.len;
    s.len = kept; /* the user's limit: exact, without a mark */
    uint64_t hidden = is_whole && v->original_bytes ? v->original_bytes - v->str.len : 0;
    return obsvi_mend_text(m, s, hidden ? s.len + hidden : 0, max_bytes);
}

static bool put_text(struct obsvi_mender *m, struct obsvi_bytes *out, const struct obsvi_value *v,
                     struct place p)
{
    size_t name = p.in_array ? 3 : p.path_bytes;
    if (p.left->bytes < name + SMALLEST_TEXT_BYTES && p.left->bytes < name + v->str.len)
        return charge(m, p, SIZE_MAX);
    struct obsvi_str s = limited(m, v, p.left->bytes - name);
    if (p.in_array && name + obsvi_json_go_string_bytes(s) > p.left->bytes)
        s = obsvi_mend_text(m, s, 0, (p.left->bytes - name) / 8);
    put_sized(out, s);
    size_t cost = name + (p.in_array ? obsvi_json_go_string_bytes(s) : s.len);
    return charge(m, p, cost < p.left->bytes ? cost : p.left->bytes);
}

static bool put_binary(struct obsvi_mender *m, struct obsvi_bytes *out, const struct obsvi_value *v,
                       struct place p)
{
    size_t name = p.in_array ? 3 : p.path_bytes;
    size_t room = p.left->bytes > name ? (p.left->bytes - name) / 4 * 3 : 0;
    struct obsvi_str s = v->str;
    s.len = s.len < m->limit_characters ? s.len : m->limit_characters;
    if (s.len > room) {
        m->marks |= OBSVI_MARK_TRUNCATED;
        s.len = room;
    }
    put_sized(out, s);
    return charge(m, p, name + obsvi_base64_bytes(s.len));
}

static bool put_value(struct obsvi_mender *m, struct obsvi_bytes *out, const struct obsvi_value *v,
                      struct place p);

static void put_items(struct obsvi_mender *m, struct obsvi_bytes *out, struct obsvi_cursor items,
                      struct place p)
{
    struct obsvi_value v;
    p.in_array = true;
    while (obsvi_read_item(&items, &v)) {
        size_t start = out->len;
        obsvi_bytes_put_u8(out, (uint8_t)v.type);
        if (!put_value(m, out, &v, p)) {
            out->len = start;
            break;
        }
    }
    if (items.failed)
        m->marks |= OBSVI_MARK_DAMAGED;
}

static bool put_entry(struct obsvi_mender *m, struct obsvi_bytes *out, struct obsvi_str key,
                      const struct obsvi_value *v, struct place p)
{
    uint16_t key_bytes = (uint16_t)key.len;
    if (p.in_array && !charge(m, p, obsvi_json_go_string_bytes(key) + 2))
        return false;
    p.path_bytes += 1 + key.len;
    obsvi_bytes_put(out, &key_bytes, sizeof key_bytes);
    obsvi_bytes_put_u8(out, (uint8_t)v->type);
    obsvi_bytes_put(out, key.ptr, key.len);
    return put_value(m, out, v, p);
}

static void put_entries(struct obsvi_mender *m, struct obsvi_bytes *out, struct obsvi_cursor entries,
                        struct place p)
{
    struct key_set set;
    bool has_duplicate = false;
    if (!push_set(m, entries, &set, &has_duplicate))
        return;
    if (has_duplicate)
        m->marks |= OBSVI_MARK_DUPLICATE;
    struct obsvi_str key;
    struct obsvi_value v;
    for (uint32_t i = 0; obsvi_read_entry(&entries, &key, &v); i++) {
        struct obsvi_str final = final_key(m, key);
        if (!obsvi_str_eq(final, key))
            m->marks |= OBSVI_MARK_KEY;
        if (find_slot(m, &set, final)->last_index != i)
            continue;
        size_t start = out->len;
        if (!put_entry(m, out, final, &v, p)) {
            out->len = start;
            break;
        }
    }
    if (entries.failed)
        m->marks |= OBSVI_MARK_DAMAGED;
    pop_set(m, &set);
}

static bool put_container(struct obsvi_mender *m, struct obsvi_bytes *out, const struct obsvi_value *v,
                          struct place p)
{
    bool is_too_deep = p.depth >= OBSVI_DEPTH_MAX;
    bool is_leaf = is_too_deep || p.in_array || v->type == OBSVI_ARRAY || v->items.at == v->items.end;
    if (is_leaf && !charge(m, p, p.in_array ? 3 : p.path_bytes + 2))
        return false;
    size_t start = open_range(out);
    if (is_too_deep)
        m->marks |= v->items.at == v->items.end ? 0 : OBSVI_MARK_DEPTH;
    else {
        p.depth++;
        (v->type == OBSVI_ARRAY ? put_items : put_entries)(m, out, v->items, p);
    }
    close_range(out, start);
    return true;
}

static bool put_value(struct obsvi_mender *m, struct obsvi_bytes *out, const struct obsvi_value *v,
                      struct place p)
{
    size_t name = p.in_array ? 1 : p.path_bytes;
    switch (v->type) {
    case OBSVI_STR:
        return put_text(m, out, v, p);
    case OBSVI_BYTES:
        return put_binary(m, out, v, p);
    case OBSVI_ARRAY:
    case OBSVI_MAP:
        return put_container(m, out, v, p);
    case OBSVI_BOOL:
        obsvi_bytes_put_u8(out, v->boolean);
        return charge(m, p, name + BOOL_CHARS);
    case OBSVI_I64:
        obsvi_bytes_put(out, &v->i64, sizeof v->i64);
        return charge(m, p, name + OBSVI_INTEGER_CHARS_MAX);
    case OBSVI_F64:
        obsvi_bytes_put(out, &v->f64, sizeof v->f64);
        return charge(m, p, name + F64_CHARS);
    default:
        return charge(m, p, name + NULL_CHARS);
    }
}

/* Replaces *v, whose type stays, by a copy within `max`. */
static bool rewrite(struct obsvi_mender *m, struct obsvi_value *v, size_t key_bytes, struct obsvi_cost max)
{
    struct obsvi_bytes *out = &m->scratch;
    obsvi_bytes_clear(out);
    m->sets.len = 0;
    struct place p = {.left = &max, .path_bytes = key_bytes};
    bool fits = put_value(m, out, v, p);
    uint8_t *copy = out->failed || !fits ? NULL : obsvi_arena_alloc(&m->arena, out->len);
    if (!copy) {
        m->failed |= fits;
        return false;
    }
    memcpy(copy, out->data, out->len);
    struct obsvi_cursor c = obsvi_cursor_of(copy, out->len);
    size_t n = obsvi_cursor_u32(&c); /* STR, BYTES, ARRAY and MAP alike */
    v->original_bytes = 0;
    if (v->type == OBSVI_STR || v->type == OBSVI_BYTES)
        v->str = (struct obsvi_str){(const char *)c.at, n};
    else
        v->items = c;
    return true;
}

void obsvi_mend_clean_unusual(struct obsvi_mender *m, struct obsvi_value *v)
{
    if (!is_clean(m, v, 0) && v->type != OBSVI_OMITTED)
        rewrite(m, v, 0, no_limit);
}

bool obsvi_mend_shrink(struct obsvi_mender *m, struct obsvi_value *v, size_t key_bytes, struct obsvi_cost max)
{
    bool has_length =
        v->type == OBSVI_STR || v->type == OBSVI_BYTES || v->type == OBSVI_ARRAY || v->type == OBSVI_MAP;
    return has_length && rewrite(m, v, key_bytes, max);
}
