/* names: a misspelt variable is silently without effect, which is the worst way to be wrong. So: a name that
 * begins with OBSV_ is ours or a mistake; a name that begins with OTEL_ may belong to another library and is
 * reported only if it is one keystroke away from one of ours.
 */
#include "config/names.h"
#include "base/diag.h"
#include "config/text.h"

#include <ctype.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 64, FAR = 1000 };

enum obsvi_setting_id obsvi_names_find(struct obsvi_str name)
{
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++)
        if (obsvi_str_eq(name, obsvi_str_of(obsvi_settings[i].name)) ||
            obsvi_str_eq(name, obsvi_str_of(obsvi_settings[i].keyword)))
            return (enum obsvi_setting_id)i;
    return OBSVI_SET_COUNT;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours that turn a into b.
 */
static unsigned distance(struct obsvi_str a, struct obsvi_str b)
{
    unsigned rows[3][NAME_BYTES_MAX + 1];
    if (a.len > NAME_BYTES_MAX || b.len > NAME_BYTES_MAX)
        return FAR;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            row[j] = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = least(row[j], 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

/* The known name (a variable's or, for a lower-case name, a keyword) that is nearest; *steps says how near.
 */
static const char *nearest(struct obsvi_str name, unsigned *steps)
{
    const char *best = NULL;
    *steps = FAR;
    for (size_t i = 0; i < OBSVI_SET_COUNT; i++) {
        bool is_keyword = name.len && islower((unsigned char)name.ptr[0]);
        const char *known = is_keyword ? obsvi_settings[i].keyword : obsvi_settings[i].name;
        unsigned d = distance(name, obsvi_str_of(known));
        if (d < *steps) {
            *steps = d;
            best = known;
        }
    }
    return best;
}

static void warn_unknown(const char *what, struct obsvi_str name)
{
    unsigned steps;
    const char *known = nearest(name, &steps);
    int shown = name.len < NAME_BYTES_MAX ? (int)name.len : NAME_BYTES_MAX;
    if (steps <= 2 || steps <= name.len / 3)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%.*s: unknown %s, ignored; did you mean %s?", shown, name.ptr,
                   what, known);
    else
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%.*s: unknown %s, ignored; `obsv config` lists all there are",
                   shown, name.ptr, what);
}

void obsvi_names_warn_override(struct obsvi_str name)
{
    warn_unknown("setting", name);
}

static bool begins_with(struct obsvi_str s, const char *prefix)
{
    return s.len >= strlen(prefix) && memcmp(s.ptr, prefix, strlen(prefix)) == 0;
}

void obsvi_names_check_environment(void)
{
    for (char **e = environ; e && *e; e++) {
        const char *end = strchr(*e, '=');
        struct obsvi_str name = {*e, end ? (size_t)(end - *e) : 0};
        unsigned steps;
        if (obsvi_names_find(name) != OBSVI_SET_COUNT)
            continue;
        if (begins_with(name, "OBSV_") || (begins_with(name, "OTEL_") && (nearest(name, &steps), steps == 1)))
            warn_unknown("variable", name);
    }
}
