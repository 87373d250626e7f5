/* pieces: a request of ours taken apart, without a copy.
 *
 *     resource | scope | record | record | scope | record …
 *
 * Each piece points into the request. What frames them (lengths; brackets and commas) is not in them but
 * follows from their order, so that any run of records, with the resource and the scopes that stand over
 * them, can be written as a request of its own.
 *
 * Read is what batch_body.c writes and no more: one member after another as it comes there, no white space.
 * Anything else is damage.
 */
#ifndef OBSVI_ENCODE_PIECES_H
#define OBSVI_ENCODE_PIECES_H

#include "base/bytes.h"

enum obsvi_piece_kind {
    OBSVI_PIECE_RESOURCE, /* protobuf: ResourceLogs before its scopes; JSON: {"resource":{…},"scopeLogs":[ */
    OBSVI_PIECE_SCOPE,    /* protobuf: ScopeLogs before its records; JSON: {"scope":{…},"logRecords":[ */
    OBSVI_PIECE_RECORD,   /* protobuf: ScopeLogs.log_records, tag and length too; JSON: the object */
};

struct obsvi_piece {
    struct obsvi_str bytes;
    uint8_t kind;     /* enum obsvi_piece_kind */
    uint8_t severity; /* of a record: SeverityNumber, at most 24 */
};

struct obsvi_pieces {
    struct obsvi_bytes items; /* struct obsvi_piece, one after the other */
    uint32_t record_count;
};

/* Fills an empty list. False: damage or no memory. */
bool obsvi_pieces_read(struct obsvi_pieces *p, struct obsvi_str request);
bool obsvi_pieces_read_json(struct obsvi_pieces *p, struct obsvi_str request);
void obsvi_pieces_fini(struct obsvi_pieces *p);

void obsvi_pieces_add(struct obsvi_pieces *p, enum obsvi_piece_kind kind, struct obsvi_str bytes,
                      uint64_t severity);

static inline size_t obsvi_pieces_count(const struct obsvi_pieces *p)
{
    return p->items.len / sizeof(struct obsvi_piece);
}

static inline const struct obsvi_piece *obsvi_pieces_at(const struct obsvi_pieces *p, size_t i)
{
    return (const struct obsvi_piece *)p->items.data + i;
}

#endif
