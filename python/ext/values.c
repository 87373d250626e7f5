/* values: any Python object → one typed value of a record.
 *
 * Types are kept: str, int (64 bits), float, bool, None, bytes, and lists, tuples, sets and dicts of them.
 * Everything else is its str(): Decimal, datetime, UUID, Enum, Path, numpy scalars. The exact built-in types
 * come first and run no Python code; whatever may run some (a __str__) can do anything, also change the very
 * container we are in, so a dict's items are copied before the first value is looked at and a list is read by
 * index with its length read anew each time.
 *
 * Bounded in every direction: text by OBSVI_TEXT_BYTES_MAX, depth by OBSVI_DEPTH_MAX (spec: common/README.md,
 * attribute value depth), width by the space left in the record, after which the writer reports an overflow
 * and the loops end.
 */
#include "ext.h"

enum place_kind { PLACE_ATTR, PLACE_ITEM, PLACE_ENTRY };

/* Where the value goes: the writer wants the type before the value, and only we know the type. */
struct place {
    enum place_kind kind;
    const char *key;
    size_t key_bytes;
};

struct values {
    struct ext_state *st;
    struct obsvi_writer *w;
    struct ext_fault *fault;
    PyObject *path[OBSVI_DEPTH_MAX]; /* the containers around the value, to find cycles */
    int depth;
};

static const struct place ITEM = {PLACE_ITEM, NULL, 0};

static void put(struct values *v, const struct place *at, PyObject *o);

static void open_value(struct values *v, const struct place *at, enum obsvi_type type)
{
    switch (at->kind) {
    case PLACE_ATTR:
        obsvi_writer_attr_open(v->w, at->key, at->key_bytes, type);
        break;
    case PLACE_ITEM:
        obsvi_writer_item_open(v->w, type);
        break;
    case PLACE_ENTRY:
        obsvi_writer_entry_open(v->w, at->key, at->key_bytes, type);
        break;
    }
}

static void put_bytes(struct values *v, const struct place *at, enum obsvi_type type, const void *p, size_t n)
{
    open_value(v, at, type);
    obsvi_writer_value_bytes(v->w, p, n);
}

static void put_literal(struct values *v, const struct place *at, const char *s)
{
    put_bytes(v, at, OBSVI_STR, s, strlen(s));
}

static void put_text(struct values *v, const struct place *at, PyObject *str)
{
    struct ext_text t;
    ext_text_open(&t, str, OBSVI_TEXT_BYTES_MAX);
    if (t.original_bytes > t.n) {
        open_value(v, at, OBSVI_STR_CUT);
        obsvi_writer_value_cut(v->w, t.ptr, t.n, t.original_bytes);
    } else {
        put_bytes(v, at, OBSVI_STR, t.ptr, t.n);
    }
    ext_text_close(&t);
}

static void put_str_of(struct values *v, const struct place *at, PyObject *o)
{
    PyObject *s = ext_str_of(o, v->fault);
    if (s)
        put_text(v, at, s);
    else
        open_value(v, at, OBSVI_NULL);
    Py_XDECREF(s);
}

static void put_float(struct values *v, const struct place *at, PyObject *o)
{
    open_value(v, at, OBSVI_F64);
    obsvi_writer_value_f64(v->w, PyFloat_AS_DOUBLE(o));
}

/* The number of bits of an int; -1 on error. */
static Py_ssize_t bit_length(PyObject *o)
{
    PyObject *bits = PyObject_CallMethod((PyObject *)&PyLong_Type, "bit_length", "O", o);
    Py_ssize_t n = bits ? PyLong_AsSsize_t(bits) : -1;
    Py_XDECREF(bits);
    return n;
}

/* Beyond 64 bits: the decimal digits; hexadecimal where those would cost quadratic time or
 * sys.set_int_max_str_digits forbids them; no digits at all beyond what a record could hold. */
static void put_huge_int(struct values *v, const struct place *at, PyObject *o)
{
    enum { DECIMAL_BITS = 14000, HEX_BITS = 64 * 1024 * 4 };
    Py_ssize_t bits = bit_length(o);
    PyObject *s = NULL;
    if (bits >= 0 && bits <= DECIMAL_BITS) {
        s = PyNumber_ToBase(o, 10);
        if (!s)
            PyErr_Clear();
    }
    if (!s && bits >= 0 && bits <= HEX_BITS)
        s = PyNumber_ToBase(o, 16);
    if (!s && bits >= 0)
        s = PyUnicode_FromFormat("<int of %zd bits>", bits);
    if (PyErr_Occurred())
        ext_fault_catch(v->fault, false);
    if (s)
        put_text(v, at, s);
    else
        put_literal(v, at, "<unprintable int>");
    Py_XDECREF(s);
}

static void put_int(struct values *v, const struct place *at, PyObject *o)
{
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) {
        put_huge_int(v, at, o);
        return;
    }
    open_value(v, at, OBSVI_I64);
    obsvi_writer_value_i64(v->w, n);
}

static void put_binary(struct values *v, const struct place *at, const void *p, Py_ssize_t n)
{
    put_bytes(v, at, OBSVI_BYTES, p, n < OBSVI_TEXT_BYTES_MAX ? (size_t)n : OBSVI_TEXT_BYTES_MAX);
}

/* bytearray, memoryview. One that is not contiguous has to be copied together first. */
static void put_buffer(struct values *v, const struct place *at, PyObject *o)
{
    Py_buffer view;
    if (PyObject_GetBuffer(o, &view, PyBUF_SIMPLE) == 0) {
        put_binary(v, at, view.buf, view.len);
        PyBuffer_Release(&view);
        return;
    }
    PyErr_Clear();
    PyObject *bytes = PyObject_Bytes(o);
    if (bytes) {
        put_binary(v, at, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
        Py_DECREF(bytes);
        return;
    }
    PyErr_Clear(); /* a released memoryview */
    put_str_of(v, at, o);
}

/* ---- Containers ---------------------------------------------------------------------------------------- */

static bool enter(struct values *v, const struct place *at, PyObject *container)
{
    for (int i = 0; i < v->depth; i++) {
        if (v->path[i] == container) {
            put_literal(v, at, "<cycle>");
            return false;
        }
    }
    if (v->depth == OBSVI_DEPTH_MAX) {
        put_literal(v, at, "<too deep>");
        return false;
    }
    v->path[v->depth++] = container;
    return true;
}

static PyObject *list_item(PyObject *list, Py_ssize_t i)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *item = PyList_GetItemRef(list, i);
    if (!item)
        PyErr_Clear();
    return item;
#else
    return i < PyList_GET_SIZE(list) ? Py_NewRef(PyList_GET_ITEM(list, i)) : NULL;
#endif
}

static void put_list(struct values *v, const struct place *at, PyObject *list)
{
    if (!enter(v, at, list))
        return;
    open_value(v, at, OBSVI_ARRAY);
    size_t mark = obsvi_writer_container_open(v->w);
    for (Py_ssize_t i = 0; !v->w->overflow; i++) {
        PyObject *item = list_item(list, i);
        if (!item)
            break;
        put(v, &ITEM, item);
        Py_DECREF(item);
    }
    obsvi_writer_container_close(v->w, mark);
    v->depth--;
}

static void put_tuple(struct values *v, const struct place *at, PyObject *tuple)
{
    if (!enter(v, at, tuple))
        return;
    open_value(v, at, OBSVI_ARRAY);
    size_t mark = obsvi_writer_container_open(v->w);
    for (Py_ssize_t i = 0, n = PyTuple_GET_SIZE(tuple); i < n && !v->w->overflow; i++)
        put(v, &ITEM, PyTuple_GET_ITEM(tuple, i));
    obsvi_writer_container_close(v->w, mark);
    v->depth--;
}

/* The most items that could fit: each takes at least one byte. */
static Py_ssize_t items_max(const struct values *v)
{
    return v->w->attrs_end - v->w->at + 1;
}

static void put_set(struct values *v, const struct place *at, PyObject *set)
{
    PyObject *list = PySet_GET_SIZE(set) <= items_max(v) ? PySequence_List(set) : NULL;
    if (list) {
        put_list(v, at, list);
        Py_DECREF(list);
        return;
    }
    PyErr_Clear();
    open_value(v, at, OBSVI_NULL);
    v->w->overflow = true;
}

/* Strong references to a dict's keys and values, as they were at one moment. */
struct items {
    PyObject **pairs;
    Py_ssize_t count;
    PyObject *few[2 * 8];
};

static bool items_open(struct items *s, PyObject *dict, Py_ssize_t max)
{
    bool ok = true;
    Py_BEGIN_CRITICAL_SECTION(dict);
    Py_ssize_t pos = 0, n = 0, room = PyDict_GET_SIZE(dict);
    PyObject *key, *value;
    if (room > max)
        room = max;
    s->pairs = room <= 8 ? s->few : PyMem_Malloc(sizeof *s->pairs * 2 * (size_t)room);
    ok = s->pairs != NULL;
    while (ok && n < room && PyDict_Next(dict, &pos, &key, &value)) {
        s->pairs[2 * n] = Py_NewRef(key);
        s->pairs[2 * n + 1] = Py_NewRef(value);
        n++;
    }
    s->count = n;
    Py_END_CRITICAL_SECTION();
    return ok;
}

static void items_close(struct items *s)
{
    for (Py_ssize_t i = 0; i < 2 * s->count; i++)
        Py_DECREF(s->pairs[i]);
    if (s->pairs != s->few)
        PyMem_Free(s->pairs);
}

static void put_keyed(struct values *v, enum place_kind kind, PyObject *key, PyObject *value)
{
    PyObject *made = PyUnicode_Check(key) ? NULL : ext_str_of(key, v->fault);
    struct ext_text t = {"", 0, 0, NULL};
    /* A little over the limit: the encoder sees that it must cut, and says so. */
    if (made || PyUnicode_Check(key))
        ext_text_open(&t, made ? made : key, OBSVI_KEY_BYTES_MAX + 4);
    const struct place at = {kind, t.ptr, t.n};
    put(v, &at, value);
    ext_text_close(&t);
    Py_XDECREF(made);
}

static void put_dict(struct values *v, const struct place *at, PyObject *dict)
{
    struct items items;
    if (!enter(v, at, dict))
        return;
    if (!items_open(&items, dict, items_max(v))) {
        put_literal(v, at, "<no memory>");
        v->depth--;
        return;
    }
    open_value(v, at, OBSVI_MAP);
    size_t mark = obsvi_writer_container_open(v->w);
    for (Py_ssize_t i = 0; i < items.count && !v->w->overflow; i++)
        put_keyed(v, PLACE_ENTRY, items.pairs[2 * i], items.pairs[2 * i + 1]);
    obsvi_writer_container_close(v->w, mark);
    items_close(&items);
    v->depth--;
}

/* ---- Dispatch ------------------------------------------------------------------------------------------ */

static bool is_numpy(PyObject *o)
{
    return strncmp(Py_TYPE(o)->tp_name, "numpy.", 6) == 0;
}

/* Subclasses and rarer types. Enum and numpy first: an IntEnum is also an int, numpy.float64 also a float. */
static void put_other(struct values *v, const struct place *at, PyObject *o)
{
    if (PyObject_TypeCheck(o, (PyTypeObject *)v->st->enum_type) || is_numpy(o))
        put_str_of(v, at, o);
    else if (PyUnicode_Check(o))
        put_text(v, at, o);
    else if (PyLong_Check(o))
        put_int(v, at, o);
    else if (PyFloat_Check(o))
        put_float(v, at, o);
    else if (PyDict_Check(o))
        put_dict(v, at, o);
    else if (PyList_Check(o))
        put_list(v, at, o);
    else if (PyTuple_Check(o))
        put_tuple(v, at, o);
    else if (PyAnySet_Check(o))
        put_set(v, at, o);
    else if (PyBytes_Check(o))
        put_binary(v, at, PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o));
    else if (PyByteArray_Check(o) || PyMemoryView_Check(o))
        put_buffer(v, at, o);
    else
        put_str_of(v, at, o);
}

static void put(struct values *v, const struct place *at, PyObject *o)
{
    if (PyUnicode_CheckExact(o)) {
        put_text(v, at, o);
    } else if (PyLong_CheckExact(o)) {
        put_int(v, at, o);
    } else if (PyFloat_CheckExact(o)) {
        put_float(v, at, o);
    } else if (o == Py_None) {
        open_value(v, at, OBSVI_NULL);
    } else if (PyBool_Check(o)) {
        open_value(v, at, OBSVI_BOOL);
        obsvi_writer_value_bool(v->w, o == Py_True);
    } else if (PyDict_CheckExact(o)) {
        put_dict(v, at, o);
    } else if (PyList_CheckExact(o)) {
        put_list(v, at, o);
    } else {
        put_other(v, at, o);
    }
}

void ext_value_attr(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f, PyObject *key,
                    PyObject *value)
{
    struct values v;
    v.st = st;
    v.w = w;
    v.fault = f;
    v.depth = 0;
    put_keyed(&v, PLACE_ATTR, key, value);
    obsvi_writer_attr_close(w);
}

void ext_value_attr_named(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f, const char *key,
                          PyObject *value)
{
    struct values v;
    v.st = st;
    v.w = w;
    v.fault = f;
    v.depth = 0;
    const struct place at = {PLACE_ATTR, key, strlen(key)};
    put(&v, &at, value);
    obsvi_writer_attr_close(w);
}
