/* settings: the table of src/config/settings.h for Python, so that keywords are written down nowhere else. */
#include "ext.h"

#include "config/settings.h"

static const char *kind_name(enum obsvi_setting_kind kind)
{
    switch (kind) {
    case OBSVI_KIND_TEXT:
        return "text";
    case OBSVI_KIND_URL:
        return "url";
    case OBSVI_KIND_PATH:
        return "path";
    case OBSVI_KIND_BOOLEAN:
        return "boolean";
    case OBSVI_KIND_INTEGER:
        return "integer";
    case OBSVI_KIND_DURATION:
        return "duration";
    case OBSVI_KIND_TIMEOUT:
        return "timeout";
    case OBSVI_KIND_BYTES:
        return "bytes";
    case OBSVI_KIND_CHOICE:
        return "choice";
    case OBSVI_KIND_LIST:
        return "list";
    case OBSVI_KIND_PAIRS:
        return "pairs";
    case OBSVI_KIND_LEVEL:
        return "level";
    }
    return "text";
}

PyObject *ext_settings(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < obsvi_settings_count; i++) {
        const struct obsvi_setting *s = &obsvi_settings[i];
        PyObject *row = Py_BuildValue("(zzs)", s->name, s->keyword, kind_name(s->kind));
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}
