/* socket: see socket.h. Each failure is one line on stderr, with its cure. */
#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback(const struct addrinfo *a)
{
    char host[64];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return false;
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void explain_failure(const char *address, const char *port, int error)
{
    if (error == EADDRINUSE)
        fprintf(stderr,
                "obsv listen: port %s on %s is in use (another obsv listen, a Collector or Alloy?): stop "
                "that, or choose another with --port\n",
                port, address);
    else if (error == EACCES)
        fprintf(stderr,
                "obsv listen: no permission to listen on port %s: choose one above 1023 with --port\n", port);
    else
        fprintf(stderr, "obsv listen: cannot listen on %s port %s: %s; check --bind and --port\n", address,
                port, strerror(error));
}

int obsvi_socket_open(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *a;
    int problem = getaddrinfo(address, port, &hints, &a);
    if (problem) {
        fprintf(stderr, "obsv listen: --bind: '%s' is no address of this machine: %s\n", address,
                gai_strerror(problem));
        return -1;
    }
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        explain_failure(address, port, errno);
        if (fd >= 0)
            close(fd);
        fd = -1;
    } else if (!is_loopback(a)) {
        fprintf(
            stderr,
            "obsv listen: warning: %s can be reached from other machines, and anybody there can send records "
            "without a password\n",
            address);
    }
    freeaddrinfo(a);
    return fd;
}

bool obsvi_socket_address(int fd, char *url, size_t url_bytes, char port[OBSVI_SOCKET_PORT_BYTES])
{
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    char host[64];
    if (getsockname(fd, (struct sockaddr *)&bound, &n) != 0 ||
        getnameinfo((struct sockaddr *)&bound, n, host, sizeof host, port, OBSVI_SOCKET_PORT_BYTES,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(url, url_bytes, "http://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    return true;
}
