/* exception: exc_info → type, message and stack trace, as text.
 *
 * The type is qualified (`module.Class`; built-ins bare), the message is str(exception), the stack trace is
 * Python's own text (semantic conventions: docs/exceptions/exceptions-logs.md). It is made here, on the
 * caller's thread, because only here do the frames exist; a formatter that ran before us has left it in
 * exc_text (logging.Formatter.format), and then it is not made twice.
 */
#include "ext.h"

/* Text with its owner, for the writer. */
struct part {
    PyObject *str;
    struct ext_text text;
};

static struct obsvi_str part_open(struct part *p, PyObject *str_stolen, size_t max_bytes)
{
    p->str = str_stolen;
    if (!str_stolen)
        return (struct obsvi_str){NULL, 0};
    ext_text_open(&p->text, str_stolen, max_bytes);
    return (struct obsvi_str){p->text.ptr, p->text.n};
}

static void part_close(struct part *p)
{
    if (p->str)
        ext_text_close(&p->text);
    Py_XDECREF(p->str);
}

static PyObject *qualified_name(struct ext_state *st, PyTypeObject *type, struct ext_fault *f)
{
    PyObject *name = PyObject_GetAttr((PyObject *)type, st->str_qualname);
    PyObject *module = name ? PyObject_GetAttr((PyObject *)type, st->str_module) : NULL;
    PyObject *full = NULL;
    if (module && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "builtins") != 0)
        full = PyUnicode_FromFormat("%U.%S", module, name);
    else if (name && PyUnicode_Check(name))
        full = Py_NewRef(name);
    if (PyErr_Occurred())
        ext_fault_catch(f, true);
    if (!full)
        full = PyUnicode_FromString(type->tp_name);
    if (!full)
        PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(module);
    return full;
}

static PyObject *stack_trace(struct ext_state *st, PyObject *value, PyObject *traceback, struct ext_fault *f)
{
    PyObject *lines = PyObject_CallFunctionObjArgs(st->format_exception, (PyObject *)Py_TYPE(value), value,
                                                   traceback ? traceback : Py_None, NULL);
    PyObject *text = lines ? PyUnicode_Join(st->str_empty, lines) : NULL;
    Py_XDECREF(lines);
    if (!text)
        ext_fault_catch(f, false);
    return text;
}

/* Borrowed: the exception and its traceback; false if there is none. */
static bool take_apart(PyObject *exc_info, PyObject **value, PyObject **traceback)
{
    *value = *traceback = NULL;
    if (!exc_info)
        return false;
    if (PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3) {
        *value = PyTuple_GET_ITEM(exc_info, 1);
        *traceback = PyTuple_GET_ITEM(exc_info, 2);
    } else {
        *value = exc_info;
    }
    return PyExceptionInstance_Check(*value);
}

void ext_exception_write(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f,
                         PyObject *exc_info, PyObject *exc_text)
{
    struct part type = {0}, message = {0}, stack = {0};
    struct obsvi_str type_str = {NULL, 0}, message_str = {NULL, 0}, stack_str;
    PyObject *value, *traceback, *own = NULL, *trace = NULL;
    bool has_value = take_apart(exc_info, &value, &traceback);
    if (exc_text && PyUnicode_Check(exc_text) && PyUnicode_GetLength(exc_text) > 0)
        trace = Py_NewRef(exc_text);
    if (!has_value && !trace)
        return;
    if (has_value) {
        if (!traceback)
            traceback = own = PyException_GetTraceback(value);
        if (!trace)
            trace = stack_trace(st, value, traceback, f);
        type_str = part_open(&type, qualified_name(st, Py_TYPE(value), f), OBSVI_TEXT_BYTES_MAX);
        message_str = part_open(&message, ext_str_of(value, f), OBSVI_TEXT_BYTES_MAX + 4);
    }
    stack_str = part_open(&stack, trace, EXT_TEXT_WHOLE);
    while (stack_str.len && stack_str.ptr[stack_str.len - 1] == '\n')
        stack_str.len--;
    obsvi_writer_exception(w, type_str, message_str, stack_str);
    part_close(&type);
    part_close(&message);
    part_close(&stack);
    Py_XDECREF(own);
}
