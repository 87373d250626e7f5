/* ext: what the files of the extension share: the state of one module, and the two small objects that every
 * conversion passes along.
 *
 * One module belongs to one interpreter. Everything that holds a PyObject lives in its ext_state, so that
 * several interpreters, each with a GIL of its own, use the one process-wide engine side by side. The engine
 * never sees a PyObject: a record is built from copies on the caller's thread and is plain bytes from then on
 * (law 4).
 *
 * Files: module (the module itself), engine (start, flush, stop), handler (logging.Handler), parts (a
 * LogRecord taken apart), record (LogRecord → engine record), values (any object → typed value), text (str →
 * UTF-8), exception, trace, fault, stats, settings.
 */
#ifndef OBSV_EXT_H
#define OBSV_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "front/front.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if PY_VERSION_HEX < 0x030B0000
#error "CPython 3.11 or newer is needed"
#endif

/* Locks one object on the free-threaded build; nothing elsewhere. */
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION()         }
#endif

/* The attributes of a logging.LogRecord (Lib/logging/__init__.py, LogRecord.__init__) that we read. */
#define EXT_FIELDS(X)                                                                                        \
    X(name)                                                                                                  \
    X(msg)                                                                                                   \
    X(args)                                                                                                  \
    X(levelname)                                                                                             \
    X(levelno)                                                                                               \
    X(pathname)                                                                                              \
    X(lineno)                                                                                                \
    X(funcName)                                                                                              \
    X(exc_info)                                                                                              \
    X(exc_text)                                                                                              \
    X(stack_info)                                                                                            \
    X(created)

enum ext_field {
#define EXT_FIELD(name) EXT_FIELD_##name,
    EXT_FIELDS(EXT_FIELD)
#undef EXT_FIELD
        EXT_FIELD_COUNT,
    EXT_FIELD_IGNORED = EXT_FIELD_COUNT, /* standard, and of no use to us */
    EXT_EXTRA,                           /* everything else: the application's attributes */
    EXT_EXTRA_TRACE_ID,                  /* … which may name the trace */
    EXT_EXTRA_SPAN_ID,
    EXT_EXTRA_EVENT,      /* "event.name" */
    EXT_EXTRA_OTEL_EVENT, /* "otel.event.name" */
};

enum { EXT_FIELD_TABLE = 128 }; /* a power of two, four times the number of names */

struct ext_state {
    PyTypeObject *handler_type;
    PyTypeObject *stats_type;
    PyObject *handler_emit; /* our own emit, to see whether a subclass has another */

    PyTypeObject *log_record_type;
    PyObject *get_message;                /* logging.LogRecord.getMessage as it was when we were imported */
    _Atomic unsigned int get_message_tag; /* version of the class for which it was still the same */
    PyObject *enum_type;
    PyObject *format_exception; /* traceback.format_exception */

    PyObject *field_names; /* str → enum ext_field, for keys that are not interned */
    struct {
        PyObject *name; /* interned; held by field_names */
        enum ext_field field;
    } field_table[EXT_FIELD_TABLE]; /* open addressing by pointer */

    PyObject *str_empty, *str_emit, *str_filter, *str_filters, *str_get_current_span, *str_get_message,
        *str_get_span_context, *str_module, *str_otel_trace, *str_qualname, *str_span_id, *str_trace_flags,
        *str_trace_id;

    _Atomic bool code_attributes; /* OBSV_CODE_ATTRIBUTES, read at init */
};

struct ext_state *ext_state_of_module(PyObject *module);
struct ext_state *ext_state_of_type(PyTypeObject *type);

/* ---- fault: what went wrong while a record was read ---------------------------------------------------- */

/* Law 3 and 4: an exception in the application's own code (__str__, a wrong % format) must neither reach the
 * caller nor cost the record. The first one's text becomes the attribute `log_error`. What is not an
 * Exception (KeyboardInterrupt, SystemExit, a cancellation) is not ours to swallow: it is kept, the record is
 * finished, then it goes on. */
struct ext_fault {
    PyObject *text;      /* str or NULL */
    PyObject *interrupt; /* exception or NULL */
};

/* Takes the pending exception. `quietly`: without a log_error. */
void ext_fault_catch(struct ext_fault *f, bool quietly);
/* Releases the text; raises the interrupt again if there was one. True: an exception is set. */
bool ext_fault_finish(struct ext_fault *f);

/* ---- text: str → bytes --------------------------------------------------------------------------------- */

/* UTF-8 of a str. Lone surrogates are written as three bytes, which the encoders replace by U+FFFD. */
struct ext_text {
    const char *ptr;
    size_t n;
    uint64_t original_bytes; /* > n if it was cut; then a lower bound where counting would cost */
    PyObject *owner;
};

enum { EXT_TEXT_WHOLE = 0 };

/* At most `max_bytes` of it, whole characters only. Never fails: without memory the text is empty. The result
 * may point into `str`, which must outlive it. */
void ext_text_open(struct ext_text *t, PyObject *str, size_t max_bytes);
void ext_text_close(struct ext_text *t);

/* A new reference to str(o); for an object whose __str__ fails "<unprintable Class>", and the fault is noted.
 * NULL only without memory. */
PyObject *ext_str_of(PyObject *o, struct ext_fault *f);

/* ---- values, record, exception, trace ------------------------------------------------------------------ */

/* One attribute of any value. */
void ext_value_attr(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f, PyObject *key,
                    PyObject *value);
/* One attribute with a fixed key. */
void ext_value_attr_named(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f, const char *key,
                          PyObject *value);

/* Builds the engine's record from a LogRecord and submits it. */
void ext_record_emit(struct ext_state *st, PyObject *record, struct ext_fault *f);
int ext_parts_setup(struct ext_state *st); /* the table of names */

/* `exc_info` as logging has it: a tuple, an exception, None or NULL. */
void ext_exception_write(struct ext_state *st, struct obsvi_writer *w, struct ext_fault *f,
                         PyObject *exc_info, PyObject *exc_text);

struct ext_trace {
    uint8_t trace_id[16], span_id[8];
    uint8_t flags;
};

/* The current OpenTelemetry span, if the application uses that API. */
bool ext_trace_current(struct ext_state *st, struct ext_trace *out, struct ext_fault *f);
/* `hex` is a str of exactly 2n hexadecimal digits, not all zero (W3C trace-context: ids). */
bool ext_trace_parse(PyObject *hex, uint8_t *out, size_t n);

/* ---- parts of the module ------------------------------------------------------------------------------- */

int ext_handler_setup(PyObject *module, struct ext_state *st);
int ext_stats_setup(PyObject *module, struct ext_state *st);

PyObject *ext_stats(PyObject *module, PyObject *unused);
PyObject *ext_settings(PyObject *module, PyObject *unused);
PyObject *ext_init(PyObject *module, PyObject *settings);
PyObject *ext_flush(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *ext_shutdown(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *ext_flush_for_exit(PyObject *module, PyObject *unused);
PyObject *ext_complain(PyObject *module, PyObject *text);

#endif
