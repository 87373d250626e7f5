/* outbox: a singly linked list with a tail pointer; see outbox.h. */
#include "ship/outbox.h"

#include <stdlib.h>

bool obsvi_outbox_push(struct obsvi_outbox *o, struct obsvi_bytes *body, bool is_gzip, uint32_t record_count)
{
    struct obsvi_batch *b = calloc(1, sizeof *b);
    if (!b)
        return false;
    b->body = *body;
    *body = (struct obsvi_bytes){0};
    b->is_gzip = is_gzip;
    b->record_count = record_count;
    b->number = ++o->last_number;
    if (o->newest)
        o->newest->next = b;
    else
        o->oldest = b;
    o->newest = b;
    o->bytes += b->body.len;
    o->record_count += record_count;
    return true;
}

/* Unlinks and frees the batch that `link` points to; `previous` is the one before it, or NULL. */
static uint32_t remove_at(struct obsvi_outbox *o, struct obsvi_batch **link, struct obsvi_batch *previous)
{
    struct obsvi_batch *b = *link;
    uint32_t record_count = b->record_count;
    *link = b->next;
    if (o->newest == b)
        o->newest = previous;
    o->bytes -= b->body.len;
    o->record_count -= record_count;
    obsvi_bytes_fini(&b->body);
    free(b);
    return record_count;
}

void obsvi_outbox_pop(struct obsvi_outbox *o)
{
    remove_at(o, &o->oldest, NULL);
}

uint32_t obsvi_outbox_evict(struct obsvi_outbox *o)
{
    struct obsvi_batch **link = &o->oldest;
    struct obsvi_batch *previous = NULL;
    while (*link && (*link)->is_in_flight) {
        previous = *link;
        link = &previous->next;
    }
    return *link ? remove_at(o, link, previous) : 0;
}

uint64_t obsvi_outbox_clear(struct obsvi_outbox *o)
{
    uint64_t lost = 0;
    while (o->oldest)
        lost += remove_at(o, &o->oldest, NULL);
    return lost;
}
