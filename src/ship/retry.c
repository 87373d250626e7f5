/* retry: see retry.h. */
#include "ship/retry.h"

enum obsvi_verdict obsvi_retry_judge(const struct obsvi_http_result *r)
{
    switch (r->status) {
    case 0: /* no answer: refused, reset, timed out, name unknown, TLS failed */
    case 429:
    case 502:
    case 503:
    case 504:
        return OBSVI_TRY_AGAIN;
    case 401:
    case 403:
    case 404:
        return OBSVI_HOLD;
    case 413:
        return OBSVI_SPLIT;
    case 260: /* Loki: block_ingestion_status_code, rejected although it looks like success */
        return OBSVI_REFUSED;
    default:
        return r->status >= 200 && r->status < 300 ? OBSVI_ACKNOWLEDGED : OBSVI_REFUSED;
    }
}

bool obsvi_retry_is_ordered(const struct obsvi_http_result *r)
{
    return r->retry_after_ms >= 0 && (r->status == 429 || r->status == 503);
}

uint32_t obsvi_retry_delay_ms(const struct obsvi_http_result *r, uint32_t attempt, uint32_t random)
{
    if (obsvi_retry_is_ordered(r)) {
        uint64_t wait = (uint64_t)r->retry_after_ms;
        wait += (wait / 10 + 100) * (random >> 16) / 65536;
        return wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX - 1;
    }
    uint32_t wait = OBSVI_BACKOFF_FIRST_MS;
    while (--attempt > 0 && wait < OBSVI_BACKOFF_MAX_MS)
        wait *= 2;
    if (wait > OBSVI_BACKOFF_MAX_MS)
        wait = OBSVI_BACKOFF_MAX_MS;
    return wait / 2 + (uint32_t)((uint64_t)(wait / 2) * random >> 32);
}

const char *obsvi_retry_hint(const struct obsvi_http_result *r)
{
    switch (r->status) {
    case 401:
    case 403:
        return "; check OTEL_EXPORTER_OTLP_HEADERS: Grafana Cloud wants Authorization=Basic "
               "base64(instance_id:token), a token with "
               "the scope logs:write";
    case 404:
        return "; check the endpoint's path: for Grafana Cloud OTEL_EXPORTER_OTLP_ENDPOINT ends in /otlp";
    case 405:
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return "; the endpoint does not speak OTLP/HTTP at this address (redirects are not followed)";
    case 413:
        return "; a single record is too large for the endpoint";
    case 415:
        return "; the endpoint does not know this OTEL_EXPORTER_OTLP_PROTOCOL or _COMPRESSION";
    default:
        return "";
    }
}
