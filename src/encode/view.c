/* view: loading one record. See view.h.
 *
 * Order: texts, then attributes with their keys, then our own attributes, then the budget. The budget comes
 * last because it shares out what the others have left: when a record is too big for Loki, small attributes
 * stay whole and the biggest are cut to one common size.
 */
#include "encode/view.h"

#include "encode/budget.h"
#include "encode/number.h"
#include "encode/utf8.h"
#include "front/schema.h"

#include <strings.h>

bool obsvi_view_init(struct obsvi_view *view, const struct obsvi_config *config)
{
    memset(view, 0, sizeof *view);
    view->config = config;
    view->mender.limit_characters = config->attr_value_length_limit;
    view->resource_cost = obsvi_budget_resource(config);
    return obsvi_keys_init(&view->keys);
}

void obsvi_view_fini(struct obsvi_view *view)
{
    obsvi_keys_fini(&view->keys);
    obsvi_mender_fini(&view->mender);
}

/* ---- Texts --------------------------------------------------------------------------------------------- */

/* Spec: logs/data-model.md, Displaying Severity. */
static struct obsvi_str canonical_severity(uint8_t severity)
{
    static const struct obsvi_str names[] = {
        {"TRACE", 5}, {"DEBUG", 5}, {"INFO", 4}, {"WARN", 4}, {"ERROR", 5}, {"FATAL", 5},
    };
    return severity ? names[(severity - 1) / 4] : OBSVI_STR("");
}

static bool is_usual_level(struct obsvi_str level)
{
    static const char *const usual[] = {"TRACE", "DEBUG",    "INFO",  "WARN",  "WARNING",
                                        "ERROR", "CRITICAL", "FATAL", "NOTSET"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strlen(usual[i]) == level.len && strncasecmp(usual[i], level.ptr, level.len) == 0)
            return true;
    return false;
}

static struct obsvi_str name_text(struct obsvi_view *view, struct obsvi_str s)
{
    return obsvi_mend_text(&view->mender, s, 0, OBSVI_VIEW_NAME_BYTES_MAX);
}

static void load_level(struct obsvi_view *view)
{
    uint8_t severity = view->record->head->severity;
    view->severity = severity <= 24 ? severity : 24;
    view->severity_text = canonical_severity(view->severity);
    view->level = name_text(view, view->record->level);
    if (!view->level.len)
        view->level = view->severity ? view->severity_text : OBSVI_STR("NOTSET");
}

static void load_body(struct obsvi_view *view, const struct obsvi_schema *schema)
{
    const struct obsvi_record *record = view->record;
    struct obsvi_str event = record->event.len || !schema ? record->event : schema->event;
    uint64_t original = record->head->flags & OBSVI_BODY_CUT ? record->head->body_original_bytes : 0;
    view->event = name_text(view, event);
    view->body = record->body.len
                     ? obsvi_mend_text(&view->mender, record->body, original, OBSVI_LOKI_LINE_BYTES_MAX)
                     : view->event;
    view->has_event_line = view->event.len && !obsvi_str_eq(view->event, view->body);
}

static struct obsvi_value exception_text(struct obsvi_view *view, struct obsvi_value v, size_t max_bytes)
{
    if (v.type == OBSVI_STR) {
        obsvi_mend_clean(&view->mender, &v);
        v.str = obsvi_mend_text(&view->mender, v.str, v.original_bytes, max_bytes);
        v.original_bytes = 0;
    }
    return v;
}

static void load_exception(struct obsvi_view *view)
{
    const struct obsvi_record *record = view->record;
    if (!(record->head->flags & OBSVI_HAS_EXCEPTION)) {
        view->exception_type.type = view->exception_message.type = view->exception_stacktrace.type =
            OBSVI_NULL;
        return;
    }
    view->exception_type = exception_text(view, record->exception_type, OBSVI_VIEW_NAME_BYTES_MAX);
    view->exception_message = exception_text(view, record->exception_message, OBSVI_VIEW_MESSAGE_BYTES_MAX);
    view->exception_stacktrace = record->exception_stacktrace;
    struct obsvi_value *trace = &view->exception_stacktrace;
    if (trace->type == OBSVI_STR)
        trace->str = obsvi_mend_stacktrace(&view->mender, trace->str, trace->original_bytes,
                                           OBSVI_VIEW_STACKTRACE_BYTES_MAX);
}

static const uint8_t *id_or_null(const uint8_t *id, size_t n)
{
    for (size_t i = 0; id && i < n; i++)
        if (id[i])
            return id;
    return NULL;
}

static void load_trace(struct obsvi_view *view)
{
    view->trace_id = id_or_null(view->record->trace_id, 16);
    view->span_id = id_or_null(view->record->span_id, 8);
    view->trace_flags = view->trace_id ? view->record->trace_flags : 0;
}

/* ---- Attributes ---------------------------------------------------------------------------------------- */

static struct obsvi_str schema_key(const struct obsvi_schema *schema, uint32_t position)
{
    bool is_known = schema && position < schema->key_count && schema->keys[position].ptr;
    return is_known ? schema->keys[position] : OBSVI_STR("");
}

/* The name under which the key is written in this record: its final one, with more "extra_" in front while
 * another key of the record has it. */
static struct obsvi_key *free_name(struct obsvi_view *view, const struct obsvi_key *given)
{
    struct obsvi_key *name = given->final;
    if (name->is_event && view->has_event_line)
        name = obsvi_keys_find_extra(&view->keys, name);
    while (name && name->taken_in == view->serial)
        name = obsvi_keys_find_extra(&view->keys, name);
    return name;
}

/* False: no memory. */
static bool add_attr(struct obsvi_view *view, struct obsvi_str key_text, const struct obsvi_value *value)
{
    bool is_full =
        view->attr_count >= view->config->attr_count_limit || view->attr_count >= OBSVI_LOKI_ENTRIES_MAX;
    struct obsvi_key *given = is_full ? obsvi_keys_peek(&view->keys, key_text)
                                      : obsvi_keys_find_after(&view->keys, view->last_given, key_text);
    view->last_given = given;
    if (given && given->given_in == view->serial) { /* the last one wins, in the place of the first */
        view->attrs[given->index].value = *value;
        view->dropped_count++;
        return true;
    }
    if (is_full) {
        view->dropped_count++;
        return true;
    }
    struct obsvi_key *name = given ? free_name(view, given) : NULL;
    if (!name)
        return false;
    given->given_in = view->serial;
    given->index = view->attr_count;
    name->taken_in = view->serial;
    if (given->is_repaired)
        view->mender.marks |= OBSVI_MARK_KEY;
    struct obsvi_attr *attr = &view->attrs[view->attr_count++]; /* its cost comes later */
    attr->key = name;
    attr->value = *value;
    attr->sinks = OBSVI_TO_BOTH;
    return true;
}

/* A map with a leaf that Loki would take for one of its fields is renamed as such an attribute is. False: no
 * memory. */
static bool keep_off_fields(struct obsvi_view *view, struct obsvi_attr *attr)
{
    struct obsvi_key *name = attr->key;
    if (attr->value.type != OBSVI_MAP || !obsvi_key_leads_to_reserved(name->text, &attr->value))
        return true;
    do
        name = obsvi_keys_find_extra(&view->keys, name);
    while (name && name->taken_in == view->serial);
    if (!name)
        return false;
    attr->key->taken_in = 0;
    attr->key = name;
    name->taken_in = view->serial;
    return true;
}

static bool load_attrs(struct obsvi_view *view, const struct obsvi_schema *schema)
{
    const struct obsvi_record *record = view->record;
    struct obsvi_cursor c = record->attrs;
    struct obsvi_str key;
    struct obsvi_value value;
    uint32_t position = 0;
    for (; position < record->head->attr_count && obsvi_read_entry(&c, &key, &value); position++) {
        if (value.type == OBSVI_OMITTED)
            continue;
        if (!key.ptr)
            key = schema_key(schema, position);
        if (!add_attr(view, key, &value))
            return false;
    }
    if (position < record->head->attr_count) {
        view->dropped_count += record->head->attr_count - position;
        view->mender.marks |= OBSVI_MARK_DAMAGED;
    }
    for (uint32_t i = 0; i < view->attr_count; i++) {
        obsvi_mend_clean(&view->mender, &view->attrs[i].value);
        if (view->mender.failed || !keep_off_fields(view, &view->attrs[i]))
            return false;
    }
    return true;
}

/* ---- Our own attributes -------------------------------------------------------------------------------- */

static void add_own(struct obsvi_view *view, enum obsvi_own_key which, struct obsvi_value value,
                    enum obsvi_sinks sinks)
{
    struct obsvi_key *key = view->keys.own[which];
    if (key->taken_in == view->serial || value.type == OBSVI_NULL)
        return; /* the user's wins (spec: logs/sdk.md) */
    view->attrs[view->attr_count++] =
        (struct obsvi_attr){.key = key, .value = value, .sinks = (uint8_t)sinks};
}

static struct obsvi_value text_value(struct obsvi_str s)
{
    return (struct obsvi_value){.type = s.len ? OBSVI_STR : OBSVI_NULL, .str = s};
}

static void add_code(struct obsvi_view *view, const struct obsvi_schema *schema)
{
    if (!schema || !view->config->code_attributes || !(view->record->head->flags & OBSVI_HAS_SOURCE))
        return;
    add_own(view, OBSVI_OWN_CODE_FILE, text_value(name_text(view, schema->file)), OBSVI_TO_BOTH);
    struct obsvi_value line = {.type = OBSVI_I64, .i64 = schema->line};
    add_own(view, OBSVI_OWN_CODE_LINE, line, OBSVI_TO_BOTH);
    add_own(view, OBSVI_OWN_CODE_FUNCTION, text_value(name_text(view, schema->function)), OBSVI_TO_BOTH);
}

static void add_own_attrs(struct obsvi_view *view, const struct obsvi_schema *schema)
{
    add_code(view, schema);
    add_own(view, OBSVI_OWN_EXCEPTION_TYPE, view->exception_type, OBSVI_TO_OTLP);
    add_own(view, OBSVI_OWN_EXCEPTION_MESSAGE, view->exception_message, OBSVI_TO_OTLP);
    add_own(view, OBSVI_OWN_EXCEPTION_STACKTRACE, view->exception_stacktrace, OBSVI_TO_OTLP);
    if (view->record->level.len && !obsvi_str_eq(view->level, view->severity_text) &&
        !is_usual_level(view->level))
        add_own(view, OBSVI_OWN_LEVEL_NAME, text_value(view->level), OBSVI_TO_OTLP);
}

/* Law 3: repaired, and marked. */
static void add_repair_mark(struct obsvi_view *view)
{
    static const struct {
        enum obsvi_mark mark;
        const char *name;
    } marks[] = {
        {OBSVI_MARK_TRUNCATED, "truncated"}, {OBSVI_MARK_KEY, "key"},
        {OBSVI_MARK_UTF8, "utf8"},           {OBSVI_MARK_DEPTH, "depth"},
        {OBSVI_MARK_DUPLICATE, "duplicate"}, {OBSVI_MARK_DAMAGED, "damaged"},
    };
    if (!view->mender.marks)
        return;
    char *text = obsvi_arena_alloc(&view->mender.arena, 64);
    if (!text) {
        view->mender.failed = true;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!(view->mender.marks & marks[i].mark))
            continue;
        if (n)
            text[n++] = ',';
        memcpy(text + n, marks[i].name, strlen(marks[i].name));
        n += strlen(marks[i].name);
    }
    add_own(view, OBSVI_OWN_LOG_REPAIR, text_value((struct obsvi_str){text, n}), OBSVI_TO_BOTH);
}

/* ---- Load ---------------------------------------------------------------------------------------------- */

bool obsvi_view_load(struct obsvi_view *view, const struct obsvi_record *record)
{
    obsvi_mender_reset(&view->mender);
    if (!obsvi_keys_trim(&view->keys))
        return false;
    view->record = record;
    view->serial++;
    view->last_given = NULL;
    view->attr_count = 0;
    view->dropped_count = record->head->attrs_dropped_count;
    const struct obsvi_schema *schema =
        record->head->schema_id ? obsvi_schema_get(record->head->schema_id) : NULL;

    view->logger = record->logger.len ? name_text(view, record->logger) : OBSVI_STR("root");
    load_level(view);
    load_body(view, schema);
    load_exception(view);
    load_trace(view);
    if (!load_attrs(view, schema))
        return false;
    uint32_t given_count = view->attr_count;
    add_own_attrs(view, schema);
    obsvi_budget_apply(view, given_count);
    add_repair_mark(view);
    return !view->mender.failed;
}
