/* split: one sealed request made into two, because the server found it too large (HTTP 413).
 *
 * The outbox holds final bytes, not records, and a batch may have waited there through an outage long after
 * its records are gone from the rings. So the request is taken apart again (pieces.h), and each half is
 * written from its own records and what stands over them: byte for byte what sealing those records alone
 * would have given. Rejected: to keep record boundaries beside each sealed batch, which every batch would pay
 * for so that the rare one can be cut.
 */
#include "encode/encode.h"

#include "encode/gzip.h"
#include "encode/pieces.h"
#include "encode/protobuf.h"

enum {
    REQUEST_RESOURCE_LOGS = 1,
    RESOURCE_LOGS_SCOPE_LOGS = 2,
    LENGTH_BYTES = 3, /* what the length of a framed half will probably take */
    /* Batches are sealed far below this: a trailer that says more is damage. */
    REQUEST_BYTES_MAX = 64 * 1024 * 1024,
    LEVEL_INFO = 2,
};

/* ---- One half ------------------------------------------------------------------------------------------ */

struct frame {
    struct obsvi_bytes *out;
    bool is_json;
    const struct obsvi_piece *resource, *scope; /* open; NULL: none */
    size_t resource_mark, scope_mark;           /* protobuf: where their content begins */
    bool has_sibling;                           /* JSON: a comma comes first */
};

static size_t open_frame(struct frame *f, unsigned field, struct obsvi_str head)
{
    size_t mark = 0;
    if (!f->is_json)
        mark = obsvi_pb_open(f->out, field, LENGTH_BYTES);
    else if (f->has_sibling)
        obsvi_bytes_put_u8(f->out, ',');
    f->has_sibling = false;
    obsvi_bytes_put(f->out, head.ptr, head.len);
    return mark;
}

static void close_frame(struct frame *f, const struct obsvi_piece **open, size_t mark)
{
    if (!*open)
        return;
    if (f->is_json)
        obsvi_bytes_put_text(f->out, "]}");
    else
        obsvi_pb_close(f->out, mark, LENGTH_BYTES);
    f->has_sibling = true;
    *open = NULL;
}

static void put_record(struct frame *f, const struct obsvi_piece *resource, const struct obsvi_piece *scope,
                       const struct obsvi_piece *record)
{
    if (f->scope != scope)
        close_frame(f, &f->scope, f->scope_mark);
    if (f->resource != resource) {
        close_frame(f, &f->resource, f->resource_mark);
        f->resource_mark = open_frame(f, REQUEST_RESOURCE_LOGS, resource->bytes);
        f->resource = resource;
    }
    if (f->scope != scope) {
        f->scope_mark = open_frame(f, RESOURCE_LOGS_SCOPE_LOGS, scope->bytes);
        f->scope = scope;
    }
    if (f->is_json && f->has_sibling)
        obsvi_bytes_put_u8(f->out, ',');
    f->has_sibling = true;
    obsvi_bytes_put(f->out, record->bytes.ptr, record->bytes.len);
}

static unsigned level_of(const struct obsvi_piece *record)
{
    return record->severity ? (record->severity - 1u) / 4 : LEVEL_INFO;
}

/* The request of records [from, to). */
static void put_request(struct obsvi_bytes *out, bool is_json, const struct obsvi_pieces *pieces,
                        uint32_t from, uint32_t to, uint32_t level_counts[OBSVI_LEVEL_COUNT])
{
    const struct obsvi_piece *resource = NULL, *scope = NULL;
    struct frame f = {.out = out, .is_json = is_json};
    if (is_json)
        obsvi_bytes_put_text(out, "{\"resourceLogs\":[");
    uint32_t index = 0;
    for (size_t i = 0; i < obsvi_pieces_count(pieces) && index < to; i++) {
        const struct obsvi_piece *piece = obsvi_pieces_at(pieces, i);
        if (piece->kind == OBSVI_PIECE_RESOURCE) {
            resource = piece;
        } else if (piece->kind == OBSVI_PIECE_SCOPE) {
            scope = piece;
        } else if (index++ >= from) {
            put_record(&f, resource, scope, piece);
            level_counts[level_of(piece)]++;
        }
    }
    close_frame(&f, &f.scope, f.scope_mark);
    close_frame(&f, &f.resource, f.resource_mark);
    if (is_json)
        obsvi_bytes_put_text(out, "]}");
}

/* ---- Both ---------------------------------------------------------------------------------------------- */

static bool put_halves(const struct obsvi_config *config, const struct obsvi_pieces *pieces,
                       struct obsvi_bytes halves[2], uint32_t level_counts[2][OBSVI_LEVEL_COUNT])
{
    bool is_json = config->protocol == OBSVI_HTTP_JSON, is_whole = true;
    bool is_compressed = config->compression == OBSVI_COMPRESSION_GZIP;
    uint32_t bounds[] = {0, pieces->record_count / 2, pieces->record_count};
    struct obsvi_gzip *gzip = is_compressed ? obsvi_gzip_new() : NULL;
    struct obsvi_bytes raw = {0};
    for (int i = 0; i < 2 && is_whole; i++) {
        obsvi_bytes_clear(&raw);
        struct obsvi_bytes *out = is_compressed ? &raw : &halves[i];
        put_request(out, is_json, pieces, bounds[i], bounds[i + 1], level_counts[i]);
        is_whole = !out->failed;
        if (is_compressed)
            is_whole = is_whole && gzip && obsvi_gzip_put(gzip, &halves[i], raw.data, raw.len);
    }
    obsvi_bytes_fini(&raw);
    obsvi_gzip_free(gzip);
    return is_whole;
}

static bool split(const struct obsvi_config *config, struct obsvi_str request, struct obsvi_bytes halves[2],
                  uint32_t level_counts[2][OBSVI_LEVEL_COUNT])
{
    struct obsvi_pieces pieces = {0};
    bool is_json = config->protocol == OBSVI_HTTP_JSON;
    bool is_whole = (is_json ? obsvi_pieces_read_json : obsvi_pieces_read)(&pieces, request) &&
                    pieces.record_count >= 2 && put_halves(config, &pieces, halves, level_counts);
    obsvi_pieces_fini(&pieces);
    return is_whole;
}

bool obsvi_batch_body_split(const struct obsvi_config *config, const void *body, size_t body_bytes,
                            bool is_gzip, struct obsvi_bytes halves[2],
                            uint32_t level_counts[2][OBSVI_LEVEL_COUNT])
{
    struct obsvi_bytes plain = {0}, made[2] = {{0}, {0}};
    uint32_t counts[2][OBSVI_LEVEL_COUNT] = {{0}, {0}};
    bool is_done = !is_gzip || obsvi_gunzip_put(&plain, body, body_bytes, REQUEST_BYTES_MAX);
    struct obsvi_str request = {is_gzip ? (const char *)plain.data : body, is_gzip ? plain.len : body_bytes};
    is_done = is_done && request.len && split(config, request, made, counts);
    obsvi_bytes_fini(&plain);
    if (!is_done) {
        obsvi_bytes_fini(&made[0]);
        obsvi_bytes_fini(&made[1]);
        return false;
    }
    memcpy(halves, made, sizeof made);
    memcpy(level_counts, counts, sizeof counts);
    return true;
}
