/* encoder: its life and the loading of records. The JSON line is written in json_line.c, batches in
 * batch_body.c. */
#include "encode/encoder.h"

#include "encode/json.h"
#include "encode/utf8.h"
#include "obsv.h"

#include <stdlib.h>

static void put_member(struct obsvi_bytes *out, const char *before, const char *value)
{
    if (!value)
        return;
    struct obsvi_bytes text = {0};
    obsvi_utf8_put(&text, value, strlen(value));
    obsvi_bytes_put_text(out, before);
    obsvi_json_put_string(out, (struct obsvi_str){(char *)text.data, text.len});
    out->failed |= text.failed;
    obsvi_bytes_fini(&text);
}

struct obsvi_encoder *obsvi_encoder_new(const struct obsvi_config *config)
{
    struct obsvi_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->second = UINT64_MAX;
    put_member(&e->service, ",\"service\":", config->service_name);
    put_member(&e->service, ",\"env\":", config->environment);
    put_member(&e->service, ",\"version\":", config->version);
    if (!obsvi_view_init(&e->view, config) || e->service.failed) {
        obsvi_encoder_free(e);
        return NULL;
    }
    return e;
}

void obsvi_encoder_free(struct obsvi_encoder *e)
{
    if (!e)
        return;
    obsvi_view_fini(&e->view);
    obsvi_bytes_fini(&e->service);
    free(e);
}

int obsvi_encoder_load(struct obsvi_encoder *e, const struct obsvi_record *record)
{
    return obsvi_view_load(&e->view, record) ? 0 : OBSV_ERR_NOMEM;
}
