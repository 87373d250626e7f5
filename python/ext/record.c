/* record: one logging.LogRecord → one record of the engine.
 *
 * Application code may log from inside (a __str__ that does): the thread's work space is then taken, and the
 * inner record is built in a block of its own.
 */
#include "parts.h"

enum {
    NESTED_RECORD_BYTES = 64 * 1024, /* for a record logged from inside another */
    CREATED_TOLERANCE_NS = 1000000,
};

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
static struct ext_extra *event_of(struct ext_parts *p)
{
    static const enum ext_field kinds[] = {EXT_EXTRA_OTEL_EVENT, EXT_EXTRA_EVENT};
    for (int i = 0; i < 2; i++) {
        struct ext_extra *e = ext_parts_extra(p, kinds[i]);
        if (e && PyUnicode_CheckExact(e->value) && PyUnicode_GET_LENGTH(e->value) > 0)
            return e;
    }
    return NULL;
}

/* Ids given with the record become its trace context if they are well-formed; otherwise they stay attributes.
 */
static bool trace_of_extras(struct ext_parts *p, struct ext_trace *trace, struct ext_extra **id,
                            struct ext_extra **span)
{
    memset(trace, 0, sizeof *trace);
    *span = NULL;
    *id = ext_parts_extra(p, EXT_EXTRA_TRACE_ID);
    if (!*id || !ext_trace_parse((*id)->value, trace->trace_id, sizeof trace->trace_id)) {
        *id = NULL;
        return false;
    }
    *span = ext_parts_extra(p, EXT_EXTRA_SPAN_ID);
    if (*span && !ext_trace_parse((*span)->value, trace->span_id, sizeof trace->span_id))
        *span = NULL;
    return true;
}

static void write_source(struct ext_state *st, struct obsvi_writer *w, struct ext_parts *p,
                         struct ext_fault *f)
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
static void write_fault(struct ext_state *st, struct obsvi_writer *w, struct ext_parts *p,
                        struct ext_fault *f)
{
    if (f->text)
        ext_value_attr_named(st, w, f, "log_error", f->text);
    if (!p->message_failed || !ext_parts_has_args(p))
        return;
    PyObject *args = PyObject_Repr(p->field[EXT_FIELD_args]);
    if (args)
        ext_value_attr_named(st, w, f, "log_args", args);
    else
        ext_fault_catch(f, true);
    Py_XDECREF(args);
}

static size_t build(struct ext_state *st, struct ext_parts *p, PyObject *message, struct ext_fault *f,
                    void *space, size_t space_bytes)
{
    struct obsvi_writer w;
    struct ext_trace trace;
    struct ext_extra *event = event_of(p), *trace_id, *span_id;
    bool has_trace = trace_of_extras(p, &trace, &trace_id, &span_id) || ext_trace_current(st, &trace, f);

    obsvi_writer_begin(&w, space, space_bytes, time_of(p->field[EXT_FIELD_created]),
                       severity_of(p->field[EXT_FIELD_levelno]));
    write_text(&w, obsvi_writer_logger, p->field[EXT_FIELD_name], OBSVI_KEY_BYTES_MAX, f);
    write_text(&w, obsvi_writer_level, p->field[EXT_FIELD_levelname], 64, f);
    write_body(&w, message);
    if (event)
        write_text(&w, obsvi_writer_event, event->value, OBSVI_KEY_BYTES_MAX, f);
    for (size_t i = 0; i < p->count; i++) {
        struct ext_extra *e = &p->extras[i];
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

static void submit(struct ext_state *st, struct ext_parts *p, PyObject *message, struct ext_fault *f)
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
        obsvi_front_drop(0);
    if (own)
        PyMem_RawFree(own);
    else if (space)
        obsvi_front_scratch_close();
}

void ext_record_emit(struct ext_state *st, PyObject *record, struct ext_fault *f)
{
    struct ext_parts parts;
    PyObject *dict = PyObject_GenericGetDict(record, NULL);
    if (!dict) { /* not a LogRecord at all */
        ext_fault_catch(f, true);
        obsvi_front_drop(0);
        return;
    }
    ext_parts_open(&parts, st, dict);
    Py_DECREF(dict);
    PyObject *message = ext_parts_message(st, record, &parts, f);
    submit(st, &parts, message, f);
    Py_XDECREF(message);
    ext_parts_close(&parts);
}
