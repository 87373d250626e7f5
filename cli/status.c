/* status: see status.h. */
#include "status.h"

#include <stdio.h>

#include "show.h"
#include "wire.h"

enum obsvi_rpc_code obsvi_status_code(int http_status)
{
    switch (http_status) {
    case 404:
        return OBSVI_RPC_NOT_FOUND;
    case 405:
        return OBSVI_RPC_UNIMPLEMENTED;
    case 413:
        return OBSVI_RPC_RESOURCE_EXHAUSTED;
    case 503:
        return OBSVI_RPC_UNAVAILABLE;
    default:
        return OBSVI_RPC_INVALID_ARGUMENT;
    }
}

static void put_varint(struct obsvi_bytes *out, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        obsvi_bytes_put_u8(out, (uint8_t)(value | 0x80));
    obsvi_bytes_put_u8(out, (uint8_t)value);
}

void obsvi_status_write(struct obsvi_bytes *out, bool is_protobuf, enum obsvi_rpc_code code,
                        const char *message)
{
    size_t n = strlen(message);
    if (is_protobuf) {
        obsvi_bytes_put_u8(out, OBSVI_WIRE(1, VARINT));
        put_varint(out, code);
        obsvi_bytes_put_u8(out, OBSVI_WIRE(2, BYTES));
        put_varint(out, n);
        obsvi_bytes_put(out, message, n);
    } else {
        char head[40];
        snprintf(head, sizeof head, "{\"code\":%d,\"message\":", (int)code);
        obsvi_bytes_put_text(out, head);
        obsvi_show_quoted(out, message, n, OBSVI_SHOW_EXACT);
        obsvi_bytes_put_u8(out, '}');
    }
}
