/* socket: the listening socket of `obsv listen`, which is on the loopback address unless another was asked
 * for. */
#ifndef OBSVI_CLI_SOCKET_H
#define OBSVI_CLI_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define OBSVI_SOCKET_PORT_BYTES 32

/* A listening, non-blocking socket, or -1; then stderr has said why. Warns if other machines can reach the
 * address. */
int obsvi_socket_open(const char *address, const char *port);

/* Where it listens in fact: an URL, and the port as text. False: not to be had. */
bool obsvi_socket_address(int fd, char *url, size_t url_bytes, char port[OBSVI_SOCKET_PORT_BYTES]);

#endif
