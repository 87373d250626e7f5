/* reference: docs/CONFIGURATION.md, written from the table, so that the two cannot disagree. */
#include "config/config.h"
#include "config/parse.h"

#include <string.h>

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Written by `obsv config --markdown` from src/config/settings.c: change it there. -->\n"
    "\n"
    "Everything is set by environment variables, the OpenTelemetry standard's where it has one. In Python "
    "each is also a keyword of `init_observability()`; in C it is an entry of `obsv_options.settings`. `obsv "
    "config` prints what is in effect and where each value came from, with secrets masked.\n"
    "\n"
    "* What the program sets wins over the environment; a `…_LOGS_…` variable wins over its general form; "
    "both win over the default. A program's empty value means: as if the variable were unset.\n"
    "* An empty variable is unset. White space around a value is ignored; quotes around it are removed with "
    "a warning.\n"
    "* A bad value never stops the service: one warning on stderr says what is wrong, where, and how to mend "
    "it, and the default is used. Values of secrets are never printed.\n"
    "* A placeholder that was left in (`<region>`) and credentials over plain `http://` to another host "
    "switch export off; stdout goes on.\n"
    "* Times are whole milliseconds. Sizes are bytes, or carry `KiB`, `MiB` or `GiB`.\n"
    "* `true` in any case is the only true value of a yes-or-no setting.\n";

static void write_cell(struct obsvi_bytes *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            obsvi_bytes_put_u8(out, '\\');
        obsvi_bytes_put_u8(out, (uint8_t)*text);
    }
}

/* The texts, up to the NULL that ends them. */
static void put_all(struct obsvi_bytes *out, const char *const *texts)
{
    for (; *texts; texts++)
        obsvi_bytes_put_text(out, *texts);
}

#define WRITE(out, ...) put_all(out, (const char *const[]){__VA_ARGS__, NULL})

static void write_row(struct obsvi_bytes *out, const struct obsvi_setting *s)
{
    char accepts[128];
    obsvi_parse_describe(s, accepts, sizeof accepts);
    WRITE(out, "| `", s->name, "` | `", s->keyword, "` | ");
    write_cell(out, accepts);
    if (s->default_text)
        WRITE(out, " | `", s->default_text, "` |\n");
    else
        WRITE(out, " | |\n");
}

static bool in_group(size_t i, const char *group)
{
    return i < obsvi_settings_count && strcmp(obsvi_settings[i].group, group) == 0;
}

void obsvi_config_reference(struct obsvi_bytes *out)
{
    obsvi_bytes_put_text(out, intro);
    for (size_t first = 0, end; first < obsvi_settings_count; first = end) {
        const char *group = obsvi_settings[first].group;
        WRITE(out, "\n## ", group,
              "\n\n| variable | Python keyword | value | default |\n|---|---|---|---|\n");
        for (end = first; in_group(end, group); end++)
            write_row(out, &obsvi_settings[end]);
        for (size_t i = first; i < end; i++)
            WRITE(out, "\n**`", obsvi_settings[i].name, "`**: ", obsvi_settings[i].help, "\n");
    }
}
