/* line: the schema of the stdout line: timestamp, level, logger, message, service, env, version, the record's
 * attributes, exception, trace_id, span_id. A member of ours with an unexpected type is treated as an
 * attribute, so that it is shown.
 */
#include "line.h"

struct reader {
    struct obsvi_log_parts log;
    json_t *attributes; /* flat */
    json_t *resource;
    bool ok;
};

static void add(struct reader *r, json_t *flat, const char *key, size_t n, json_t *value)
{
    r->ok = r->ok && json_array_append_new(flat, json_stringn(key, n)) == 0 &&
            json_array_append(flat, value) == 0;
}

/* {"type": …, "message": …, "stacktrace": …} becomes the attributes that OTLP has for it. */
static bool add_exception(struct reader *r, json_t *exception)
{
    static const struct {
        const char *name, *attribute;
    } members[] = {
        {"type", "exception.type"}, {"message", "exception.message"}, {"stacktrace", "exception.stacktrace"}};
    size_t known = 0;
    for (size_t i = 0; i < 3; i++)
        known += json_is_string(json_object_get(exception, members[i].name));
    if (known == 0 || known != json_object_size(exception))
        return false;
    for (size_t i = 0; i < 3; i++) {
        json_t *value = json_object_get(exception, members[i].name);
        if (value)
            add(r, r->attributes, members[i].attribute, strlen(members[i].attribute), value);
    }
    return true;
}

static bool add_resource(struct reader *r, const char *key, json_t *value)
{
    static const struct {
        const char *name, *attribute;
    } members[] = {
        {"service", "service.name"}, {"env", "deployment.environment.name"}, {"version", "service.version"}};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(key, members[i].name) == 0) {
            add(r, r->resource, members[i].attribute, strlen(members[i].attribute), value);
            return true;
        }
    }
    return false;
}

/* True if the member has been put where it belongs; otherwise it is an attribute. */
static bool take_member(struct reader *r, const char *key, json_t *value)
{
    if (strcmp(key, "exception") == 0)
        return add_exception(r, value);
    if (!json_is_string(value))
        return false;
    if (strcmp(key, "trace_id") == 0)
        return r->log.trace_id = json_incref(value), true;
    if (strcmp(key, "span_id") == 0)
        return r->log.span_id = json_incref(value), true;
    return add_resource(r, key, value);
}

/* The four members that make a line ours. */
static bool take_head(struct reader *r, json_t *line, struct obsvi_scope_parts *scope)
{
    json_t *time = json_object_get(line, "timestamp"), *level = json_object_get(line, "level");
    json_t *logger = json_object_get(line, "logger"), *message = json_object_get(line, "message");
    if (!json_is_string(time) || !json_is_string(level) || !json_is_string(logger) ||
        !json_is_string(message) || strlen(json_string_value(time)) != json_string_length(time) ||
        !obsvi_timestamp_read(json_string_value(time), &r->log.time_ns))
        return false;
    r->log.severity_number = obsvi_severity_number(json_string_value(level));
    r->log.severity_text = json_incref(level);
    r->log.body = json_incref(message);
    scope->name = json_incref(logger);
    return true;
}

static bool is_head(const char *key)
{
    return strcmp(key, "timestamp") == 0 || strcmp(key, "level") == 0 || strcmp(key, "logger") == 0 ||
           strcmp(key, "message") == 0;
}

static json_t *build(struct reader *r, json_t *line, struct obsvi_scope_parts *scope)
{
    struct obsvi_origin_parts resource = {0};
    for (void *at = json_object_iter(line); at; at = json_object_iter_next(line, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        if (!is_head(key) && !take_member(r, key, value))
            add(r, r->attributes, key, json_object_iter_key_len(at), value);
    }
    r->ok &= obsvi_neutral_set_origin(&resource, r->resource);
    r->resource = NULL;
    r->log.attributes = r->attributes;
    r->attributes = NULL;
    json_t *record = r->ok ? obsvi_neutral_record(&r->log, scope, &resource) : NULL;
    obsvi_neutral_origin_fini(&resource);
    return record;
}

json_t *obsvi_line_parse(const void *line, size_t n)
{
    json_t *object = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    struct reader r = {.attributes = json_array(), .resource = json_array(), .ok = true};
    struct obsvi_scope_parts scope = {0};
    json_t *record =
        json_is_object(object) && take_head(&r, object, &scope) ? build(&r, object, &scope) : NULL;
    obsvi_neutral_scope_fini(&scope);
    obsvi_neutral_log_fini(&r.log);
    json_decref(r.attributes);
    json_decref(r.resource);
    json_decref(object);
    return record;
}
