/* stats: the engine's statistics as a named tuple, made from OBSV_STATS_LIST.
 *
 * The numbers are the tuple; beside it, as attributes only, `dropped` (sink → reason → level → count, without
 * zeros) and `last_error`. All of it immutable.
 */
#include "ext.h"
#include "obsv.h"

#define STAT_FIELD(name, help) {#name, help},
#define STAT_COUNT(name, help) +1
enum { STAT_FIELDS = 0 OBSV_STATS_LIST(STAT_COUNT), FIELD_DROPPED = STAT_FIELDS, FIELD_LAST_ERROR };

static PyStructSequence_Field stats_fields[] = {
    OBSV_STATS_LIST(STAT_FIELD){"dropped",
                                "What was dropped: sink -> reason -> level -> count. Only what is not zero."},
    {"last_error", "The library's last warning or error; empty if there was none."},
    {NULL, NULL},
};

static PyStructSequence_Desc stats_desc = {
    .name = "observability.Stats",
    .doc = "Counters since the engine started. For each sink, whenever nothing is moving:\n"
           "accepted == delivered + the sum of its dropped counters + pending.",
    .fields = stats_fields,
    .n_in_sequence = STAT_FIELDS,
};

int ext_stats_setup(PyObject *module, struct ext_state *st)
{
    st->stats_type = PyStructSequence_NewType(&stats_desc);
    if (!st->stats_type)
        return -1;
    return PyModule_AddObjectRef(module, "Stats", (PyObject *)st->stats_type);
}

/* The immutable view of a dict; takes the dict over. */
static PyObject *freeze(PyObject *dict)
{
    PyObject *view = dict ? PyDictProxy_New(dict) : NULL;
    Py_XDECREF(dict);
    return view;
}

static int set_taken(PyObject *dict, const char *key, PyObject *value)
{
    int status = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return status;
}

/* level → count, or NULL: with an exception, or nothing was dropped. */
static PyObject *levels_of(const uint64_t counts[OBSV_LEVEL_COUNT])
{
    static const char *const names[OBSV_LEVEL_COUNT] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    PyObject *levels = NULL;
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++) {
        if (!counts[level])
            continue;
        if (!levels && !(levels = PyDict_New()))
            return NULL;
        if (set_taken(levels, names[level], PyLong_FromUnsignedLongLong(counts[level])) < 0) {
            Py_DECREF(levels);
            return NULL;
        }
    }
    return levels ? freeze(levels) : NULL;
}

/* reason → levels, of the drops whose name begins with `prefix`. */
static PyObject *reasons_of(const struct obsv_stats *s, const char *prefix)
{
#define DROP_NAME(name, help) #name,
    static const char *const names[] = {OBSV_DROPS_LIST(DROP_NAME)};
    PyObject *reasons = PyDict_New();
    for (int i = 0; reasons && i < OBSV_DROP_COUNT; i++) {
        if (strncmp(names[i], prefix, strlen(prefix)) != 0)
            continue;
        PyObject *levels = levels_of(s->dropped_by_level[i]);
        if (levels ? set_taken(reasons, names[i] + strlen(prefix), levels) < 0 : PyErr_Occurred() != NULL)
            Py_CLEAR(reasons);
    }
    return freeze(reasons);
}

static PyObject *dropped_of(const struct obsv_stats *s)
{
    PyObject *sinks = PyDict_New();
    if (sinks && (set_taken(sinks, "stdout", reasons_of(s, "stdout_dropped_")) < 0 ||
                  set_taken(sinks, "export", reasons_of(s, "export_dropped_")) < 0))
        Py_CLEAR(sinks);
    return freeze(sinks);
}

PyObject *ext_stats(PyObject *module, PyObject *unused)
{
    (void)unused;
    struct obsv_stats now;
    PyObject *out = PyStructSequence_New(ext_state_of_module(module)->stats_type);
    if (!out)
        return NULL;
    obsv_stats_get(&now, sizeof now); /* all zero before init */
    Py_ssize_t i = 0;
#define STAT_ITEM(name, help) PyStructSequence_SetItem(out, i++, PyLong_FromUnsignedLongLong(now.name));
    OBSV_STATS_LIST(STAT_ITEM)
    PyStructSequence_SetItem(out, FIELD_DROPPED, dropped_of(&now));
    PyStructSequence_SetItem(
        out, FIELD_LAST_ERROR,
        PyUnicode_DecodeUTF8(now.last_error, (Py_ssize_t)strlen(now.last_error), "replace"));
    if (PyErr_Occurred())
        Py_CLEAR(out);
    return out;
}
