/* resource: see resource.h.
 *
 * Rules: spec resource/sdk.md, "Specifying resource information via an environment variable" (both halves
 * percent-encoded, any error discards the whole value); semconv resource/service.md
 * (unknown_service:<executable>), resource/deployment-environment.md, resource/README.md (telemetry.sdk.name
 * of another library is its own name).
 *
 * Of two sources for one attribute, the program's (an override) wins; within each, the order that the
 * settings' help tells. What Loki would refuse of the result: fit.h.
 */
#include "config/resource.h"
#include "base/diag.h"
#include "config/fit.h"
#include "config/pairs.h"
#include "config/text.h"
#include "obsv.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- OTEL_RESOURCE_ATTRIBUTES -------------------------------------------------------------------------- */

/* Decoded and NUL-terminated, *problem set if that cannot be; NULL: no memory. */
static char *decode(struct obsvi_str s, const char **problem)
{
    bool is_malformed = false;
    char *text = obsvi_text_copy(s);
    if (!text)
        return NULL;
    size_t len = obsvi_text_percent_decode(text, s.len, &is_malformed);
    if (is_malformed)
        *problem = "a % is not followed by two hexadecimal digits (write % itself as %25)";
    else if (strlen(text) != len)
        *problem = "a value holds a NUL";
    return text;
}

static int read_entry(struct obsvi_str entry, struct obsvi_pairs *out, const char **problem)
{
    const char *equals = memchr(entry.ptr, '=', entry.len);
    if (!equals) {
        *problem = "an entry is not key=value";
        return 0;
    }
    size_t at = (size_t)(equals - entry.ptr);
    struct obsvi_str raw = obsvi_text_trim((struct obsvi_str){equals + 1, entry.len - at - 1});
    if (raw.len && memchr(raw.ptr, '=', raw.len))
        *problem = "a value holds a second = (write it as %3D)";
    char *key = decode(obsvi_text_trim((struct obsvi_str){entry.ptr, at}), problem);
    char *value = decode(raw, problem);
    if (key && !key[0])
        *problem = "an entry has no key";
    int error = key && value ? 0 : OBSV_ERR_NOMEM;
    if (!error && !*problem)
        error = obsvi_pairs_set(out, obsvi_str_of(key), obsvi_str_of(value));
    free(key);
    free(value);
    return error;
}

static int read_attributes(struct obsvi_givens *g, struct obsvi_pairs *out)
{
    struct obsvi_str rest = obsvi_str_of(g->of[OBSVI_SET_RESOURCE_ATTRIBUTES].text), entry;
    const char *problem = NULL;
    while (!problem && obsvi_text_next(&rest, ',', &entry)) {
        entry = obsvi_text_trim(entry);
        int error = entry.len ? read_entry(entry, out, &problem) : 0;
        if (error)
            return error;
    }
    if (problem) {
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "OTEL_RESOURCE_ATTRIBUTES: %s, so all of it is ignored",
                   problem);
        obsvi_given_reject(g, OBSVI_SET_RESOURCE_ATTRIBUTES);
        obsvi_pairs_fini(out);
    }
    return 0;
}

/* ---- service.name and the APP_* variables -------------------------------------------------------------- */

static char *unknown_service(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    char *deleted = strstr(path, " (deleted)"); /* the file was replaced while it runs */
    if (deleted)
        *deleted = '\0';
    const char *slash = strrchr(path, '/');
    const char *exe = slash ? slash + 1 : path;
    return exe[0] ? obsvi_text_format("unknown_service:%s", exe) : obsvi_text_format("unknown_service");
}

static char *choose_service_name(const struct obsvi_givens *g, const struct obsvi_pairs *attrs)
{
    const struct {
        const char *value;
        enum obsvi_setting_id from;
    } sources[] = {{g->of[OBSVI_SET_SERVICE_NAME].text, OBSVI_SET_SERVICE_NAME},
                   {obsvi_pairs_find(attrs, "service.name"), OBSVI_SET_RESOURCE_ATTRIBUTES},
                   {g->of[OBSVI_SET_APP_NAME].text, OBSVI_SET_APP_NAME}};
    for (int only_overrides = 1; only_overrides >= 0; only_overrides--)
        for (size_t i = 0; i < 3; i++)
            if (sources[i].value && (!only_overrides || g->of[sources[i].from].is_override))
                return obsvi_text_copy(obsvi_str_of(sources[i].value));
    return unknown_service();
}

static const char *environment_of(const struct obsvi_pairs *attrs)
{
    const char *name = obsvi_pairs_find(attrs, "deployment.environment.name");
    return name ? name : obsvi_pairs_find(attrs, "deployment.environment"); /* its name until semconv 1.27 */
}

/* Does the APP_* variable count, given what the resource attributes already say? */
static const char *fills(const struct obsvi_givens *g, enum obsvi_setting_id app, const char *already)
{
    bool is_stronger = g->of[app].is_override && !g->of[OBSVI_SET_RESOURCE_ATTRIBUTES].is_override;
    return already && !is_stronger ? NULL : g->of[app].text;
}

static int fill_in(const struct obsvi_givens *g, struct obsvi_pairs *attrs)
{
    int error = 0;
    const char *environment = fills(g, OBSVI_SET_APP_ENV, environment_of(attrs));
    if (environment) {
        obsvi_pairs_remove(attrs, "deployment.environment");
        error = obsvi_pairs_set(attrs, OBSVI_STR("deployment.environment.name"), obsvi_str_of(environment));
    }
    const char *version = fills(g, OBSVI_SET_APP_VERSION, obsvi_pairs_find(attrs, "service.version"));
    if (version && !error)
        error = obsvi_pairs_set(attrs, OBSVI_STR("service.version"), obsvi_str_of(version));
    return error;
}

/* ---- Together ------------------------------------------------------------------------------------------ */

static int put_in_order(const struct obsvi_givens *g, const struct obsvi_pairs *attrs,
                        struct obsvi_config *out)
{
    struct obsvi_pair sdk[] = {
        {(char *)"telemetry.sdk.name", (char *)"obsv"},
        {(char *)"telemetry.sdk.language", (char *)(g->sdk_language ? g->sdk_language : "c")},
        {(char *)"telemetry.sdk.version", (char *)OBSV_VERSION_STRING},
    };
    const struct obsvi_pairs own = {sdk, sizeof sdk / sizeof *sdk};
    int error = obsvi_pairs_set(&out->resource, OBSVI_STR("service.name"), obsvi_str_of(out->service_name));
    return error ? error : obsvi_fit_copy(attrs, &own, &out->resource);
}

static int copy_if_set(const char *value, char **out)
{
    *out = value ? obsvi_text_copy(obsvi_str_of(value)) : NULL;
    return value && !*out ? OBSV_ERR_NOMEM : 0;
}

static void drop_sdk_attributes(struct obsvi_pairs *attrs)
{
    static const char *const ours[] = {"telemetry.sdk.name", "telemetry.sdk.language",
                                       "telemetry.sdk.version"};
    size_t before = attrs->count;
    for (size_t i = 0; i < 3; i++)
        obsvi_pairs_remove(attrs, ours[i]);
    if (attrs->count != before)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL,
                   "OTEL_RESOURCE_ATTRIBUTES: telemetry.sdk.* names the library itself and is left out");
}

int obsvi_resource_build(struct obsvi_givens *g, struct obsvi_config *out)
{
    struct obsvi_pairs attrs = {0};
    int error = g->of[OBSVI_SET_RESOURCE_ATTRIBUTES].text ? read_attributes(g, &attrs) : 0;
    if (!error) {
        drop_sdk_attributes(&attrs);
        error = obsvi_fit_keys(&attrs);
    }
    if (!error) {
        out->service_name = choose_service_name(g, &attrs);
        error = out->service_name ? fill_in(g, &attrs) : OBSV_ERR_NOMEM;
    }
    if (!error)
        error = copy_if_set(environment_of(&attrs), &out->environment);
    if (!error)
        error = copy_if_set(obsvi_pairs_find(&attrs, "service.version"), &out->version);
    if (!error)
        error = put_in_order(g, &attrs, out);
    obsvi_pairs_fini(&attrs);
    return error;
}
