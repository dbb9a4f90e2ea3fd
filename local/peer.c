/* SPDX-License-Identifier: MIT
 *
 * peer: see peer.h.
 */
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

bool lk_peer_gone(int socket)
{
    char byte;
    ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
