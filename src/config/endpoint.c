/* endpoint: see endpoint.h.
 *
 * The text is split here only to cut parts out of it byte by byte (putting a URL together again from parsed
 * parts would normalise it); it is then given to libcurl's parser, which has the last word.
 */
#include "config/endpoint.h"
#include "base/diag.h"
#include "config/text.h"
#include "obsv.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

/* scheme "://" [ userinfo "@" ] authority path [ "?" query ] [ "#" fragment ], query and fragment with their
 * sign. */
struct parts {
    struct obsvi_str scheme, userinfo, authority, path, query;
};

static struct obsvi_str until(const char **at, const char *stops)
{
    struct obsvi_str s = {*at, strcspn(*at, stops)};
    *at += s.len;
    return s;
}

static bool split(const char *text, struct parts *out)
{
    const char *colon = strstr(text, "://");
    if (!colon)
        return false;
    *out = (struct parts){.scheme = {text, (size_t)(colon - text)}};
    const char *at = colon + 3;
    out->authority = until(&at, "/?#");
    out->path = until(&at, "?#");
    out->query = until(&at, "#");
    const char *sign = out->authority.len ? memrchr(out->authority.ptr, '@', out->authority.len) : NULL;
    if (sign) {
        out->userinfo = (struct obsvi_str){out->authority.ptr, (size_t)(sign - out->authority.ptr)};
        out->authority = (struct obsvi_str){sign + 1, out->authority.len - out->userinfo.len - 1};
    }
    return true;
}

static char *join(const struct parts *p, const char *suffix)
{
    return obsvi_text_format("%.*s://%.*s%.*s%s%.*s", (int)p->scheme.len, p->scheme.ptr,
                             (int)p->authority.len, p->authority.ptr, (int)p->path.len, p->path.ptr, suffix,
                             (int)p->query.len, p->query.ptr);
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN + 1] = "";
    size_t n = strlen(host);
    if (n > 2 && n < sizeof bare && host[0] == '[')
        memcpy(bare, host + 1, n - 2);
    return strcasecmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127) ||
           (inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

static void warn(const char *name, const char *what)
{
    obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s: %s", name, what);
}

static bool ends_with(struct obsvi_str s, const char *end)
{
    size_t n = strlen(end);
    return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

/* Mistakes that give a valid URL where nobody answers as expected. */
static void warn_unlikely(const char *name, bool is_base, const struct parts *p, const char *host,
                          const char *port)
{
    bool is_bare = p->path.len == 0 || obsvi_str_eq(p->path, OBSVI_STR("/"));
    if (strcmp(port, "4317") == 0)
        warn(name,
             "port 4317 is usually OTLP over gRPC, which is not supported; OTLP/HTTP is usually port 4318");
    if (is_base && (ends_with(p->path, "/v1/logs") || ends_with(p->path, "/v1/logs/")))
        warn(name,
             "v1/logs is appended to it, so leave v1/logs out here, or use OTEL_EXPORTER_OTLP_LOGS_ENDPOINT");
    if (!is_base && is_bare)
        warn(name, "is used as it is, without v1/logs; for a base URL use OTEL_EXPORTER_OTLP_ENDPOINT");
    if (is_base && is_bare && strncasecmp(host, "otlp-gateway", 12) == 0 &&
        ends_with(obsvi_str_of(host), ".grafana.net"))
        warn(name, "Grafana Cloud answers 404 unless the URL ends in /otlp");
}

/* libcurl's verdict on the URL, and what it says about its host. */
static int inspect(const char *name, bool is_base, const struct parts *p, struct obsvi_endpoint *out)
{
    char *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, out->url, 0) : CURLUE_OUT_OF_MEMORY;
    if (!code)
        code = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (!code)
        code = curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!code) {
        out->is_loopback = is_loopback(host);
        warn_unlikely(name, is_base, p, host, port);
    } else if (code != CURLUE_OUT_OF_MEMORY) {
        obsvi_diag(
            OBSVI_DIAG_WARNING, NULL,
            "%s: not a usable URL (%s), so nothing is exported; write for example http://localhost:4318",
            name, curl_url_strerror(code));
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return !code ? 0 : code == CURLUE_OUT_OF_MEMORY ? OBSV_ERR_NOMEM : OBSV_ERR_ARGUMENT;
}

/* What is appended to the path, which may lose trailing slashes for it. */
static const char *suffix_for(struct parts *p, bool is_base)
{
    if (!is_base)
        return p->path.len ? "" : "/";
    while (p->path.len && p->path.ptr[p->path.len - 1] == '/')
        p->path.len--;
    return "/v1/logs";
}

int obsvi_endpoint_parse(const char *name, const char *text, bool is_base, struct obsvi_endpoint *out)
{
    struct parts given, used;
    if (!split(text, &given) ||
        (!obsvi_text_same(given.scheme, "http") && !obsvi_text_same(given.scheme, "https"))) {
        warn(name, "does not begin with http:// or https://, so nothing is exported; write for example "
                   "http://localhost:4318");
        return OBSV_ERR_ARGUMENT;
    }
    if (given.authority.len == 0) {
        warn(name, "has no host, so nothing is exported; write for example http://localhost:4318");
        return OBSV_ERR_ARGUMENT;
    }
    if (given.userinfo.ptr)
        warn(name, "user and password in the URL are left out; give them as OTEL_EXPORTER_OTLP_HEADERS="
                   "Authorization=Basic%20<base64 of user:password>");
    used = given;
    struct obsvi_endpoint e = {.is_plain = obsvi_text_same(given.scheme, "http")};
    const char *suffix = suffix_for(&used, is_base);
    e.url = join(&used, suffix);
    int error = e.url ? inspect(name, is_base, &given, &e) : OBSV_ERR_NOMEM;
    if (error)
        obsvi_text_wipe(e.url);
    else
        *out = e;
    return error;
}

char *obsvi_endpoint_mask(const char *url)
{
    struct parts p;
    if (!split(url, &p)) /* not a URL: perhaps something that was meant for another variable */
        return obsvi_text_format("****");
    if (p.query.len)
        p.query = OBSVI_STR("?****");
    return join(&p, "");
}
