/* trace: which trace a record belongs to.
 *
 * An explicit `extra={"trace_id": …}` of valid form wins, because it is a statement about this very record;
 * otherwise the current span of the OpenTelemetry API, if the application itself has imported it. We never
 * import it.
 */
#include "ext.h"

static int hex_digit(Py_UCS1 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ext_trace_parse(PyObject *hex, uint8_t *out, size_t n)
{
    if (!PyUnicode_CheckExact(hex) || !PyUnicode_IS_COMPACT_ASCII(hex) ||
        (size_t)PyUnicode_GET_LENGTH(hex) != 2 * n)
        return false;
    const Py_UCS1 *s = PyUnicode_1BYTE_DATA(hex);
    uint8_t bytes[16], any = 0;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
        any |= bytes[i];
    }
    if (!any) /* all zero is the invalid id */
        return false;
    memcpy(out, bytes, n);
    return true;
}

static void put_big_endian(uint8_t out[8], unsigned long long v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

/* One non-negative int attribute of the span context, as n = 8 or 16 bytes; false on error or zero. */
static bool read_id(PyObject *context, PyObject *name, uint8_t *out, size_t n)
{
    bool ok = false;
    PyObject *id = PyObject_GetAttr(context, name), *shift = NULL, *high = NULL;
    if (!id || !PyLong_Check(id))
        goto out;
    unsigned long long low = PyLong_AsUnsignedLongLongMask(id), top = 0;
    if (n == 16) {
        shift = PyLong_FromLong(64);
        high = shift ? PyNumber_Rshift(id, shift) : NULL;
        if (!high)
            goto out;
        top = PyLong_AsUnsignedLongLongMask(high);
        put_big_endian(out, top);
        out += 8;
    }
    put_big_endian(out, low);
    ok = !PyErr_Occurred() && (low || top);
out:
    Py_XDECREF(id);
    Py_XDECREF(shift);
    Py_XDECREF(high);
    return ok;
}

/* A new reference to opentelemetry.trace, if the application has imported it. */
static PyObject *otel_module(struct ext_state *st)
{
    PyObject *modules = PyImport_GetModuleDict(), *module = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    (void)PyDict_GetItemRef(modules, st->str_otel_trace, &module);
#else
    module = Py_XNewRef(PyDict_GetItemWithError(modules, st->str_otel_trace));
#endif
    return module;
}

static PyObject *current_span(struct ext_state *st)
{
    PyObject *module = otel_module(st);
    PyObject *span = module ? PyObject_CallMethodNoArgs(module, st->str_get_current_span) : NULL;
    Py_XDECREF(module);
    return span;
}

bool ext_trace_current(struct ext_state *st, struct ext_trace *out, struct ext_fault *f)
{
    bool ok = false;
    PyObject *span = current_span(st), *context = NULL, *flags = NULL;
    context = span ? PyObject_CallMethodNoArgs(span, st->str_get_span_context) : NULL;
    if (!context || !read_id(context, st->str_trace_id, out->trace_id, 16) ||
        !read_id(context, st->str_span_id, out->span_id, 8))
        goto out;
    flags = PyObject_GetAttr(context, st->str_trace_flags);
    out->flags = flags && PyLong_Check(flags) ? (uint8_t)PyLong_AsUnsignedLongMask(flags) : 0;
    ok = true;
out:
    Py_XDECREF(span);
    Py_XDECREF(context);
    Py_XDECREF(flags);
    if (PyErr_Occurred())
        ext_fault_catch(f, true);
    return ok;
}
