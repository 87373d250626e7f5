/* OTEL_EXPORTER_OTLP_HEADERS: one row for each rule of the grammar (spec: protocol/exporter.md; W3C Baggage
 * as opentelemetry-python reads it). */
#include "capture.h"

#include "config/headers.h"
#include "config/pairs.h"

struct row {
    const char *text;
    const char *expected; /* "k=v|k=v" */
    unsigned warnings;
    const char *warned_of; /* part of one of them, or NULL */
};

static const struct row rows[] = {
    /* both ways to write a credential; padding stays in the value */
    {"Authorization=Basic abc==", "authorization=Basic abc==", 0, NULL},
    {"Authorization=Basic%20abc==", "authorization=Basic abc==", 0, NULL},
    {"Authorization=Bearer%20a.b.c", "authorization=Bearer a.b.c", 0, NULL},
    /* '+' and '/' are base64, not spaces */
    {"Authorization=Basic%20a+b/c==", "authorization=Basic a+b/c==", 0, NULL},
    {"Authorization=Basic a+b/c==", "authorization=Basic a+b/c==", 0, NULL},
    /* with a space nothing is decoded, without one everything is */
    {"k=a b%2Cc", "k=a b%2Cc", 0, NULL},
    {"k=a%2Cb%3Bc%22%5C%3D", "k=a,b;c\"\\=", 0, NULL},
    {"k=%c3%A9", "k=\xc3\xa9", 0, NULL},
    /* a stray percent sign stays, as with Python's unquote */
    {"k=100%,l=%zz,m=%4", "k=100%|l=%zz|m=%4", 0, NULL},
    {"k=%%41", "k=%A", 0, NULL},
    /* white space around list, entries, key and value; empty entries */
    {" a = 1 ,\tb=2\t, ,c=3,", "a=1|b=2|c=3", 0, NULL},
    {"a=1\r\n", "a=1", 0, NULL},
    {",,,", "", 0, NULL},
    /* keys are lower-cased; all token characters; the last of two wins in the place of the first */
    {"X-Scope-OrgID=7", "x-scope-orgid=7", 0, NULL},
    {"a!#$&'*+-.^_`|~9=1", "a!#$&'*+-.^_`|~9=1", 0, NULL},
    {"A=1,b=2,a=3", "a=3|b=2", 0, NULL},
    /* the first '=' separates */
    {"k=a=b=c", "k=a=b=c", 0, NULL},
    /* quotes around the whole (removed once for all) and around one value */
    {"\"Authorization=Basic abc==\"", "authorization=Basic abc==", 1, "quotes"},
    {"'a=1,b=2'", "a=1|b=2", 1, "quotes"},
    {"Authorization=\"Basic abc==\"", "authorization=Basic abc==", 1, "header Authorization"},
    {"a='1',b=2", "a=1|b=2", 1, "header a"},
    /* bad entries are skipped on their own */
    {"a=1,nonsense,b=2", "a=1|b=2", 1, "entry 2"},
    {"=1,b=2", "b=2", 1, "entry 1"},
    {"a b=1,c=2", "c=2", 1, "entry 1"},
    {"a:b=1,c=2", "c=2", 1, "entry 1"},
    {"Authorization: Basic abc==,c=2", "c=2", 1, "entry 1"},
    {"k=a;b,c=2", "c=2", 1, "header k"},
    {"k=a\\b,c=2", "c=2", 1, "header k"},
    {"k=a\"b,c=2", "c=2", 1, "header k"},
    {"k=\xc3\xa9,c=2", "c=2", 1, "header k"},
    {"k=,c=2", "c=2", 1, "entry 1"},
    {"k=\"\",c=2", "c=2", 2, "header k has no value"},
    /* header injection */
    {"k=a%0d%0aEvil:%201,c=2", "c=2", 1, "header k"},
    {"k=a%0A,c=2", "c=2", 1, "header k"},
    {"k=a%00b,c=2", "c=2", 1, "header k"},
    {"k=a\nb,c=2", "c=2", 1, "header k"},
    {"k=a%7f,c=2", "c=2", 1, "header k"},
    {"k%0d%0aevil=1,c=2", "c=2", 1, "entry 1"},
    {"k=a%09b", "k=a\tb", 0, NULL},
    /* ours */
    {"Content-Type=text/plain,a=1", "a=1", 1, "header Content-Type"},
    {"content-length=1,Content-Encoding=br,HOST=h,user-agent=u,transfer-encoding=chunked,Connection=close,"
     "expect=x",
     "", 7, "header HOST"},
};

static void test_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        capture_start();
        setenv("OTEL_EXPORTER_OTLP_HEADERS", rows[i].text, 1);
        struct obsvi_config c = loaded(NULL);
        assert_pairs(&c.headers, rows[i].expected);
        assert_warned(rows[i].warnings);
        if (rows[i].warned_of) {
            assert_warned_of(rows[i].warned_of);
            assert_warned_of("OTEL_EXPORTER_OTLP_HEADERS: ");
        }
        obsvi_config_fini(&c);
    }
}

static void test_logs_form_replaces_general_form(void **state)
{
    (void)state;
    struct obsvi_config c = loaded_from(
        ENVIRONMENT("OTEL_EXPORTER_OTLP_HEADERS=a=1,b=2", "OTEL_EXPORTER_OTLP_LOGS_HEADERS=c=3,bad"));
    assert_pairs(&c.headers, "c=3");
    assert_warned(1);
    assert_warned_of("OTEL_EXPORTER_OTLP_LOGS_HEADERS: entry 2");
    obsvi_config_fini(&c);
}

static void test_credentials_are_recognised(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "authorization=x", "proxy-authorization=x", "cookie=x",        "x-api-key=x",
        "apikey=x",        "x-auth-token=x",        "api_key=x",       "client-secret=x",
        "x-password=x",    "x-access-key=x",        "a=1,DD-API-KEY=x"};
    static const char *const no[] = {"x-scope-orgid=x", "a=authorization", "traceparent=x", "x-tenant=token"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        struct obsvi_pairs p = {0};
        assert_int_equal(obsvi_headers_parse("H", yes[i], &p), 0);
        if (!obsvi_headers_have_credentials(&p))
            fail_msg("%s", yes[i]);
        obsvi_pairs_fini(&p);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        struct obsvi_pairs p = {0};
        assert_int_equal(obsvi_headers_parse("H", no[i], &p), 0);
        if (obsvi_headers_have_credentials(&p))
            fail_msg("%s", no[i]);
        obsvi_pairs_fini(&p);
    }
}

static void test_mask(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"Authorization=Basic abc==", "Authorization=Basic ****"},
        {"authorization=bearer%20abc", "authorization=Bearer ****"},
        {"Authorization=abc,x-scope-orgid=7", "Authorization=****,x-scope-orgid=****"},
        {"c2VjcmV0==", "****"},
        {"c2VjcmV0=", "****"},
        {"c2VjcmV0, a=1,", "****,a=****"},
        {"Authorization: Basic c2VjcmV0==", "****"},
        {"Basic%20c2VjcmV0==", "****"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *masked = obsvi_headers_mask(table[i][0]);
        assert_string_equal(masked, table[i][1]);
        free(masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_logs_form_replaces_general_form),
        cmocka_unit_test(test_credentials_are_recognised),
        cmocka_unit_test(test_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
