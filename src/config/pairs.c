/* pairs: see pairs.h. A handful of entries, so a linear search and one allocation more for each. */
#include "config/pairs.h"
#include "config/text.h"
#include "obsv.h"

#include <stdlib.h>

static struct obsvi_pair *find(const struct obsvi_pairs *p, struct obsvi_str key)
{
    for (size_t i = 0; i < p->count; i++)
        if (obsvi_str_eq(obsvi_str_of(p->items[i].key), key))
            return &p->items[i];
    return NULL;
}

static int append(struct obsvi_pairs *p, char *key, char *value)
{
    struct obsvi_pair *items = key && value ? obsvi_text_alloc((p->count + 1) * sizeof *items) : NULL;
    if (!items) {
        obsvi_text_wipe(key);
        obsvi_text_wipe(value);
        return OBSV_ERR_NOMEM;
    }
    if (p->count)
        memcpy(items, p->items, p->count * sizeof *items);
    items[p->count++] = (struct obsvi_pair){key, value};
    free(p->items);
    p->items = items;
    return 0;
}

int obsvi_pairs_set(struct obsvi_pairs *p, struct obsvi_str key, struct obsvi_str value)
{
    struct obsvi_pair *old = find(p, key);
    char *copy = obsvi_text_copy(value);
    if (!old)
        return append(p, obsvi_text_copy(key), copy);
    if (!copy)
        return OBSV_ERR_NOMEM;
    obsvi_text_wipe(old->value);
    old->value = copy;
    return 0;
}

const char *obsvi_pairs_find(const struct obsvi_pairs *p, const char *key)
{
    const struct obsvi_pair *pair = find(p, obsvi_str_of(key));
    return pair && pair->value[0] ? pair->value : NULL;
}

void obsvi_pairs_remove(struct obsvi_pairs *p, const char *key)
{
    struct obsvi_pair *pair = find(p, obsvi_str_of(key));
    if (!pair)
        return;
    obsvi_text_wipe(pair->key);
    obsvi_text_wipe(pair->value);
    size_t after = (size_t)(p->items + p->count - pair) - 1;
    memmove(pair, pair + 1, after * sizeof *pair);
    p->count--;
}

void obsvi_pairs_fini(struct obsvi_pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        obsvi_text_wipe(p->items[i].key);
        obsvi_text_wipe(p->items[i].value);
    }
    free(p->items);
    *p = (struct obsvi_pairs){0};
}
