/* outbox: a singly linked list with a tail pointer; see outbox.h. */
#include "ship/outbox.h"

#include <stdlib.h>

uint32_t obsvi_batch_record_count(const struct obsvi_batch *b)
{
    uint32_t sum = 0;
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
        sum += b->level_counts[level];
    return sum;
}

/* What a batch costs of the budget. */
static uint64_t cost(const struct obsvi_batch *b)
{
    return b->body.cap + sizeof *b;
}

/* A linked copy of *b behind `previous` (NULL: at the front). */
static struct obsvi_batch *link_after(struct obsvi_outbox *o, struct obsvi_batch *previous,
                                      struct obsvi_batch *b)
{
    struct obsvi_batch *linked = malloc(sizeof *linked);
    if (!linked)
        return NULL;
    *linked = *b;
    b->body = (struct obsvi_bytes){0};
    obsvi_bytes_trim(&linked->body); /* held for hours, perhaps */
    struct obsvi_batch **link = previous ? &previous->next : &o->oldest;
    linked->next = *link;
    *link = linked;
    if (!linked->next)
        o->newest = linked;
    o->bytes += cost(linked);
    o->record_count += obsvi_batch_record_count(linked);
    return linked;
}

bool obsvi_outbox_push(struct obsvi_outbox *o, struct obsvi_batch *b)
{
    struct obsvi_batch *linked = link_after(o, o->newest, b);
    if (linked)
        linked->number = ++o->last_number;
    return linked != NULL;
}

bool obsvi_outbox_insert_after(struct obsvi_outbox *o, struct obsvi_batch *whole, struct obsvi_batch *half)
{
    half->number = whole->number;
    half->sealed_ms = whole->sealed_ms;
    return link_after(o, whole, half) != NULL;
}

void obsvi_outbox_remove(struct obsvi_outbox *o, struct obsvi_batch *b)
{
    struct obsvi_batch *previous = NULL;
    for (struct obsvi_batch *i = o->oldest; i != b; i = i->next)
        previous = i;
    *(previous ? &previous->next : &o->oldest) = b->next;
    if (o->newest == b)
        o->newest = previous;
    o->bytes -= cost(b);
    o->record_count -= obsvi_batch_record_count(b);
    obsvi_bytes_fini(&b->body);
    free(b);
}

struct obsvi_batch *obsvi_outbox_least(const struct obsvi_outbox *o, bool routine_only)
{
    struct obsvi_batch *important = NULL;
    for (struct obsvi_batch *b = o->oldest; b; b = b->next) {
        if (b->is_in_flight)
            continue;
        if (!b->is_important)
            return b;
        if (!important)
            important = b;
    }
    return routine_only ? NULL : important;
}
