/* loki: see loki.h. The lists are those of Loki's sources, in which each is named. */
#include "base/loki.h"

enum { HEX_SOURCE_BYTES_MAX = 32 };

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- Names --------------------------------------------------------------------------------------------- */

bool obsvi_loki_name_append(struct obsvi_loki_name *name, struct obsvi_str part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = is_alphanumeric(part.ptr[i]) ? part.ptr[i] : '_';
        if (c == '_' && name->n > 0 && name->text[name->n - 1] == '_')
            continue;
        if (name->n == OBSVI_LOKI_NAME_BYTES_MAX)
            return false;
        name->text[name->n++] = c;
    }
    return true;
}

bool obsvi_loki_name_is_listed(const struct obsvi_loki_name *name, const char *const *list, size_t count)
{
    struct obsvi_str text = {name->text, name->n};
    for (size_t i = 0; i < count; i++)
        if (obsvi_str_eq(text, obsvi_str_of(list[i])))
            return true;
    return false;
}

bool obsvi_loki_name_is_reserved(const struct obsvi_loki_name *name)
{
    /* Loki pkg/distributor/field_detection.go, in all their spellings there */
    static const char *const levels[] = {"level",         "log_level", "severity",      "severitytext",
                                         "severity_text", "lvl",       "detected_level"};
    static const char *const built_ins[] = {
        /* Loki pkg/loghttp/push/otlp.go */
        "trace_id", "span_id", "scope_name", "scope_version", "scope_dropped_attributes_count",
        "severity_number", "observed_timestamp", "flags", "event_name", "dropped_attributes_count",
        /* our mark */
        "log_repair"};

    struct obsvi_loki_name folded = {.n = name->n};
    for (size_t i = 0; i < name->n; i++)
        folded.text[i] = lower(name->text[i]);
    return obsvi_loki_name_is_listed(&folded, levels, sizeof levels / sizeof *levels) ||
           obsvi_loki_name_is_listed(name, built_ins, sizeof built_ins / sizeof *built_ins);
}

bool obsvi_loki_has_name(struct obsvi_str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (is_alphanumeric(key.ptr[i]))
            return true;
    return false;
}

void obsvi_loki_put_name(struct obsvi_bytes *out, struct obsvi_str key)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = key.len < HEX_SOURCE_BYTES_MAX ? key.len : HEX_SOURCE_BYTES_MAX;
    obsvi_bytes_put_text(out, n ? "key_" : "key_empty");
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)key.ptr[i];
        obsvi_bytes_put_u8(out, (uint8_t)digits[byte >> 4]);
        obsvi_bytes_put_u8(out, (uint8_t)digits[byte & 15]);
    }
}

/* ---- Resource attributes ------------------------------------------------------------------------------- */

int obsvi_loki_label_rank(const char *key)
{
    /* Loki pkg/loghttp/push/otlplabels/config.go, in its order */
    static const char *const labels[] = {
        "service.name",
        "service.namespace",
        "service.instance.id",
        "deployment.environment",
        "deployment.environment.name",
        "cloud.region",
        "cloud.availability_zone",
        "k8s.cluster.name",
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.container.name",
        "container.name",
        "k8s.replicaset.name",
        "k8s.deployment.name",
        "k8s.statefulset.name",
        "k8s.daemonset.name",
        "k8s.cronjob.name",
        "k8s.job.name",
    };
    for (int i = 0; i < (int)(sizeof labels / sizeof *labels); i++)
        if (strcmp(labels[i], key) == 0)
            return i;
    return -1;
}

/* Mending may make three bytes (U+FFFD) of any that is not ASCII. */
static size_t mended_bytes(const char *text, size_t max)
{
    size_t n = 0;
    for (; *text && n < max; text++)
        n += (unsigned char)*text < 0x80 ? 1 : 3;
    return n < max ? n : max;
}

size_t obsvi_loki_resource_bytes(const char *key, const char *value)
{
    return mended_bytes(key, SIZE_MAX) + OBSVI_LOKI_LEADING_DIGIT_BYTES +
           mended_bytes(value, OBSVI_LOKI_LABEL_VALUE_BYTES_MAX);
}
