/* parts: see parts.h.
 *
 * The record's __dict__ is walked once. A key is told apart by its address: the standard names are interned
 * by CPython, so one probe of a small table says what a key is; only keys that are not interned (from JSON,
 * with dots) are compared by content. Strong references are taken for everything that is used, because from
 * then on application code may run (a
 * __str__, a trace formatter), and it may log, raise, or change this very record.
 */
#include "parts.h"

/* ---- Names --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum ext_field field;
} field_names[] = {
#define EXT_FIELD(name) {#name, EXT_FIELD_##name},
    EXT_FIELDS(EXT_FIELD)
#undef EXT_FIELD
        {"filename", EXT_FIELD_IGNORED},
    {"module", EXT_FIELD_IGNORED},
    {"msecs", EXT_FIELD_IGNORED},
    {"relativeCreated", EXT_FIELD_IGNORED},
    {"thread", EXT_FIELD_IGNORED},
    {"threadName", EXT_FIELD_IGNORED},
    {"processName", EXT_FIELD_IGNORED},
    {"process", EXT_FIELD_IGNORED},
    {"taskName", EXT_FIELD_IGNORED},
    {"message", EXT_FIELD_IGNORED}, /* left behind by another handler's Formatter */
    {"asctime", EXT_FIELD_IGNORED},
    {"trace_id", EXT_EXTRA_TRACE_ID},
    {"span_id", EXT_EXTRA_SPAN_ID},
    {"event.name", EXT_EXTRA_EVENT},
    {"otel.event.name", EXT_EXTRA_OTEL_EVENT},
};

static size_t name_slot(PyObject *name)
{
    return (size_t)((uint32_t)((uintptr_t)name >> 4) * 0x9E3779B1u >> 20) & (EXT_FIELD_TABLE - 1);
}

int ext_parts_setup(struct ext_state *st)
{
    st->field_names = PyDict_New();
    for (size_t i = 0; st->field_names && i < sizeof field_names / sizeof *field_names; i++) {
        PyObject *name = PyUnicode_InternFromString(field_names[i].name);
        PyObject *field = PyLong_FromLong(field_names[i].field);
        int failed = !name || !field || PyDict_SetItem(st->field_names, name, field) < 0;
        Py_XDECREF(field);
        Py_XDECREF(name); /* the dict holds it */
        if (failed)
            return -1;
        size_t at = name_slot(name);
        while (st->field_table[at].name)
            at = (at + 1) & (EXT_FIELD_TABLE - 1);
        st->field_table[at].name = name;
        st->field_table[at].field = field_names[i].field;
    }
    return st->field_names ? 0 : -1;
}

static enum ext_field field_of(const struct ext_state *st, PyObject *key)
{
    for (size_t at = name_slot(key); st->field_table[at].name; at = (at + 1) & (EXT_FIELD_TABLE - 1)) {
        if (st->field_table[at].name == key)
            return st->field_table[at].field;
    }
    if (!PyUnicode_CheckExact(key) || PyUnicode_CHECK_INTERNED(key))
        return EXT_EXTRA;
    PyObject *field = PyDict_GetItemWithError(st->field_names, key);
    return field ? (enum ext_field)PyLong_AsLong(field) : EXT_EXTRA;
}

/* ---- Taking the record apart --------------------------------------------------------------------------- */

static bool extras_grow(struct ext_parts *p)
{
    struct ext_extra *more = p->room < PARTS_MAX ? PyMem_Malloc(PARTS_MAX * sizeof *more) : NULL;
    if (!more)
        return false;
    memcpy(more, p->extras, p->count * sizeof *more);
    p->extras = more;
    p->room = PARTS_MAX;
    return true;
}

void ext_parts_open(struct ext_parts *p, const struct ext_state *st, PyObject *dict)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    memset(p->field, 0, sizeof p->field);
    p->extras = p->few;
    p->room = PARTS_FEW;
    p->count = p->left_out = 0;
    p->message_failed = false;
    Py_BEGIN_CRITICAL_SECTION(dict);
    while (PyDict_Next(dict, &pos, &key, &value)) {
        enum ext_field field = field_of(st, key);
        if (field == EXT_FIELD_IGNORED)
            continue;
        if (field < EXT_FIELD_COUNT)
            Py_XSETREF(p->field[field], Py_NewRef(value));
        else if (p->count < p->room || extras_grow(p))
            p->extras[p->count++] = (struct ext_extra){Py_NewRef(key), Py_NewRef(value), field};
        else
            p->left_out++;
    }
    Py_END_CRITICAL_SECTION();
}

void ext_parts_close(struct ext_parts *p)
{
    for (int i = 0; i < EXT_FIELD_COUNT; i++)
        Py_XDECREF(p->field[i]);
    for (size_t i = 0; i < p->count; i++) {
        Py_DECREF(p->extras[i].key);
        Py_DECREF(p->extras[i].value);
    }
    if (p->extras != p->few)
        PyMem_Free(p->extras);
}

struct ext_extra *ext_parts_extra(struct ext_parts *p, enum ext_field kind)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->extras[i].kind == kind)
            return &p->extras[i];
    }
    return NULL;
}

/* ---- Message ------------------------------------------------------------------------------------------- */

/* Whether getMessage() is the standard library's: then we do what it does without calling it. */
static bool has_native_message(struct ext_state *st, PyObject *record)
{
    PyTypeObject *type = Py_TYPE(record);
    if (type != st->log_record_type)
        return false;
    if (type->tp_version_tag && type->tp_version_tag == st->get_message_tag)
        return true;
    PyObject *now = PyObject_GetAttr((PyObject *)type, st->str_get_message);
    bool same = now == st->get_message;
    PyErr_Clear();
    Py_XDECREF(now);
    if (same)
        st->get_message_tag = type->tp_version_tag;
    return same;
}

bool ext_parts_has_args(const struct ext_parts *p)
{
    PyObject *args = p->field[EXT_FIELD_args];
    return args && args != Py_None && !(PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0);
}

/* LogRecord.getMessage: str(msg), and `% args` if there are any. NULL with an exception set. */
static PyObject *message_format(const struct ext_parts *p)
{
    PyObject *args = p->field[EXT_FIELD_args], *msg = p->field[EXT_FIELD_msg];
    if (!msg)
        return PyUnicode_FromString("");
    PyObject *text = PyUnicode_CheckExact(msg) ? Py_NewRef(msg) : PyObject_Str(msg);
    if (!text || !ext_parts_has_args(p))
        return text;
    int wanted = PyObject_IsTrue(args);
    PyObject *whole = wanted > 0 ? PyNumber_Remainder(text, args) : wanted == 0 ? Py_NewRef(text) : NULL;
    Py_DECREF(text);
    return whole;
}

/* The body as a str, or NULL (no memory). After a failure the raw message stands in. */
PyObject *ext_parts_message(struct ext_state *st, PyObject *record, struct ext_parts *p, struct ext_fault *f)
{
    PyObject *text = has_native_message(st, record) ? message_format(p)
                                                    : PyObject_CallMethodNoArgs(record, st->str_get_message);
    if (text && !PyUnicode_Check(text))
        Py_SETREF(text, ext_str_of(text, f));
    if (text)
        return text;
    p->message_failed = true;
    ext_fault_catch(f, false);
    return p->field[EXT_FIELD_msg] ? ext_str_of(p->field[EXT_FIELD_msg], f) : NULL;
}
