/* http_sink: see http_sink.h for the model. */
#include "sink/http_sink.h"

#include "base/fd.h"
#include "config/headers.h"
#include "encode/encode.h"
#include "obsv.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    RESPONSE_BYTES_MAX = 4 << 20, /* spec protocol/exporter.md: Max Response Size */
    SOCKET_COUNT_MAX = 16,
    CONNECT_TIMEOUT_MS = 5000, /* part of the request's time-out; a black hole should not eat all of it */
};

struct obsvi_http_sink {
    const struct obsvi_config *config;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;      /* without Content-Encoding */
    struct curl_slist *gzip_headers; /* with it */
    struct obsvi_bytes response;
    bool response_too_large;
    bool head_is_whole; /* the blank line after the last status line has come */
    bool is_busy;
    char error[CURL_ERROR_SIZE];
    curl_socket_t sockets[SOCKET_COUNT_MAX]; /* open ones, for obsvi_http_after_fork */
};

/* ---- libcurl's callbacks ------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct obsvi_http_sink *s = arg;
    size_t n = size * count;
    if (s->response.len + n > RESPONSE_BYTES_MAX) {
        s->response_too_large = true; /* treated as not retryable, so the rest is not wanted */
        return 0;
    }
    obsvi_bytes_put(&s->response, data, n);
    return n;
}

/* libcurl takes a head that ends in the middle for a whole one. Each line comes here, of a trailer too. */
static size_t on_head_line(char *line, size_t size, size_t count, void *arg)
{
    struct obsvi_http_sink *s = arg;
    size_t n = size * count;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0)
        s->head_is_whole = false;
    else if (n > 0 && (line[0] == '\r' || line[0] == '\n'))
        s->head_is_whole = true;
    return n;
}

/* It opens a pair of sockets at once: above standard input, output and error (base/fd.h). */
static CURLM *new_multi(void)
{
    int held[OBSVI_STDIO_COUNT];
    size_t held_count = 0;
    for (int fd; held_count < OBSVI_STDIO_COUNT && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) {
        held[held_count++] = fd;
        if (fd >= OBSVI_STDIO_COUNT)
            break;
    }
    CURLM *multi = curl_multi_init();
    while (held_count > 0)
        close(held[--held_count]);
    return multi;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct obsvi_http_sink *s = arg;
    (void)purpose;
    curl_socket_t fd =
        obsvi_fd_above_stdio(socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
    for (int i = 0; fd >= 0 && i < SOCKET_COUNT_MAX; i++) {
        if (s->sockets[i] < 0) {
            s->sockets[i] = fd;
            break;
        }
    }
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    struct obsvi_http_sink *s = arg;
    for (int i = 0; i < SOCKET_COUNT_MAX; i++)
        if (s->sockets[i] == fd)
            s->sockets[i] = -1;
    return close(fd);
}

/* ---- Set-up -------------------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char *line = NULL;
    if (asprintf(&line, "%s: %s", name, value) < 0)
        return false;
    struct curl_slist *longer = curl_slist_append(*list, line);
    free(line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool make_headers(const struct obsvi_config *c, const struct obsvi_pairs *headers, bool is_gzip,
                         struct curl_slist **out)
{
    const char *type = c->protocol == OBSVI_HTTP_JSON ? "application/json" : "application/x-protobuf";
    bool ok = add_header(out, "Content-Type", type) && add_header(out, "Expect", "");
    if (is_gzip)
        ok = ok && add_header(out, "Content-Encoding", "gzip");
    for (size_t i = 0; i < headers->count; i++)
        ok = ok && add_header(out, headers->items[i].key, headers->items[i].value);
    return ok;
}

static bool is_same_list(const struct curl_slist *a, const struct curl_slist *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (strcmp(a->data, b->data) != 0)
            return false;
    return !a && !b;
}

int obsvi_http_set_headers(struct obsvi_http_sink *s, const struct obsvi_pairs *headers)
{
    struct curl_slist *plain = NULL, *gzip = NULL;
    bool ok =
        make_headers(s->config, headers, false, &plain) && make_headers(s->config, headers, true, &gzip);
    if (!ok || is_same_list(plain, s->headers)) {
        curl_slist_free_all(plain);
        curl_slist_free_all(gzip);
        return ok ? 0 : OBSV_ERR_NOMEM;
    }
    curl_slist_free_all(s->headers);
    curl_slist_free_all(s->gzip_headers);
    s->headers = plain;
    s->gzip_headers = gzip;
    return 1;
}

static void set_options(struct obsvi_http_sink *s)
{
    const struct obsvi_config *c = s->config;
    CURL *e = s->easy;
    curl_easy_setopt(e, CURLOPT_URL, c->endpoint);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "obsv/" OBSV_VERSION_STRING); /* exporter.md, User Agent */
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head_line);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, s);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, s);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->error);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a hanging name look-up is abandoned, not waited for */
#endif
    if (strncasecmp(c->endpoint, "http:", 5) == 0)
        curl_easy_setopt(e, CURLOPT_PROXY,
                         ""); /* law 5: a proxy from the environment would see headers in the clear */
    if (c->certificate)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->certificate);
    if (c->client_certificate)
        curl_easy_setopt(e, CURLOPT_SSLCERT, c->client_certificate);
    if (c->client_key)
        curl_easy_setopt(e, CURLOPT_SSLKEY, c->client_key);
}

struct obsvi_http_sink *obsvi_http_new(const struct obsvi_config *config)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* thread-safe and counted since 7.84 */
        return NULL;
    struct obsvi_http_sink *s = calloc(1, sizeof *s);
    if (!s) {
        curl_global_cleanup();
        return NULL;
    }
    for (int i = 0; i < SOCKET_COUNT_MAX; i++)
        s->sockets[i] = -1;
    s->config = config;
    s->multi = new_multi();
    s->easy = curl_easy_init();
    if (!s->multi || !s->easy || obsvi_http_set_headers(s, &config->headers) < 0) {
        obsvi_http_free(s);
        return NULL;
    }
    if (config->endpoint)
        set_options(s);
    return s;
}

void obsvi_http_free(struct obsvi_http_sink *s)
{
    if (!s)
        return;
    if (s->is_busy)
        curl_multi_remove_handle(s->multi, s->easy);
    curl_easy_cleanup(s->easy);
    curl_multi_cleanup(s->multi);
    curl_slist_free_all(s->headers);
    curl_slist_free_all(s->gzip_headers);
    obsvi_bytes_fini(&s->response);
    free(s);
    curl_global_cleanup();
}

/* ---- A request ----------------------------------------------------------------------------------------- */

int obsvi_http_start(struct obsvi_http_sink *s, const void *body, size_t body_bytes, bool is_gzip,
                     uint32_t timeout_ms)
{
    const bool is_limited = timeout_ms != UINT32_MAX;
    obsvi_bytes_clear(&s->response);
    s->response_too_large = s->head_is_whole = false;
    s->error[0] = '\0';
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_bytes);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, is_gzip ? s->gzip_headers : s->headers);
    curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, is_limited ? (long)timeout_ms : 0L);
    curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
        return OBSV_ERR_NOMEM;
    s->is_busy = true;
    return 0;
}

bool obsvi_http_is_busy(const struct obsvi_http_sink *s)
{
    return s->is_busy;
}

/* Retry-After: delay-seconds or HTTP-date (RFC 9110 §10.2.3). -1: absent or unreadable. */
static int64_t read_retry_after(CURL *easy)
{
    struct curl_header *h;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return -1;
    char *end;
    long long seconds = strtoll(h->value, &end, 10);
    if (end != h->value && *end == '\0')
        return seconds < 0 ? -1 : seconds > INT32_MAX ? (int64_t)INT32_MAX * 1000 : seconds * 1000;
    time_t date = curl_getdate(h->value, NULL);
    if (date == -1)
        return -1;
    time_t now = time(NULL);
    return date > now ? (int64_t)(date - now) * 1000 : 0;
}

static bool answer_is_json(CURL *easy)
{
    const char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return type && strncasecmp(type, "application/json", 16) == 0;
}

static bool answer_is_otlp(CURL *easy)
{
    const char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return type && (answer_is_json(easy) || strncasecmp(type, "application/x-protobuf", 22) == 0);
}

/* A proxy or a wrong address answers in its own words (HTML, plain text): the beginning of it is shown. */
static void quote_answer(const struct obsvi_bytes *response, char *out, size_t out_bytes)
{
    size_t n = response->len < 160 ? response->len : 160;
    n = n < out_bytes - 1 ? n : out_bytes - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = response->data[i] >= 0x20 && response->data[i] < 0x7f ? (char)response->data[i] : ' ';
    out[n] = '\0';
}

/* How much of `secret`, eight bytes at least, stands at p: all of it, or what the message's end left of it.
 */
static size_t match_secret(const char *p, const char *secret)
{
    size_t n = 0;
    while (p[n] && p[n] == secret[n])
        n++;
    return n >= 8 && (p[n] == '\0' || secret[n] == '\0') ? n : 0;
}

/* Law 5: an endpoint, or what answers in its place, may repeat what it was sent. Of a credential that is the
 * part behind its scheme, if any. */
static void mask_credentials(const struct curl_slist *headers, char *message)
{
    for (; headers; headers = headers->next) {
        const char *colon = strchr(headers->data, ':');
        const char *space = strrchr(headers->data, ' ');
        if (!colon || !space ||
            !obsvi_headers_is_credential((struct obsvi_str){headers->data, (size_t)(colon - headers->data)}))
            continue;
        for (char *p = message; *p; p++)
            memset(p, '*', match_secret(p, space + 1));
    }
}

static void read_answer(struct obsvi_http_sink *s, CURLcode code, struct obsvi_http_result *out)
{
    long status = 0;
    *out = (struct obsvi_http_result){.retry_after_ms = -1};
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    /* An answer cut short is no answer, unless its status already says what to do (a 413 while we were still
     * sending). */
    if (!s->head_is_whole || (code != CURLE_OK && !s->response_too_large && status < 300)) {
        const char *why = code == CURLE_OK ? "the answer was cut short" : curl_easy_strerror(code);
        (void)snprintf(out->message, sizeof out->message, "%s", s->error[0] ? s->error : why);
        return;
    }
    out->status = (int)status;
    out->retry_after_ms = read_retry_after(s->easy);
    if (s->response_too_large)
        (void)snprintf(out->message, sizeof out->message, "the answer is larger than 4 MiB");
    else if (answer_is_otlp(s->easy))
        out->rejected_count =
            obsvi_response_read(answer_is_json(s->easy), status >= 300 || status == 260 /* Loki: rejected */,
                                s->response.data, s->response.len, out->message, sizeof out->message);
    else
        quote_answer(&s->response, out->message, sizeof out->message);
    mask_credentials(s->headers, out->message);
}

bool obsvi_http_pump(struct obsvi_http_sink *s, struct obsvi_http_result *out)
{
    int running = 0, queued = 0;
    if (!s->is_busy)
        return false;
    curl_multi_perform(s->multi, &running);
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &queued));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        read_answer(s, m->data.result, out);
        curl_multi_remove_handle(s->multi, s->easy);
        s->is_busy = false;
        return true;
    }
    return false;
}

void obsvi_http_wait(struct obsvi_http_sink *s, int extra_fd, int timeout_ms)
{
    struct curl_waitfd extra = {.fd = extra_fd, .events = CURL_WAIT_POLLOUT};
    curl_multi_poll(s->multi, &extra, extra_fd >= 0 ? 1 : 0, timeout_ms, NULL);
}

void obsvi_http_wake(struct obsvi_http_sink *s)
{
    curl_multi_wakeup(s->multi);
}

void obsvi_http_after_fork(struct obsvi_http_sink *s)
{
    for (int i = 0; i < SOCKET_COUNT_MAX; i++)
        if (s->sockets[i] >= 0)
            close(s->sockets[i]);
}
