/* stats: the engine's counters as a named tuple, made from OBSV_STATS_LIST. */
#include "ext.h"
#include "obsv.h"

#define STAT_FIELD(name) {#name, NULL},
#define STAT_COUNT(name) +1
enum { STAT_FIELDS = 0 OBSV_STATS_LIST(STAT_COUNT) };

static PyStructSequence_Field stats_fields[] = {OBSV_STATS_LIST(STAT_FIELD){NULL, NULL}};

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

PyObject *ext_stats(PyObject *module, PyObject *unused)
{
    (void)unused;
    struct obsv_stats now;
    uint64_t values[STAT_FIELDS];
    PyObject *out = PyStructSequence_New(ext_state_of_module(module)->stats_type);
    obsv_stats_get(&now, sizeof now); /* all zero before init */
    _Static_assert(sizeof now == sizeof values, "struct obsv_stats is its list and nothing else");
    memcpy(values, &now, sizeof values);
    for (Py_ssize_t i = 0; out && i < STAT_FIELDS; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(values[i]);
        if (!value) {
            Py_CLEAR(out);
            break;
        }
        PyStructSequence_SetItem(out, i, value);
    }
    return out;
}
