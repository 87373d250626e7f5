/* wire: see wire.h. Fixed-width values are little-endian on the wire, whatever the machine. */
#include "wire.h"

#define GROUP_DEPTH_MAX 100 /* the limit of the official implementations */

static uint64_t read_varint(struct obsvi_cursor *c)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t byte = obsvi_cursor_u8(c);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return c->failed ? 0 : value;
    }
    c->failed = true;
    return 0;
}

static uint64_t read_fixed(struct obsvi_cursor *c, int width)
{
    const uint8_t *p = obsvi_cursor_take(c, (size_t)width);
    uint64_t value = 0;
    for (int i = width - 1; p && i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static struct obsvi_cursor read_bytes(struct obsvi_cursor *c)
{
    uint64_t n = read_varint(c);
    if (n > obsvi_cursor_left(c))
        c->failed = true;
    const uint8_t *p = obsvi_cursor_take(c, (size_t)n);
    return p ? obsvi_cursor_of(p, (size_t)n) : (struct obsvi_cursor){0};
}

static bool read_field(struct obsvi_cursor *c, struct obsvi_wire_field *f)
{
    uint64_t key = read_varint(c);
    *f = (struct obsvi_wire_field){.number = (uint32_t)(key >> 3), .type = (enum obsvi_wire_type)(key & 7)};
    if (key > UINT32_MAX || f->number == 0)
        c->failed = true;
    switch (f->type) {
    case OBSVI_WIRE_VARINT:
        f->scalar = read_varint(c);
        break;
    case OBSVI_WIRE_FIXED64:
        f->scalar = read_fixed(c, 8);
        break;
    case OBSVI_WIRE_FIXED32:
        f->scalar = read_fixed(c, 4);
        break;
    case OBSVI_WIRE_BYTES:
        f->bytes = read_bytes(c);
        break;
    case OBSVI_WIRE_GROUP:
    case OBSVI_WIRE_GROUP_END:
        break;
    default:
        c->failed = true;
    }
    return !c->failed;
}

/* Steps over the content of group `number`, nested groups included, without recursion. */
static void skip_group(struct obsvi_cursor *c, uint32_t number)
{
    uint32_t open[GROUP_DEPTH_MAX] = {number};
    struct obsvi_wire_field f;
    for (int depth = 1; depth > 0;) {
        if (!read_field(c, &f))
            return;
        if (f.type == OBSVI_WIRE_GROUP && depth < GROUP_DEPTH_MAX)
            open[depth++] = f.number;
        else if (f.type == OBSVI_WIRE_GROUP_END && open[depth - 1] == f.number)
            depth--;
        else if (f.type == OBSVI_WIRE_GROUP || f.type == OBSVI_WIRE_GROUP_END)
            c->failed = true;
    }
}

bool obsvi_wire_next(struct obsvi_cursor *c, struct obsvi_wire_field *field)
{
    if (c->failed || obsvi_cursor_left(c) == 0 || !read_field(c, field))
        return false;
    if (field->type == OBSVI_WIRE_GROUP_END)
        c->failed = true;
    if (field->type == OBSVI_WIRE_GROUP)
        skip_group(c, field->number);
    return !c->failed;
}
