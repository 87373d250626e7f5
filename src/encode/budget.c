#include "encode/budget.h"

enum {
    TIMESTAMP_CHARS = 20,
    /* observed_timestamp, severity_number, severity_text, scope_name, detected_level, and, because it is not
     * known yet whether they will be there: dropped_attributes_count, log_repair */
    FIXED_ENTRIES = 7,
    FIXED_BYTES = (18 + TIMESTAMP_CHARS) + (15 + 2) + (13 + 5) + 10 + (14 + 8) + (24 + 10) + (10 + 64),
    SMALLEST_SHARE_BYTES = 32, /* an attribute that can have no more than this is left out */
};

static void add_cost(struct obsvi_cost *sum, size_t bytes)
{
    sum->bytes += bytes;
    sum->entries++;
}

struct obsvi_cost obsvi_budget_resource(const struct obsvi_config *config)
{
    struct obsvi_cost sum = {0, 0};
    for (size_t i = 0; i < config->resource.count; i++) {
        const struct obsvi_pair *pair = &config->resource.items[i];
        if (obsvi_loki_label_rank(pair->key) < 0)
            add_cost(&sum, obsvi_loki_resource_bytes(pair->key, pair->value));
    }
    return sum;
}

/* Everything but the record's own attributes. */
static struct obsvi_cost fixed_cost(const struct obsvi_view *view, uint32_t given_count)
{
    struct obsvi_cost sum = view->resource_cost;
    sum.bytes += FIXED_BYTES + view->logger.len;
    sum.entries += FIXED_ENTRIES;
    if (view->event.len)
        add_cost(&sum, 10 + view->event.len);
    if (view->trace_id)
        add_cost(&sum, 8 + 32);
    if (view->span_id)
        add_cost(&sum, 7 + 16);
    if (view->trace_flags)
        add_cost(&sum, 5 + 3);
    for (uint32_t i = given_count; i < view->attr_count; i++) {
        struct obsvi_cost one = obsvi_mend_measure(&view->attrs[i].value, view->attrs[i].key->text.len);
        sum.bytes += one.bytes;
        sum.entries += one.entries;
    }
    return sum;
}

static size_t key_bytes(const struct obsvi_attr *attr)
{
    return attr->key->text.len + OBSVI_LOKI_LEADING_DIGIT_BYTES;
}

static void measure(struct obsvi_attr *attr)
{
    attr->cost = obsvi_mend_measure(&attr->value, key_bytes(attr));
}

/* Marks the attribute for sweep(). */
static void drop(struct obsvi_view *view, struct obsvi_attr *attr)
{
    attr->key->taken_in = 0;
    attr->sinks = 0;
    attr->cost = (struct obsvi_cost){0, 0};
    view->dropped_count++;
}

static void shrink(struct obsvi_view *view, struct obsvi_attr *attr, struct obsvi_cost max)
{
    if (obsvi_mend_shrink(&view->mender, &attr->value, key_bytes(attr), max))
        measure(attr);
    else
        drop(view, attr);
}

/* The first come keep their entries; a map that does not fit loses its last ones. */
static void limit_entries(struct obsvi_view *view, uint32_t given_count, size_t max_entries)
{
    size_t left = max_entries;
    for (uint32_t i = 0; i < given_count; i++) {
        struct obsvi_attr *attr = &view->attrs[i];
        if (attr->cost.entries > left) {
            if (left > 0)
                shrink(view, attr, (struct obsvi_cost){SIZE_MAX / 2, left});
            else
                drop(view, attr);
        }
        left -= attr->cost.entries;
    }
}

/* The size c for which the sum of min(size, c) just fits: whoever is below stays whole. */
static size_t common_limit(const struct obsvi_view *view, uint32_t given_count, size_t max_bytes)
{
    size_t limit = 0;
    for (;;) {
        size_t left = max_bytes, bigger = 0;
        for (uint32_t i = 0; i < given_count; i++) {
            if (view->attrs[i].cost.bytes > limit)
                bigger++;
            else
                left -= view->attrs[i].cost.bytes;
        }
        size_t next = bigger ? left / bigger : SIZE_MAX;
        if (next <= limit)
            return limit;
        limit = next;
    }
}

static void limit_bytes(struct obsvi_view *view, uint32_t given_count, size_t max_bytes)
{
    size_t limit = common_limit(view, given_count, max_bytes);
    for (uint32_t i = 0; i < given_count; i++) {
        struct obsvi_attr *attr = &view->attrs[i];
        if (attr->cost.bytes <= limit)
            continue;
        if (limit < key_bytes(attr) + SMALLEST_SHARE_BYTES)
            drop(view, attr);
        else
            shrink(view, attr, (struct obsvi_cost){limit, attr->cost.entries});
    }
}

static void sweep(struct obsvi_view *view)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < view->attr_count; i++)
        if (view->attrs[i].sinks)
            view->attrs[kept++] = view->attrs[i];
    view->attr_count = kept;
}

void obsvi_budget_apply(struct obsvi_view *view, uint32_t given_count)
{
    struct obsvi_cost fixed = fixed_cost(view, given_count);
    struct obsvi_cost sum = {0, 0};
    for (uint32_t i = 0; i < given_count; i++) {
        measure(&view->attrs[i]);
        sum.bytes += view->attrs[i].cost.bytes;
        sum.entries += view->attrs[i].cost.entries;
    }
    size_t max_entries = fixed.entries < OBSVI_LOKI_ENTRIES_MAX ? OBSVI_LOKI_ENTRIES_MAX - fixed.entries : 0;
    bool has_room = fixed.bytes + OBSVI_VIEW_ATTRS_BYTES_MIN < OBSVI_LOKI_METADATA_BYTES_MAX;
    size_t max_bytes = has_room ? OBSVI_LOKI_METADATA_BYTES_MAX - fixed.bytes : OBSVI_VIEW_ATTRS_BYTES_MIN;
    if (sum.entries <= max_entries && sum.bytes <= max_bytes)
        return;
    if (sum.entries > max_entries)
        limit_entries(view, given_count, max_entries);
    limit_bytes(view, given_count, max_bytes);
    sweep(view);
}
