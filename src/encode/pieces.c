/* pieces: the list, and the protobuf request (opentelemetry/proto/logs/v1/logs.proto). See pieces.h. */
#include "encode/pieces.h"

#include "encode/protobuf.h"

enum field {
    REQUEST_RESOURCE_LOGS = 1,
    RESOURCE_LOGS_SCOPE_LOGS = 2,
    SCOPE_LOGS_RECORDS = 2,
    LOG_SEVERITY_NUMBER = 2,
    SEVERITY_MAX = 24,
};

void obsvi_pieces_add(struct obsvi_pieces *p, enum obsvi_piece_kind kind, struct obsvi_str bytes,
                      uint64_t severity)
{
    struct obsvi_piece piece = {bytes, (uint8_t)kind,
                                (uint8_t)(severity < SEVERITY_MAX ? severity : SEVERITY_MAX)};
    obsvi_bytes_put(&p->items, &piece, sizeof piece);
    p->record_count += kind == OBSVI_PIECE_RECORD;
}

void obsvi_pieces_fini(struct obsvi_pieces *p)
{
    obsvi_bytes_fini(&p->items);
}

static bool read_record(struct obsvi_pieces *p, const struct obsvi_pb_field *record)
{
    struct obsvi_cursor c = obsvi_cursor_of(record->content.ptr, record->content.len);
    struct obsvi_pb_field f;
    uint64_t severity = 0;
    while (obsvi_pb_read(&c, &f))
        if (f.number == LOG_SEVERITY_NUMBER && f.wire == OBSVI_PB_VARINT)
            severity = f.varint;
    obsvi_pieces_add(p, OBSVI_PIECE_RECORD, record->whole, severity);
    return !c.failed;
}

typedef bool (*read_child_fn)(struct obsvi_pieces *p, const struct obsvi_pb_field *child);

/* A message whose children, field number 2 in both ResourceLogs and ScopeLogs, come after all else in it. */
static bool read_parent(struct obsvi_pieces *p, enum obsvi_piece_kind kind, struct obsvi_str message,
                        unsigned child_number, read_child_fn read_child)
{
    struct obsvi_cursor c = obsvi_cursor_of(message.ptr, message.len);
    struct obsvi_pb_field f;
    bool has_child = false;
    while (obsvi_pb_read(&c, &f)) {
        bool is_child = f.number == child_number && f.wire == OBSVI_PB_LEN;
        if (!is_child && has_child)
            return false;
        if (!is_child)
            continue;
        if (!has_child)
            obsvi_pieces_add(p, kind, (struct obsvi_str){message.ptr, (size_t)(f.whole.ptr - message.ptr)},
                             0);
        has_child = true;
        if (!read_child(p, &f))
            return false;
    }
    return !c.failed;
}

static bool read_scope_logs(struct obsvi_pieces *p, const struct obsvi_pb_field *f)
{
    return read_parent(p, OBSVI_PIECE_SCOPE, f->content, SCOPE_LOGS_RECORDS, read_record);
}

bool obsvi_pieces_read(struct obsvi_pieces *p, struct obsvi_str request)
{
    struct obsvi_cursor c = obsvi_cursor_of(request.ptr, request.len);
    struct obsvi_pb_field f;
    while (obsvi_pb_read(&c, &f)) {
        if (f.number != REQUEST_RESOURCE_LOGS || f.wire != OBSVI_PB_LEN)
            return false;
        if (!read_parent(p, OBSVI_PIECE_RESOURCE, f.content, RESOURCE_LOGS_SCOPE_LOGS, read_scope_logs))
            return false;
    }
    return !c.failed && !p->items.failed;
}
