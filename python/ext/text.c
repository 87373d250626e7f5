/* text: Python's str → UTF-8 bytes, without copying where its own bytes can be used.
 *
 * ASCII, the common case, is read in place. Other text goes through the UTF-8 form that CPython caches in the
 * object, except that a long one is cut first, so that a log call is bounded in time and leaves no second
 * copy of a large string behind. A str with lone surrogates has no UTF-8; "surrogatepass" writes each as
 * three bytes, and the encoders (src/encode/utf8.h) turn those into one U+FFFD.
 */
#include "ext.h"

static void cut(struct ext_text *t, size_t max_bytes)
{
    if (!max_bytes || t->n <= max_bytes)
        return;
    t->n = max_bytes;
    while (t->n && ((unsigned char)t->ptr[t->n] & 0xC0) == 0x80)
        t->n--;
}

static void empty(struct ext_text *t)
{
    PyErr_Clear();
    t->ptr = "";
    t->n = 0;
}

static void open_wide(struct ext_text *t, PyObject *str, size_t max_bytes)
{
    Py_ssize_t chars = PyUnicode_GetLength(str), beyond = 0, n = 0;
    if (max_bytes && (size_t)chars > max_bytes) {
        beyond = chars - (Py_ssize_t)max_bytes;
        t->owner = str = PyUnicode_Substring(str, 0, (Py_ssize_t)max_bytes);
    }
    t->ptr = str ? PyUnicode_AsUTF8AndSize(str, &n) : NULL;
    if (!t->ptr && str) {
        PyErr_Clear();
        PyObject *bytes = PyUnicode_AsEncodedString(str, "utf-8", "surrogatepass");
        Py_XSETREF(t->owner, bytes);
        t->ptr = bytes ? PyBytes_AS_STRING(bytes) : NULL;
        n = bytes ? PyBytes_GET_SIZE(bytes) : 0;
    }
    t->n = (size_t)n;
    if (!t->ptr)
        empty(t);
    t->original_bytes = t->n + (size_t)beyond;
    cut(t, max_bytes);
}

void ext_text_open(struct ext_text *t, PyObject *str, size_t max_bytes)
{
    t->owner = NULL;
    if (!PyUnicode_IS_COMPACT_ASCII(str)) {
        open_wide(t, str, max_bytes);
        return;
    }
    t->ptr = (const char *)PyUnicode_1BYTE_DATA(str);
    t->n = (size_t)PyUnicode_GET_LENGTH(str);
    t->original_bytes = t->n;
    if (max_bytes && t->n > max_bytes)
        t->n = max_bytes;
}

void ext_text_close(struct ext_text *t)
{
    Py_XDECREF(t->owner);
}

PyObject *ext_str_of(PyObject *o, struct ext_fault *f)
{
    PyObject *s = PyObject_Str(o);
    if (s)
        return s;
    ext_fault_catch(f, false);
    s = PyUnicode_FromFormat("<unprintable %s>", Py_TYPE(o)->tp_name);
    if (!s)
        PyErr_Clear();
    return s;
}
