/* module: observability._obsv.
 *
 * Multi-phase initialisation (PEP 489), no static PyObject: each interpreter has its own module, types and
 * names, while the engine below is one for the process and safe from any thread. Hence a GIL per interpreter
 * (PEP 684) and no GIL at all (PEP 703) are both supported.
 */
#include "ext.h"
#include "obsv.h"

static struct PyModuleDef module_def;

struct ext_state *ext_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

struct ext_state *ext_state_of_type(PyTypeObject *type)
{
    return PyModule_GetState(PyType_GetModuleByDef(type, &module_def));
}

/* Every str_… member and its text. */
#define NAMES(X)                                                                                             \
    X(str_empty, "")                                                                                         \
    X(str_emit, "emit")                                                                                      \
    X(str_filter, "filter")                                                                                  \
    X(str_filters, "filters")                                                                                \
    X(str_get_current_span, "get_current_span")                                                              \
    X(str_get_message, "getMessage")                                                                         \
    X(str_get_span_context, "get_span_context")                                                              \
    X(str_module, "__module__")                                                                              \
    X(str_otel_trace, "opentelemetry.trace")                                                                 \
    X(str_qualname, "__qualname__")                                                                          \
    X(str_span_id, "span_id")                                                                                \
    X(str_trace_flags, "trace_flags")                                                                        \
    X(str_trace_id, "trace_id")

/* Every object of the state. */
#define OBJECTS(X)                                                                                           \
    X(handler_type)                                                                                          \
    X(stats_type)                                                                                            \
    X(handler_emit)                                                                                          \
    X(log_record_type)                                                                                       \
    X(get_message)                                                                                           \
    X(enum_type)                                                                                             \
    X(format_exception)                                                                                      \
    X(field_names)

static int import_attr(PyObject **out, const char *module, const char *name)
{
    PyObject *m = PyImport_ImportModule(module);
    *out = m ? PyObject_GetAttrString(m, name) : NULL;
    Py_XDECREF(m);
    return *out ? 0 : -1;
}

static int module_exec(PyObject *module)
{
    struct ext_state *st = ext_state_of_module(module);
#define INTERN(member, text)                                                                                 \
    if (!(st->member = PyUnicode_InternFromString(text)))                                                    \
        return -1;
    NAMES(INTERN)
#undef INTERN
    if (import_attr((PyObject **)&st->log_record_type, "logging", "LogRecord") < 0 ||
        import_attr(&st->enum_type, "enum", "Enum") < 0 ||
        import_attr(&st->format_exception, "traceback", "format_exception") < 0)
        return -1;
    st->get_message = PyObject_GetAttr((PyObject *)st->log_record_type, st->str_get_message);
    if (!st->get_message || ext_parts_setup(st) < 0 || ext_stats_setup(module, st) < 0 ||
        ext_handler_setup(module, st) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", obsv_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct ext_state *st = ext_state_of_module(module);
#define VISIT(member) Py_VISIT(st->member);
    OBJECTS(VISIT)
#undef VISIT
    return 0;
}

static int module_clear(PyObject *module)
{
    struct ext_state *st = ext_state_of_module(module);
    memset(st->field_table, 0, sizeof st->field_table); /* its names belong to field_names */
#define CLEAR(member) Py_CLEAR(st->member);
    OBJECTS(CLEAR)
#undef CLEAR
#define CLEAR(member, text) Py_CLEAR(st->member);
    NAMES(CLEAR)
#undef CLEAR
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

PyDoc_STRVAR(
    flush_doc,
    "flush($module, timeout=None)\n--\n\n"
    "Waits until every record accepted before the call has left through both sinks.\n\n"
    "timeout: seconds; None: OTEL_BLRP_EXPORT_TIMEOUT. Returns False if the deadline passed or the engine\n"
    "is not running. Other threads run meanwhile.");
PyDoc_STRVAR(
    shutdown_doc,
    "shutdown($module, timeout=None)\n--\n\n"
    "Flushes, then stops the engine; later records are counted and dropped. Done at exit by itself.\n\n"
    "timeout: seconds; None: OBSV_SHUTDOWN_TIMEOUT. Returns True if every record was delivered.");
PyDoc_STRVAR(stats_doc, "stats($module)\n--\n\nThe engine's counters, now. Does not wait.");
PyDoc_STRVAR(init_doc, "init($module, settings, /)\n--\n\nStarts the engine. Use init_observability().");
PyDoc_STRVAR(settings_doc, "settings($module)\n--\n\nEvery setting as (variable, keyword, kind).");
PyDoc_STRVAR(flush_for_exit_doc,
             "flush_for_exit($module, /)\n--\n\n"
             "flush() with the deadline of shutdown(): for processes that end by os._exit().");
PyDoc_STRVAR(complain_doc, "complain($module, text, /)\n--\n\nOne line of the library's own on stderr.");

static PyMethodDef module_methods[] = {
    {"init", ext_init, METH_O, init_doc},
    {"flush", (PyCFunction)(void (*)(void))ext_flush, METH_VARARGS | METH_KEYWORDS, flush_doc},
    {"shutdown", (PyCFunction)(void (*)(void))ext_shutdown, METH_VARARGS | METH_KEYWORDS, shutdown_doc},
    {"stats", ext_stats, METH_NOARGS, stats_doc},
    {"settings", ext_settings, METH_NOARGS, settings_doc},
    {"flush_for_exit", ext_flush_for_exit, METH_NOARGS, flush_for_exit_doc},
    {"complain", ext_complain, METH_O, complain_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_MOD_PER_INTERPRETER_GIL_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_MOD_GIL_NOT_USED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "observability._obsv",
    .m_doc = "The engine's face for Python.",
    .m_size = sizeof(struct ext_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__obsv(void);

PyMODINIT_FUNC PyInit__obsv(void)
{
    return PyModuleDef_Init(&module_def);
}
