/* schema: a table of pointers into a bump-allocated text pool, both filled by fetch-and-add. */
#include "front/schema.h"

#include <stdalign.h>
#include <stdatomic.h>

enum {
    SCHEMA_COUNT_MAX = 8192,  /* call sites; id 0 is "none" */
    POOL_BYTES = 1024 * 1024, /* about 128 bytes each; untouched pages cost nothing */
    TEXT_BYTES_MAX = 1024,    /* one event name, key or path */
};

static _Atomic(const struct obsvi_schema *)
    schemas[SCHEMA_COUNT_MAX]; /* [w: registering thread, once; r: shipper] */
static atomic_uint schema_count = 1;
static alignas(16) uint8_t pool[POOL_BYTES];
static atomic_size_t pool_used;

static size_t text_len(const char *s)
{
    return s ? strnlen(s, TEXT_BYTES_MAX) : 0;
}

static struct obsvi_str copy_text(uint8_t **at, const char *s)
{
    struct obsvi_str text = {(const char *)*at, text_len(s)};
    if (text.len)
        memcpy(*at, s, text.len);
    *at += text.len;
    return text;
}

uint32_t obsvi_schema_register(const char *event, const char *file, const char *function, int32_t line,
                               const char *const *keys, uint16_t key_count)
{
    size_t bytes = sizeof(struct obsvi_schema) + key_count * sizeof(struct obsvi_str);
    bytes += text_len(event) + text_len(file) + text_len(function);
    for (uint16_t i = 0; i < key_count; i++)
        bytes += text_len(keys[i]);
    bytes = (bytes + 15) & ~(size_t)15;

    /* Check before adding: a full pool must not creep towards overflow with each call of an unregistrable
     * site. */
    if (atomic_load_explicit(&schema_count, memory_order_relaxed) >= SCHEMA_COUNT_MAX ||
        atomic_load_explicit(&pool_used, memory_order_relaxed) + bytes > POOL_BYTES)
        return 0;
    size_t offset = atomic_fetch_add_explicit(&pool_used, bytes, memory_order_relaxed);
    if (offset + bytes > POOL_BYTES)
        return 0;
    uint32_t id = atomic_fetch_add_explicit(&schema_count, 1, memory_order_relaxed);
    if (id >= SCHEMA_COUNT_MAX)
        return 0;

    struct obsvi_schema *schema = (struct obsvi_schema *)(pool + offset);
    uint8_t *text = (uint8_t *)&schema->keys[key_count];
    schema->event = copy_text(&text, event);
    schema->file = copy_text(&text, file);
    schema->function = copy_text(&text, function);
    schema->line = line;
    schema->key_count = key_count;
    for (uint16_t i = 0; i < key_count; i++)
        schema->keys[i] = copy_text(&text, keys[i]);
    atomic_store_explicit(&schemas[id], schema, memory_order_release); /* pairs with obsvi_schema_get */
    return id;
}

const struct obsvi_schema *obsvi_schema_get(uint32_t id)
{
    return id < SCHEMA_COUNT_MAX ? atomic_load_explicit(&schemas[id], memory_order_acquire) : NULL;
}
