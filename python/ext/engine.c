/* engine: start, flush, stop. Whatever may block releases the GIL, and flush can be interrupted by Ctrl-C. */
#include "ext.h"

#include "base/diag.h"
#include "engine.h"
#include "obsv.h"

#include <math.h>
#include <stdatomic.h>

/* "NAME=value" strings as a NULL-terminated array. The bytes objects are kept in `owner`. */
static const char **settings_open(PyObject *settings, PyObject **owner)
{
    PyObject *list = PySequence_List(settings);
    Py_ssize_t n = list ? PyList_GET_SIZE(list) : 0;
    const char **names = list ? PyMem_Calloc((size_t)n + 2, sizeof *names) : NULL;
    for (Py_ssize_t i = 0; names && i < n; i++) {
        /* as os.environ does it: undecodable bytes come back as they were */
        PyObject *bytes = PyUnicode_AsEncodedString(PyList_GET_ITEM(list, i), "utf-8", "surrogateescape");
        if (!bytes || PyBytes_AsStringAndSize(bytes, (char **)&names[i], NULL) < 0) {
            Py_XDECREF(bytes);
            PyMem_Free(names);
            names = NULL;
            break;
        }
        PyList_SetItem(list, i, bytes);
    }
    if (names && PyInterpreterState_Get() != PyInterpreterState_Main())
        names[n] = "OBSV_SIGNALS=off"; /* a host with several interpreters has its own ways with signals */
    if (!names) {
        Py_XDECREF(list);
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return NULL;
    }
    *owner = list;
    return names;
}

static atomic_flag exit_is_watched = ATOMIC_FLAG_INIT;

static void at_exit(void)
{
    atomic_flag_clear(&exit_is_watched); /* an embedded Python may start again */
    (void)obsv_shutdown(-1);
}

/* At the very end of Py_FinalizeEx, so that callbacks of atexit and __del__ methods may log; and yet before
 * an unhandled KeyboardInterrupt kills the process by SIGINT, which no atexit(3) handler sees. An interpreter
 * that ends before the main one stops nothing: the engine is the process's. Without room among Python's 32
 * such functions, the engine's own atexit(3) remains. */
static void watch_exit(void)
{
    if (!atomic_flag_test_and_set(&exit_is_watched))
        (void)Py_AtExit(at_exit);
}

/* init(settings) → (result of obsv_init, level, whether stdout is on). */
PyObject *ext_init(PyObject *module, PyObject *settings)
{
    PyObject *owner;
    const char **names = settings_open(settings, &owner);
    if (!names)
        return NULL;
    struct obsv_options options = {.size = sizeof options, .settings = names};
    int result, level = 20;
    bool is_stdout_on = false;
    Py_BEGIN_ALLOW_THREADS result = obsv_init(&options);
    Py_END_ALLOW_THREADS const struct obsvi_config *config = obsvi_engine_config();
    if (config) {
        level = config->level;
        is_stdout_on = config->stdout_on;
        ext_state_of_module(module)->code_attributes = config->code_attributes;
    }
    if (result == 0)
        watch_exit();
    PyMem_Free(names);
    Py_DECREF(owner);
    return Py_BuildValue("(iiN)", result, level, PyBool_FromLong(is_stdout_on));
}

/* Seconds or None → milliseconds; -1 for None (the configured deadline). False with an exception set. */
static bool timeout_parse(PyObject *args, PyObject *kwargs, const char *format, int64_t *ms)
{
    static char timeout_name[] = "timeout";
    static char *names[] = {timeout_name, NULL};
    PyObject *timeout = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &timeout))
        return false;
    *ms = -1;
    if (timeout == Py_None)
        return true;
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred())
        return false;
    if (isnan(seconds) || seconds < 0)
        seconds = 0;
    *ms = seconds < 1e9 ? (int64_t)(seconds * 1000) : (int64_t)1000000000000;
    return true;
}

/* In slices that double, so that a Ctrl-C is heard while waiting, and yet a stream of new records cannot put
 * off the end of each slice for ever. */
static int flush_interruptibly(int64_t ms)
{
    enum { FIRST_SLICE_MS = 250 };
    int result = OBSV_ERR_TIMEOUT;
    int64_t slice = FIRST_SLICE_MS;
    do {
        int64_t wait = slice < ms ? slice : ms;
        Py_BEGIN_ALLOW_THREADS result = obsv_flush(wait);
        Py_END_ALLOW_THREADS ms -= wait;
        slice *= 2;
    } while (result == OBSV_ERR_TIMEOUT && ms > 0 && PyErr_CheckSignals() == 0);
    return result;
}

PyObject *ext_flush(PyObject *module, PyObject *args, PyObject *kwargs)
{
    (void)module;
    int64_t ms;
    if (!timeout_parse(args, kwargs, "|O:flush", &ms))
        return NULL;
    const struct obsvi_config *config = obsvi_engine_config();
    if (ms < 0)
        ms = config ? config->export_timeout_ms : 0;
    int result = flush_interruptibly(ms);
    return PyErr_Occurred() ? NULL : PyBool_FromLong(result == 0);
}

PyObject *ext_shutdown(PyObject *module, PyObject *args, PyObject *kwargs)
{
    (void)module;
    int64_t ms;
    int result;
    if (!timeout_parse(args, kwargs, "|O:shutdown", &ms))
        return NULL;
    Py_BEGIN_ALLOW_THREADS result = obsv_shutdown(ms);
    Py_END_ALLOW_THREADS return PyBool_FromLong(result == 0);
}

/* For processes that end without Py_FinalizeEx: a flush with the deadline of the end. */
PyObject *ext_flush_for_exit(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    const struct obsvi_config *config = obsvi_engine_config();
    int64_t ms = config ? config->shutdown_timeout_ms : 0;
    Py_BEGIN_ALLOW_THREADS;
    (void)obsv_flush(ms);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

PyObject *ext_complain(PyObject *module, PyObject *text)
{
    (void)module;
    const char *line = PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;
    if (line)
        obsvi_diag(OBSVI_DIAG_WARNING, NULL, "%s", line);
    PyErr_Clear();
    Py_RETURN_NONE;
}
