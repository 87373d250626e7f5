/* protobuf: reading. Every length is checked against what is left, by the cursor. */
#include "encode/protobuf.h"

static uint64_t read_varint(struct obsvi_cursor *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = obsvi_cursor_u8(c);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->failed = true;
    return 0;
}

bool obsvi_pb_read(struct obsvi_cursor *c, struct obsvi_pb_field *f)
{
    if (c->failed || c->at == c->end)
        return false;
    const char *start = (const char *)c->at;
    uint64_t tag = read_varint(c);
    *f = (struct obsvi_pb_field){.number = (unsigned)(tag >> 3), .wire = tag & 7};
    switch (f->wire) {
    case OBSVI_PB_VARINT:
        f->varint = read_varint(c);
        break;
    case OBSVI_PB_FIXED64:
        obsvi_cursor_take(c, 8);
        break;
    case OBSVI_PB_FIXED32:
        obsvi_cursor_take(c, 4);
        break;
    case OBSVI_PB_LEN:
        f->content.len = (size_t)read_varint(c);
        f->content.ptr = (const char *)obsvi_cursor_take(c, f->content.len);
        break;
    default:
        c->failed = true;
    }
    c->failed |= tag >> 3 == 0 || tag >> 3 > OBSVI_PB_FIELD_MAX;
    f->whole = (struct obsvi_str){start, (size_t)((const char *)c->at - start)};
    return !c->failed;
}
