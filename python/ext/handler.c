/* handler: observability.Handler, a logging.Handler in C.
 *
 * Logger.callHandlers calls handle(record). The standard one filters, takes the handler's lock and calls
 * emit(); ours filters only if there are filters and takes no lock, because the engine needs none: law 1, and
 * the reason why a logging.config call that holds logging's lock can never meet a thread that waits in here.
 * flush() and close() are the base class's: they do not wait, and the engine goes on; observability.flush and
 * shutdown are for that.
 *
 * A Formatter set on it is not used: the body is the message, and the layout is the sinks'.
 *
 * Nothing raises into the caller (law 4), but what is not an Exception, such as the KeyboardInterrupt of a
 * Ctrl-C that happened to arrive inside a __str__, goes on after the record is written.
 */
#include "ext.h"

/* A log call inside a log call (from a __str__ or a filter) is served; a chain of them that does not end by
 * itself is cut here. */
enum { NESTING_MAX = 8, SEVERITY_ABOVE_ALL = 25 };
static _Thread_local int nesting;

/* The handler's filters, if it has any. Returns false if the record is not wanted; since Python 3.12 a filter
 * may give another record in its place. A filter that fails keeps the record. */
static bool filter(struct ext_state *st, PyObject *self, PyObject **record, struct ext_fault *f)
{
    bool keep = true;
    PyObject *filters = PyObject_GetAttr(self, st->str_filters), *verdict = NULL;
    if (filters && PyList_CheckExact(filters) && PyList_GET_SIZE(filters) == 0)
        goto out;
    verdict = PyObject_CallMethodOneArg(self, st->str_filter, *record);
    if (!verdict)
        goto out;
    if (PyObject_TypeCheck(verdict, st->log_record_type))
        Py_SETREF(*record, Py_NewRef(verdict));
    else
        keep = PyObject_IsTrue(verdict) != 0;
out:
    if (PyErr_Occurred())
        ext_fault_catch(f, false);
    Py_XDECREF(filters);
    Py_XDECREF(verdict);
    return keep;
}

/* A subclass with an emit() of its own gets the record there, as with any logging.Handler. */
static bool emit_of_subclass(struct ext_state *st, PyObject *self, PyObject *record, struct ext_fault *f)
{
    if (Py_TYPE(self) == st->handler_type)
        return false;
    PyObject *emit = PyObject_GetAttr((PyObject *)Py_TYPE(self), st->str_emit), *done = NULL;
    bool own = emit && emit != st->handler_emit;
    if (own)
        done = PyObject_CallMethodOneArg(self, st->str_emit, record);
    if (PyErr_Occurred())
        ext_fault_catch(f, false);
    Py_XDECREF(emit);
    Py_XDECREF(done);
    return own && done;
}

static PyObject *finish(struct ext_fault *f, PyObject *result)
{
    return ext_fault_finish(f) ? NULL : Py_NewRef(result);
}

PyDoc_STRVAR(handle_doc,
             "handle($self, record, /)\n--\n\n"
             "Applies the handler's filters and records the LogRecord. Takes no lock and never waits.");

static PyObject *handler_handle(PyObject *self, PyObject *record)
{
    struct ext_state *st = ext_state_of_type(Py_TYPE(self));
    struct ext_fault fault = {NULL, NULL};
    /* the second: nothing is running that could take it, so it is counted and costs no more than that */
    if (nesting >= NESTING_MAX || !obsvi_front_enabled(SEVERITY_ABOVE_ALL)) {
        obsvi_front_drop(0);
        return Py_NewRef(Py_True);
    }
    nesting++;
    Py_INCREF(record);
    bool keep = filter(st, self, &record, &fault);
    if (keep && !emit_of_subclass(st, self, record, &fault))
        ext_record_emit(st, record, &fault);
    Py_DECREF(record);
    nesting--;
    return finish(&fault, keep ? Py_True : Py_False);
}

PyDoc_STRVAR(emit_doc, "emit($self, record, /)\n--\n\n"
                       "Records the LogRecord without filtering. For subclasses; never waits.");

static PyObject *handler_emit(PyObject *self, PyObject *record)
{
    struct ext_fault fault = {NULL, NULL};
    ext_record_emit(ext_state_of_type(Py_TYPE(self)), record, &fault);
    return finish(&fault, Py_None);
}

static PyMethodDef handler_methods[] = {
    {"handle", handler_handle, METH_O, handle_doc},
    {"emit", handler_emit, METH_O, emit_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    handler_doc,
    "Handler(level=0)\n--\n\n"
    "A logging.Handler that hands each record to the engine: JSON on stdout, OTLP to the endpoint.\n\n"
    "init_observability() puts one on the root logger; with logging.config.dictConfig name\n"
    "'observability.Handler' as the class. Works before init_observability() and after shutdown() too:\n"
    "the records are then counted and dropped. A Formatter is not used.");

static PyType_Slot handler_slots[] = {
    {Py_tp_doc, (void *)handler_doc},
    {Py_tp_methods, handler_methods},
    {0, NULL},
};

static PyType_Spec handler_spec = {
    .name = "observability.Handler",
    .basicsize = 0, /* the base's */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = handler_slots,
};

int ext_handler_setup(PyObject *module, struct ext_state *st)
{
    PyObject *logging = PyImport_ImportModule("logging");
    PyObject *base = logging ? PyObject_GetAttrString(logging, "Handler") : NULL;
    PyObject *bases = base ? PyTuple_Pack(1, base) : NULL;
    Py_XDECREF(logging);
    Py_XDECREF(base);
    if (!bases)
        return -1;
    st->handler_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &handler_spec, bases);
    Py_DECREF(bases);
    if (!st->handler_type)
        return -1;
    st->handler_emit = PyObject_GetAttr((PyObject *)st->handler_type, st->str_emit);
    return st->handler_emit ? PyModule_AddType(module, st->handler_type) : -1;
}
