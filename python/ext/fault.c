/* fault: exceptions of the application's code, met while a record is read. See struct ext_fault in ext.h. */
#include "ext.h"

/* The pending exception as one object, in the manner of CPython 3.12. */
static PyObject *exception_take(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback && value)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    return value;
#endif
}

static void exception_raise(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
#endif
}

/* "ValueError: the reason"; only the class if even that cannot be had. */
static PyObject *describe(PyObject *exception)
{
    const char *name = Py_TYPE(exception)->tp_name;
    PyObject *text = PyUnicode_FromFormat("%s: %S", name, exception);
    if (!text) {
        PyErr_Clear();
        text = PyUnicode_FromString(name);
    }
    if (!text)
        PyErr_Clear();
    return text;
}

void ext_fault_catch(struct ext_fault *f, bool quietly)
{
    PyObject *exception = exception_take();
    if (!exception)
        return;
    if (!PyErr_GivenExceptionMatches(exception, PyExc_Exception)) {
        if (!f->interrupt) {
            f->interrupt = exception;
            return;
        }
    } else if (!quietly && !f->text) {
        f->text = describe(exception);
    }
    Py_DECREF(exception);
}

bool ext_fault_finish(struct ext_fault *f)
{
    Py_CLEAR(f->text);
    if (!f->interrupt)
        return false;
    exception_raise(f->interrupt);
    f->interrupt = NULL;
    return true;
}
