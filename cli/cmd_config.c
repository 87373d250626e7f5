/* obsv config: what a service started here and now would do, and why.
 *
 * It reads the environment with the very code that obsv_init uses, so what it prints is not a second opinion.
 * Three forms: a table for people, --json for machines, --markdown for docs/CONFIGURATION.md. Law 5: secrets
 * are masked before they get here (values[]), and headers are shown by their keys alone.
 */
#include "cli.h"

#include <argp.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "config/endpoint.h"
#include "config/settings.h"
#include "show.h"

enum form { FORM_TABLE, FORM_JSON, FORM_MARKDOWN };

struct options {
    enum form form;
    enum obsvi_color color;
};

static const char *const origins[] = {
    [OBSVI_ORIGIN_DEFAULT] = "default",
    [OBSVI_ORIGIN_ENVIRONMENT] = "environment",
    [OBSVI_ORIGIN_OVERRIDE] = "program",
    [OBSVI_ORIGIN_INVALID] = "default (given value is bad)",
};

static const char *const colors[] = {
    [OBSVI_ORIGIN_DEFAULT] = "\033[2m",
    [OBSVI_ORIGIN_ENVIRONMENT] = "\033[36m",
    [OBSVI_ORIGIN_OVERRIDE] = "\033[36m",
    [OBSVI_ORIGIN_INVALID] = "\033[31m",
};

/* The environment may hold any bytes, JSON and terminals want UTF-8: text that is not becomes ASCII with '?'.
 */
static json_t *text_of(const char *s)
{
    json_t *text = json_string(s);
    char *ascii = text ? NULL : strdup(s);
    if (!ascii)
        return text;
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    text = json_string(ascii);
    free(ascii);
    return text;
}

static json_t *text_or_null(const char *s)
{
    return s ? text_of(s) : json_null();
}

/* ---- --json -------------------------------------------------------------------------------------------- */

static json_t *pairs_of(const struct obsvi_pairs *pairs, bool is_secret)
{
    json_t *object = json_object();
    for (size_t i = 0; i < pairs->count; i++) {
        json_t *key = text_of(pairs->items[i].key);
        json_object_set_new(object, json_string_value(key),
                            text_of(is_secret ? "****" : pairs->items[i].value));
        json_decref(key);
    }
    return object;
}

static json_t *settings_of(const struct obsvi_config *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        json_t *setting = json_object();
        json_object_set_new(setting, "name", json_string(obsvi_settings[i].name));
        json_object_set_new(setting, "keyword", json_string(obsvi_settings[i].keyword));
        json_object_set_new(setting, "value", text_or_null(c->values[i].text));
        json_object_set_new(setting, "origin", json_string(origins[c->values[i].origin]));
        json_object_set_new(setting, "default", text_or_null(obsvi_settings[i].default_text));
        json_array_append_new(list, setting);
    }
    return list;
}

static json_t *endpoint_of(const struct obsvi_config *c)
{
    char *url = c->endpoint ? obsvi_endpoint_mask(c->endpoint) : NULL;
    json_t *text = text_or_null(url);
    free(url);
    return text;
}

static void write_json(const struct obsvi_config *c, struct obsvi_bytes *out)
{
    char summary[1024];
    obsvi_config_summary(c, summary, sizeof summary);
    json_t *document = json_object();
    json_object_set_new(document, "summary", text_of(summary));
    json_object_set_new(document, "export", json_boolean(c->export_on));
    json_object_set_new(document, "export_off_reason", text_or_null(c->export_off_reason));
    json_object_set_new(document, "endpoint", endpoint_of(c));
    json_object_set_new(document, "stdout", json_boolean(c->stdout_on));
    json_object_set_new(document, "headers", pairs_of(&c->headers, true));
    json_object_set_new(document, "resource", pairs_of(&c->resource, false));
    json_object_set_new(document, "settings", settings_of(c));
    char *text = json_dumps(document, JSON_INDENT(2));
    if (text)
        obsvi_bytes_put_text(out, text);
    else
        out->failed = true;
    obsvi_bytes_put_u8(out, '\n');
    free(text);
    json_decref(document);
}

/* ---- The table ----------------------------------------------------------------------------------------- */

struct table {
    struct obsvi_bytes *out;
    bool is_colored;
    size_t name_columns, value_columns;
};

static void put_color(struct table *t, const char *color)
{
    if (t->is_colored)
        obsvi_bytes_put_text(t->out, color);
}

/* Characters, near enough to columns: what is shown here is rarely anything but ASCII. */
static size_t columns_of(const uint8_t *s, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++)
        columns += (s[i] & 0xc0) != 0x80;
    return columns;
}

/* Harmless on a terminal; padded to at least `columns`. Returns the columns it took without the padding. */
static size_t put_cell(struct obsvi_bytes *out, const char *s, size_t columns)
{
    json_t *text = text_of(s);
    size_t start = out->len;
    if (text)
        obsvi_show_plain(out, json_string_value(text), json_string_length(text), NULL);
    size_t taken = columns_of(out->data + start, out->len - start);
    for (size_t i = taken; i < columns; i++)
        obsvi_bytes_put_u8(out, ' ');
    json_decref(text);
    return taken;
}

static const char *value_of(const struct obsvi_config *c, size_t i)
{
    return c->values[i].text ? c->values[i].text : "-";
}

/* Wide enough for every name, and for every value that is not unreasonably long. */
static void measure(struct table *t, const struct obsvi_config *c)
{
    enum { VALUE_COLUMNS_MAX = 48 };
    struct obsvi_bytes scratch = {0};
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        size_t name = strlen(obsvi_settings[i].name);
        size_t value = put_cell(&scratch, value_of(c, i), 0);
        t->name_columns = name > t->name_columns ? name : t->name_columns;
        if (value > t->value_columns && value <= VALUE_COLUMNS_MAX)
            t->value_columns = value;
    }
    obsvi_bytes_fini(&scratch);
}

static void put_heading(struct table *t, const char *text)
{
    put_color(t, "\033[1m");
    obsvi_bytes_put_text(t->out, text);
    put_color(t, "\033[0m");
    obsvi_bytes_put_u8(t->out, '\n');
}

static void put_setting(struct table *t, const struct obsvi_config *c, size_t i)
{
    enum obsvi_origin origin = c->values[i].origin;
    obsvi_bytes_put_text(t->out, "  ");
    put_cell(t->out, obsvi_settings[i].name, t->name_columns + 2);
    put_color(t, colors[origin]);
    put_cell(t->out, value_of(c, i), t->value_columns);
    obsvi_bytes_put_text(t->out, "  ");
    obsvi_bytes_put_text(t->out, origins[origin]);
    put_color(t, "\033[0m");
    obsvi_bytes_put_u8(t->out, '\n');
}

static void put_fact(struct table *t, const char *name, const char *value)
{
    obsvi_bytes_put_text(t->out, "  ");
    put_cell(t->out, name, t->name_columns + 2);
    put_cell(t->out, value, 0);
    obsvi_bytes_put_u8(t->out, '\n');
}

static void put_outcome(struct table *t, const struct obsvi_config *c)
{
    char summary[1024];
    obsvi_config_summary(c, summary, sizeof summary);
    put_heading(t, "Together");
    obsvi_bytes_put_text(t->out, "  ");
    put_cell(t->out, summary, 0);
    obsvi_bytes_put_text(t->out, "\n\n");
    put_heading(t, "Resource");
    for (size_t i = 0; i < c->resource.count; i++)
        put_fact(t, c->resource.items[i].key, c->resource.items[i].value);
    if (c->headers.count == 0)
        return;
    obsvi_bytes_put_u8(t->out, '\n');
    put_heading(t, "Request headers");
    for (size_t i = 0; i < c->headers.count; i++)
        put_fact(t, c->headers.items[i].key, "****");
}

static void write_table(const struct obsvi_config *c, struct obsvi_bytes *out, bool is_colored)
{
    struct table t = {.out = out, .is_colored = is_colored};
    measure(&t, c);
    for (size_t i = 0; i < obsvi_settings_count; i++) {
        const char *group = obsvi_settings[i].group;
        if (i == 0 || strcmp(group, obsvi_settings[i - 1].group) != 0) {
            if (i)
                obsvi_bytes_put_u8(out, '\n');
            put_heading(&t, group);
        }
        put_setting(&t, c, i);
    }
    obsvi_bytes_put_u8(out, '\n');
    put_outcome(&t, c);
}

/* ---- The subcommand ------------------------------------------------------------------------------------ */

enum { KEY_JSON = 'j', KEY_MARKDOWN = 'm', KEY_COLOR = 0x100 };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_JSON:
        o->form = FORM_JSON;
        return 0;
    case KEY_MARKDOWN:
        o->form = FORM_MARKDOWN;
        return 0;
    case KEY_COLOR:
        if (!obsvi_color_parse(arg, &o->color))
            argp_error(state, "--color takes auto, always or never, not \"%s\"", arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument \"%s\"", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"json", KEY_JSON, NULL, 0, "One JSON document, for machines", 0},
    {"markdown", KEY_MARKDOWN, NULL, 0, "The reference of all settings, as in docs/CONFIGURATION.md", 0},
    {"color", KEY_COLOR, "WHEN", 0, OBSVI_COLOR_HELP, 0},
    {0},
};

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Shows every setting's value in this environment, where it came from, and what they come to "
           "together: where "
           "logs would go, or why they would not. Secrets are masked.",
};

static int write_form(const struct options *o, struct obsvi_bytes *out)
{
    if (o->form == FORM_MARKDOWN) {
        obsvi_config_reference(out);
        return OBSVI_EXIT_OK;
    }
    struct obsvi_config c;
    if (obsvi_config_load(&c, NULL) != 0) {
        fputs("obsv config: out of memory\n", stderr);
        return OBSVI_EXIT_FAILED;
    }
    if (o->form == FORM_JSON)
        write_json(&c, out);
    else
        write_table(&c, out, obsvi_color_wanted(o->color, STDOUT_FILENO));
    obsvi_config_fini(&c);
    return OBSVI_EXIT_OK;
}

int obsv_cmd_config(int argc, char **argv)
{
    struct options o = {.form = FORM_TABLE, .color = OBSVI_COLOR_AUTO};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    struct obsvi_out out = {.fd = STDOUT_FILENO, .stop_fd = -1, .is_open = true};
    int status = write_form(&o, &out.pending);
    obsvi_out_flush(&out);
    if (out.error) {
        fprintf(stderr, "obsv config: cannot write to stdout: %s\n", strerror(out.error));
        status = OBSVI_EXIT_FAILED;
    }
    obsvi_out_fini(&out);
    return status;
}
