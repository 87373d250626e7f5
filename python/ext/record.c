/* record: one logging.LogRecord → one record of the engine.
 *
 * The record's __dict__ is walked once. A key is told apart by its address: the standard names are interned
 * by CPython, so one probe of a small table says what a key is; only keys that are not interned (from JSON,
 * with dots) are compared by content. Strong references are taken for everything that is used, because from
 * then on application code may run (a __str__, a trace formatter), and it may log, raise, or change this very
 * record.
 *
 * That code may also log from inside: the thread's work space is then taken, and the inner record is built in
 * a block of its own.
 */
#include "ext.h"

enum {
    FEW_EXTRAS = 24,
    EXTRAS_MAX = 1000,               /* as obsv_log; further ones are counted as dropped attributes */
    NESTED_RECORD_BYTES = 64 * 1024, /* for a record logged from inside another */
    CREATED_TOLERANCE_NS = 1000000,
};

struct extra {
    PyObject *key, *value;
    enum ext_field kind;
};

/* What a LogRecord holds; strong references. */
struct parts {
    PyObject *field[EXT_FIELD_COUNT];
    struct extra *extras;
    size_t count, room, left_out;
    bool message_failed;
    struct extra few[FEW_EXTRAS];
};

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

int ext_record_setup(struct ext_state *st)
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

static bool extras_grow(struct parts *p)
{
    struct extra *more = p->room < EXTRAS_MAX ? PyMem_Malloc(EXTRAS_MAX * sizeof *more) : NULL;
    if (!more)
        return false;
    memcpy(more, p->extras, p->count * sizeof *more);
    p->extras = more;
    p->room = EXTRAS_MAX;
    return true;
}

static void parts_open(struct parts *p, const struct ext_state *st, PyObject *dict)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    memset(p->field, 0, sizeof p->field);
    p->extras = p->few;
    p->room = FEW_EXTRAS;
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
            p->extras[p->count++] = (struct extra){Py_NewRef(key), Py_NewRef(value), field};
        else
            p->left_out++;
    }
    Py_END_CRITICAL_SECTION();
}

static void parts_close(struct parts *p)
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

static struct extra *extra_of(struct parts *p, enum ext_field kind)
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

static bool has_args(const struct parts *p)
{
    PyObject *args = p->field[EXT_FIELD_args];
    return args && args != Py_None && !(PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0);
}

/* LogRecord.getMessage: str(msg), and `% args` if there are any. NULL with an exception set. */
static PyObject *message_format(const struct parts *p)
{
    PyObject *args = p->field[EXT_FIELD_args], *msg = p->field[EXT_FIELD_msg];
    if (!msg)
        return PyUnicode_FromString("");
    PyObject *text = PyUnicode_CheckExact(msg) ? Py_NewRef(msg) : PyObject_Str(msg);
    if (!text || !has_args(p))
        return text;
    int wanted = PyObject_IsTrue(args);
    PyObject *whole = wanted > 0 ? PyNumber_Remainder(text, args) : wanted == 0 ? Py_NewRef(text) : NULL;
    Py_DECREF(text);
    return whole;
}

/* The body as a str, or NULL (no memory). After a failure the raw message stands in. */
static PyObject *message_of(struct ext_state *st, PyObject *record, struct parts *p, struct ext_fault *f)
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

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* Python's levels on the OTLP scale: ten of theirs are four of ours, and the smallest number of a range is
 * its plain level (spec: logs/data-model.md, SeverityNumber). 1..9 is TRACE: what users register below DEBUG.
 */
static uint8_t severity_of(PyObject *levelno)
{
    int overflow = 0;
    long level = levelno && PyLong_Check(levelno) ? PyLong_AsLongAndOverflow(levelno, &overflow) : 0;
    if (overflow > 0 || level >= 53)
        return 24;
    if (level <= 0 || overflow)
        return 0;
    if (level < 10)
        return 1;
    long above = level % 10;
    return (uint8_t)(level / 10 * 4 + 1 + (above < 3 ? above : 3));
}

/* Our own clock, which has nanoseconds; `created` (a float, 238 ns) only for a record that was made some time
 * ago: from a queue, a socket, a MemoryHandler. */
static uint64_t time_of(PyObject *created)
{
    uint64_t now = obsvi_clock_now_ns();
    if (!created || !PyFloat_CheckExact(created))
        return now;
    double seconds = PyFloat_AS_DOUBLE(created);
    if (!(seconds > 0 && seconds < 1.8e10))
        return now;
    uint64_t whole = (uint64_t)seconds; /* apart from the fraction, or a double's 53 bits would not do */
    uint64_t then = whole * 1000000000u + (uint64_t)((seconds - (double)whole) * 1e9 + 0.5);
    uint64_t apart = then > now ? then - now : now - then;
    return apart > CREATED_TOLERANCE_NS ? then : now;
}

typedef void (*text_fn)(struct obsvi_writer *, const char *, size_t);

static void write_text(struct obsvi_writer *w, text_fn write, PyObject *o, size_t max_bytes,
                       struct ext_fault *f)
{
    if (!o)
        return;
    PyObject *made = PyUnicode_Check(o) ? NULL : ext_str_of(o, f);
    struct ext_text t;
    if (made || PyUnicode_Check(o)) {
        ext_text_open(&t, made ? made : o, max_bytes);
        write(w, t.ptr, t.n);
        ext_text_close(&t);
    }
    Py_XDECREF(made);
}

static void write_body(struct obsvi_writer *w, PyObject *message)
{
    struct ext_text t;
    if (!message)
        return;
    ext_text_open(&t, message,
                  OBSVI_TEXT_BYTES_MAX + 4); /* a little over: the writer sees that it must cut */
    obsvi_writer_body(w, t.ptr, t.n);
    if (w->head.flags & OBSVI_BODY_CUT)
        w->head.body_original_bytes = t.original_bytes < UINT32_MAX ? (uint32_t)t.original_bytes : UINT32_MAX;
    ext_text_close(&t);
}

/* `otel.event.name` or `event.name` names the event and is then no attribute. */
static struct extra *event_of(struct parts *p)
{
    static const enum ext_field kinds[] = {EXT_EXTRA_OTEL_EVENT, EXT_EXTRA_EVENT};
    for (int i = 0; i < 2; i++) {
        struct extra *e = extra_of(p, kinds[i]);
        if (e && PyUnicode_CheckExact(e->value) && PyUnicode_GET_LENGTH(e->value) > 0)
            return e;
    }
    return NULL;
}

/* Ids given with the record become its trace context if they are well-formed; otherwise they stay attributes.
 */
static bool trace_of_extras(struct parts *p, struct ext_trace *trace, struct extra **id, struct extra **span)
{
    memset(trace, 0, sizeof *trace);
    *span = NULL;
    *id = extra_of(p, EXT_EXTRA_TRACE_ID);
    if (!*id || !ext_trace_parse((*id)->value, trace->trace_id, sizeof trace->trace_id)) {
        *id = NULL;
        return false;
    }
    *span = extra_of(p, EXT_EXTRA_SPAN_ID);
    if (*span && !ext_trace_parse((*span)->value, trace->span_id, sizeof trace->span_id))
        *span = NULL;
    return true;
}

static void write_source(struct ext_state *st, struct obsvi_writer *w, struct parts *p, struct ext_fault *f)
{
    /* semantic conventions: docs/registry/attributes/code.md */
    static const struct {
        const char *key;
        enum ext_field field;
    } source[] = {
        {"code.file.path", EXT_FIELD_pathname},
        {"code.line.number", EXT_FIELD_lineno},
        {"code.function.name", EXT_FIELD_funcName},
    };
    for (size_t i = 0; st->code_attributes && i < sizeof source / sizeof *source; i++) {
        PyObject *value = p->field[source[i].field];
        if (value && value != Py_None)
            ext_value_attr_named(st, w, f, source[i].key, value);
    }
    PyObject *stack = p->field[EXT_FIELD_stack_info];
    if (stack && stack != Py_None)
        ext_value_attr_named(st, w, f, "code.stacktrace", stack);
}

/* What was wrong with the record: law 3, it arrives marked. */
static void write_fault(struct ext_state *st, struct obsvi_writer *w, struct parts *p, struct ext_fault *f)
{
    if (f->text)
        ext_value_attr_named(st, w, f, "log_error", f->text);
    if (!p->message_failed || !has_args(p))
        return;
    PyObject *args = PyObject_Repr(p->field[EXT_FIELD_args]);
    if (args)
        ext_value_attr_named(st, w, f, "log_args", args);
    else
        ext_fault_catch(f, true);
    Py_XDECREF(args);
}

static size_t build(struct ext_state *st, struct parts *p, PyObject *message, struct ext_fault *f,
                    void *space, size_t space_bytes)
{
    struct obsvi_writer w;
    struct ext_trace trace;
    struct extra *event = event_of(p), *trace_id, *span_id;
    bool has_trace = trace_of_extras(p, &trace, &trace_id, &span_id) || ext_trace_current(st, &trace, f);

    obsvi_writer_begin(&w, space, space_bytes, time_of(p->field[EXT_FIELD_created]),
                       severity_of(p->field[EXT_FIELD_levelno]));
    write_text(&w, obsvi_writer_logger, p->field[EXT_FIELD_name], OBSVI_KEY_BYTES_MAX, f);
    write_text(&w, obsvi_writer_level, p->field[EXT_FIELD_levelname], 64, f);
    write_body(&w, message);
    if (event)
        write_text(&w, obsvi_writer_event, event->value, OBSVI_KEY_BYTES_MAX, f);
    for (size_t i = 0; i < p->count; i++) {
        struct extra *e = &p->extras[i];
        if (e != event && e != trace_id && e != span_id)
            ext_value_attr(st, &w, f, e->key, e->value);
    }
    w.head.attrs_dropped_count += (uint16_t)(p->left_out < 0xffff ? p->left_out : 0xffff);
    write_source(st, &w, p, f);
    write_fault(st, &w, p, f);
    ext_exception_write(st, &w, f, p->field[EXT_FIELD_exc_info], p->field[EXT_FIELD_exc_text]);
    if (has_trace)
        obsvi_writer_trace(&w, trace.trace_id, trace.span_id, trace.flags);
    return obsvi_writer_end(&w);
}

static void submit(struct ext_state *st, struct parts *p, PyObject *message, struct ext_fault *f)
{
    void *own = NULL, *space = obsvi_front_scratch_open();
    size_t space_bytes = OBSVI_RECORD_BYTES_MAX;
    if (!space) {
        space = own = PyMem_RawMalloc(NESTED_RECORD_BYTES);
        space_bytes = NESTED_RECORD_BYTES;
    }
    size_t size = space ? build(st, p, message, f, space, space_bytes) : 0;
    if (size)
        obsvi_front_submit(space, size);
    else
        obsvi_front_drop();
    if (own)
        PyMem_RawFree(own);
    else if (space)
        obsvi_front_scratch_close();
}

void ext_record_emit(struct ext_state *st, PyObject *record, struct ext_fault *f)
{
    struct parts parts;
    PyObject *dict = PyObject_GenericGetDict(record, NULL);
    if (!dict) { /* not a LogRecord at all */
        ext_fault_catch(f, true);
        obsvi_front_drop();
        return;
    }
    parts_open(&parts, st, dict);
    Py_DECREF(dict);
    PyObject *message = message_of(st, record, &parts, f);
    submit(st, &parts, message, f);
    Py_XDECREF(message);
    parts_close(&parts);
}
