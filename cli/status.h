/* status: writes google.rpc.Status, the body of every refusal (opentelemetry-proto, docs/specification.md,
 * "Failures"). */
#ifndef OBSVI_CLI_STATUS_H
#define OBSVI_CLI_STATUS_H

#include "base/bytes.h"

/* google/rpc/code.proto */
enum obsvi_rpc_code {
    OBSVI_RPC_INVALID_ARGUMENT = 3,
    OBSVI_RPC_NOT_FOUND = 5,
    OBSVI_RPC_RESOURCE_EXHAUSTED = 8,
    OBSVI_RPC_UNIMPLEMENTED = 12,
    OBSVI_RPC_UNAVAILABLE = 14,
};

/* The code that belongs to an HTTP status. */
enum obsvi_rpc_code obsvi_status_code(int http_status);

/* Status{code = 1, message = 2}. `message` is valid UTF-8. */
void obsvi_status_write(struct obsvi_bytes *out, bool is_protobuf, enum obsvi_rpc_code code,
                        const char *message);

#endif
