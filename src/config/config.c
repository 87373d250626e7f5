/* config: the order in which a configuration comes together, and the decision whether anything is exported.
 *
 * given.c has collected and judged each value on its own; here they meet: the logs form and the general form,
 * batch and queue, protocol, endpoint and credentials.
 */
#include "config/config.h"
#include "base/diag.h"
#include "config/endpoint.h"
#include "config/given.h"
#include "config/headers.h"
#include "config/pairs.h"
#include "config/parse.h"
#include "config/resource.h"
#include "config/text.h"
#include "obsv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { TIMEOUT_SUSPICIOUS_MS = 100 };

static uint32_t pick_u32(const struct obsvi_givens *g, enum obsvi_setting_id specific,
                         enum obsvi_setting_id general)
{
    return obsvi_given_u32(g, obsvi_given_pick(g, specific, general));
}

/* ---- Numbers and choices ------------------------------------------------------------------------------- */

static uint32_t load_timeout(const struct obsvi_givens *g)
{
    enum obsvi_setting_id id = obsvi_given_pick(g, OBSVI_SET_LOGS_TIMEOUT, OBSVI_SET_TIMEOUT);
    uint32_t ms = obsvi_given_u32(g, id);
    if (ms < TIMEOUT_SUSPICIOUS_MS)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: %u is milliseconds, not seconds; for %u s write %u",
                   obsvi_settings[id].name, ms, ms, ms * 1000);
    return ms;
}

/* "must be less or equal to OTEL_BLRP_MAX_QUEUE_SIZE" (sdk-environment-variables.md, Batch LogRecord
 * Processor). */
static uint32_t load_batch_size(struct obsvi_givens *g, uint32_t max_queue_size)
{
    const struct obsvi_setting *s = &obsvi_settings[OBSVI_SET_MAX_EXPORT_BATCH_SIZE];
    uint32_t size = obsvi_given_u32(g, OBSVI_SET_MAX_EXPORT_BATCH_SIZE);
    if (size <= max_queue_size)
        return size;
    if (!g->of[OBSVI_SET_MAX_EXPORT_BATCH_SIZE].text) /* the default meets a small queue: nobody's mistake */
        return max_queue_size;
    int64_t fallback = 0;
    (void)obsvi_parse(s, obsvi_str_of(s->default_text), &fallback);
    if (fallback > max_queue_size)
        fallback = max_queue_size;
    obsvi_diag(OBSVI_DIAG_WARNING, NULL,
               "%s: %u is more than OTEL_BLRP_MAX_QUEUE_SIZE, which is %u; %u is used", s->name, size,
               max_queue_size, (unsigned)fallback);
    obsvi_given_reject(g, OBSVI_SET_MAX_EXPORT_BATCH_SIZE);
    return (uint32_t)fallback;
}

static bool is_on(const struct obsvi_givens *g, enum obsvi_setting_id id)
{
    return obsvi_given_is(g, id, "on") || obsvi_given_is(g, id, "true");
}

static void load_scalars(struct obsvi_givens *g, struct obsvi_config *out)
{
    out->stdout_on = is_on(g, OBSVI_SET_STDOUT);
    out->signals_on = is_on(g, OBSVI_SET_SIGNALS);
    out->crash_handler_on = is_on(g, OBSVI_SET_CRASH_HANDLER);
    out->crash_timeout_ms = obsvi_given_u32(g, OBSVI_SET_CRASH_TIMEOUT);
    if (obsvi_given_is(g, obsvi_given_pick(g, OBSVI_SET_LOGS_PROTOCOL, OBSVI_SET_PROTOCOL), "http/json"))
        out->protocol = OBSVI_HTTP_JSON;
    if (obsvi_given_is(g, obsvi_given_pick(g, OBSVI_SET_LOGS_COMPRESSION, OBSVI_SET_COMPRESSION), "none"))
        out->compression = OBSVI_COMPRESSION_NONE;
    out->level = (int)g->of[OBSVI_SET_LEVEL].number;
    out->code_attributes = g->of[OBSVI_SET_CODE_ATTRIBUTES].number;
    out->attr_count_limit = pick_u32(g, OBSVI_SET_LOG_ATTR_COUNT_LIMIT, OBSVI_SET_ATTR_COUNT_LIMIT);
    out->attr_value_length_limit = pick_u32(g, OBSVI_SET_LOG_ATTR_LENGTH_LIMIT, OBSVI_SET_ATTR_LENGTH_LIMIT);
    out->timeout_ms = load_timeout(g);
    out->schedule_delay_ms = obsvi_given_u32(g, OBSVI_SET_SCHEDULE_DELAY);
    out->export_timeout_ms = obsvi_given_u32(g, OBSVI_SET_EXPORT_TIMEOUT);
    out->shutdown_timeout_ms = obsvi_given_u32(g, OBSVI_SET_SHUTDOWN_TIMEOUT);
    out->max_queue_size = obsvi_given_u32(g, OBSVI_SET_MAX_QUEUE_SIZE);
    out->max_export_batch_size = load_batch_size(g, out->max_queue_size);
    out->retention_ms = obsvi_given_u32(g, OBSVI_SET_RETENTION);
    out->outbox_bytes = (uint64_t)g->of[OBSVI_SET_OUTBOX_BYTES].number;
    out->stdout_buffer_bytes = (uint64_t)g->of[OBSVI_SET_STDOUT_BUFFER_BYTES].number;
    out->ring_bytes = (uint64_t)g->of[OBSVI_SET_RING_BYTES].number;
}

/* ---- TLS files ----------------------------------------------------------------------------------------- */

/* The path is kept even if it cannot be read now: falling back to the system's authorities, or to no client
 * certificate, would change whom we trust. */
static int load_path(const struct obsvi_givens *g, enum obsvi_setting_id specific,
                     enum obsvi_setting_id general, char **out)
{
    enum obsvi_setting_id id = obsvi_given_pick(g, specific, general);
    const char *path = g->of[id].text;
    if (!path)
        return 0;
    if (access(path, R_OK) != 0)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: %s: %s; requests will fail until it can be read",
                   obsvi_settings[id].name, path, strerror(errno));
    *out = obsvi_text_copy(obsvi_str_of(path));
    return *out ? 0 : OBSV_ERR_NOMEM;
}

static int load_paths(const struct obsvi_givens *g, struct obsvi_config *out)
{
    int error = load_path(g, OBSVI_SET_LOGS_CERTIFICATE, OBSVI_SET_CERTIFICATE, &out->certificate);
    if (!error)
        error = load_path(g, OBSVI_SET_LOGS_CLIENT_CERTIFICATE, OBSVI_SET_CLIENT_CERTIFICATE,
                          &out->client_certificate);
    if (!error)
        error = load_path(g, OBSVI_SET_LOGS_CLIENT_KEY, OBSVI_SET_CLIENT_KEY, &out->client_key);
    if (!error && out->client_key && !out->client_certificate)
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "OTEL_EXPORTER_OTLP_CLIENT_KEY: has no effect without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
    return error;
}

/* ---- Is anything exported, and where to? --------------------------------------------------------------- */

/* The file wins if it can be read; otherwise the variables are what there is. */
static int load_headers(const struct obsvi_givens *g, struct obsvi_config *out)
{
    enum obsvi_setting_id id = obsvi_given_pick(g, OBSVI_SET_LOGS_HEADERS, OBSVI_SET_HEADERS);
    const char *path = g->of[OBSVI_SET_HEADERS_FILE].text;
    if (path) {
        out->headers_file = obsvi_text_copy(obsvi_str_of(path));
        int error = out->headers_file ? obsvi_headers_read_file(path, &out->headers) : OBSV_ERR_NOMEM;
        if (error != OBSV_ERR_ARGUMENT)
            return error;
    }
    return g->of[id].text ? obsvi_headers_parse(obsvi_settings[id].name, g->of[id].text, &out->headers) : 0;
}

static int switch_off(struct obsvi_config *out, const char *subject, const char *why)
{
    out->export_off_reason = obsvi_text_format("%s %s", subject, why);
    return out->export_off_reason ? 0 : OBSV_ERR_NOMEM;
}

static bool wants_otlp(const struct obsvi_givens *g)
{
    const char *list = obsvi_given_text(g, OBSVI_SET_EXPORTER);
    bool wants_none = obsvi_parse_list_has(list, "none"), otlp = obsvi_parse_list_has(list, "otlp");
    if (wants_none && otlp)
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "OTEL_LOGS_EXPORTER: none and otlp exclude one another; nothing is exported, leave one out");
    return otlp && !wants_none;
}

static int use_endpoint(struct obsvi_givens *g, enum obsvi_setting_id id, struct obsvi_config *out)
{
    const char *name = obsvi_settings[id].name;
    struct obsvi_endpoint e;
    int error = obsvi_endpoint_parse(name, g->of[id].text, id == OBSVI_SET_ENDPOINT, &e);
    if (error == OBSV_ERR_ARGUMENT) {
        obsvi_given_reject(g, id);
        return switch_off(out, name, "is not a usable URL");
    }
    if (error)
        return error;
    if (e.is_plain && !e.is_loopback &&
        (out->headers_file || obsvi_headers_have_credentials(&out->headers))) {
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "%s: credentials are not sent over plain http:// to another host, so nothing is exported; use "
            "https://, or leave the credentials out of the headers",
            name);
        obsvi_text_wipe(e.url);
        return switch_off(out, name, "is plain http:// to another host and the headers hold credentials");
    }
    out->endpoint = e.url;
    out->export_on = true;
    return 0;
}

static int decide_export(struct obsvi_givens *g, struct obsvi_config *out)
{
    enum obsvi_setting_id endpoint = obsvi_given_pick(g, OBSVI_SET_LOGS_ENDPOINT, OBSVI_SET_ENDPOINT);
    enum obsvi_setting_id protocol = obsvi_given_pick(g, OBSVI_SET_LOGS_PROTOCOL, OBSVI_SET_PROTOCOL);
    if (g->of[OBSVI_SET_SDK_DISABLED].number)
        return switch_off(out, "OTEL_SDK_DISABLED", "is true");
    if (!wants_otlp(g))
        return switch_off(out, "OTEL_LOGS_EXPORTER is", obsvi_given_text(g, OBSVI_SET_EXPORTER));
    if (g->placeholder != OBSVI_SET_COUNT)
        return switch_off(out, obsvi_settings[g->placeholder].name, "still holds a placeholder");
    if (!g->of[endpoint].text)
        return switch_off(out, "OTEL_EXPORTER_OTLP_ENDPOINT", "is not set");
    if (obsvi_given_is(g, protocol, "grpc")) {
        obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                   "%s: grpc is not supported, so nothing is exported; write http/protobuf and let the "
                   "endpoint name "
                   "the receiver's HTTP port, usually 4318 (4317 is gRPC)",
                   obsvi_settings[protocol].name);
        return switch_off(out, obsvi_settings[protocol].name, "is grpc, which is not supported");
    }
    return use_endpoint(g, endpoint, out);
}

/* ---- What `obsv config` shows -------------------------------------------------------------------------- */

static char *shown_text(const struct obsvi_setting *s, const char *text)
{
    if (s->is_secret)
        return obsvi_headers_mask(text);
    return s->kind == OBSVI_KIND_URL ? obsvi_endpoint_mask(text) : obsvi_text_copy(obsvi_str_of(text));
}

static int list_values(const struct obsvi_givens *g, struct obsvi_config *out)
{
    out->values = obsvi_text_alloc(OBSVI_SET_COUNT * sizeof *out->values);
    if (!out->values)
        return OBSV_ERR_NOMEM;
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++) {
        const char *text = obsvi_given_text(g, (enum obsvi_setting_id)i);
        out->values[i].origin = g->of[i].origin;
        out->values[i].text = text ? shown_text(&obsvi_settings[i], text) : NULL;
        if (text && !out->values[i].text)
            return OBSV_ERR_NOMEM;
    }
    return 0;
}

/* ---- Life-cycle ---------------------------------------------------------------------------------------- */

static int load(struct obsvi_givens *g, struct obsvi_config *out)
{
    if (g->is_out_of_memory)
        return OBSV_ERR_NOMEM;
    load_scalars(g, out);
    int error = obsvi_resource_build(g, out);
    if (!error)
        error = load_paths(g, out);
    if (!error)
        error = load_headers(g, out);
    if (!error)
        error = decide_export(g, out);
    return error ? error : list_values(g, out);
}

int obsvi_config_load(struct obsvi_config *out, const char *const *overrides)
{
    struct obsvi_givens g;
    *out = (struct obsvi_config){0};
    obsvi_given_collect(&g, overrides);
    out->diag_level = obsvi_given_diag_level(&g);
    obsvi_diag_set_level((enum obsvi_diag_level)out->diag_level);
    obsvi_given_check(&g, overrides);
    int error = load(&g, out);
    obsvi_given_fini(&g);
    if (error)
        obsvi_config_fini(out);
    return error;
}

void obsvi_config_fini(struct obsvi_config *c)
{
    free(c->export_off_reason);
    obsvi_text_wipe(c->endpoint);
    obsvi_pairs_fini(&c->headers);
    free(c->headers_file);
    free(c->certificate);
    free(c->client_certificate);
    free(c->client_key);
    free(c->service_name);
    free(c->environment);
    free(c->version);
    obsvi_pairs_fini(&c->resource);
    for (size_t i = 0; c->values && i < OBSVI_SET_COUNT; i++)
        free(c->values[i].text);
    free(c->values);
    *c = (struct obsvi_config){0};
}
