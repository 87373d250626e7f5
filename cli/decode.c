/* decode: what the protobuf and the JSON reader share. See decode.h. */
#include "decode.h"

#include <stdarg.h>
#include <stdio.h>

/* A parser's message may quote the input, and cut it inside a character. */
static void keep_plain(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
            *text = '?';
}

void *obsvi_decode_fail(struct obsvi_decoder *d, enum obsvi_decode_result result, const char *format, ...)
{
    if (d->result == OBSVI_DECODE_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(d->why, sizeof d->why, format, args);
        va_end(args);
        keep_plain(d->why);
        d->result = result;
    }
    return NULL;
}

bool obsvi_decode_count_value(struct obsvi_decoder *d, int depth)
{
    if (depth > OBSVI_DECODE_DEPTH_MAX)
        obsvi_decode_fail(d, OBSVI_DECODE_MALFORMED, "a value is nested more than %d deep",
                          OBSVI_DECODE_DEPTH_MAX);
    else if (d->values_left == 0)
        obsvi_decode_fail(d, OBSVI_DECODE_TOO_LARGE, "more than %u values in one record",
                          OBSVI_DECODE_VALUES_MAX);
    else
        d->values_left--;
    return d->result == OBSVI_DECODE_OK;
}

json_t *obsvi_decode_made(struct obsvi_decoder *d, json_t *value)
{
    if (!value)
        obsvi_decode_fail(d, OBSVI_DECODE_NO_MEMORY, "out of memory");
    return value;
}

bool obsvi_decode_append(struct obsvi_decoder *d, json_t *list, json_t *value)
{
    if (!value || json_array_append_new(list, value) != 0)
        obsvi_decode_made(d, NULL);
    return d->result == OBSVI_DECODE_OK;
}

void obsvi_decode_emit(struct obsvi_decoder *d, struct obsvi_log_parts *log,
                       const struct obsvi_scope_parts *scope, const struct obsvi_origin_parts *resource)
{
    if (d->result == OBSVI_DECODE_OK && !d->is_check) {
        json_t *record = obsvi_decode_made(d, obsvi_neutral_record(log, scope, resource));
        if (record)
            d->each(record, d->arg);
        json_decref(record);
    }
    obsvi_neutral_log_fini(log);
}
