/* SPDX-License-Identifier: MIT
 *
 * server_idle: the connections that have no whole request.
 *
 * When connections run out, the one that has been idle (or has dribbled at its request) for longest
 * gives way: neither kept-alive connections nor slow clients can shut others out. A new connection
 * counts a second less, since its request is on its way. All of the HTTP thread.
 */
#ifndef LK_LOCAL_SERVER_IDLE_H
#define LK_LOCAL_SERVER_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection. */
typedef struct lk_idle_connection {
    struct lk_idle_connection *previous;
    struct lk_idle_connection *next;
    struct lk_idle_list *list; /* NULL: it is busy, or was hung up */
    int64_t until_ms;          /* monotonic: the earlier, the sooner it gives way */
    int socket;
} lk_idle_connection;

/* By until_ms. */
typedef struct lk_idle_list {
    lk_idle_connection *first;
    lk_idle_connection *last;
} lk_idle_list;

/* Zero-initialise, set limit. */
typedef struct lk_idle {
    lk_idle_list fresh; /* never served */
    lk_idle_list kept;  /* alive after an answer */
    size_t open;        /* connections, idle or not */
    size_t limit;       /* what the HTTP library lets in */
} lk_idle;

/* A connection was made: it is idle, and another may be hung up for it. NULL: out of memory, it is
 * not looked after. */
lk_idle_connection *lk_idle_open(lk_idle *idle, int socket);
/* Its request is whole; is answered, when it may be hung up itself. Both accept NULL, and what is
 * so already. */
void lk_idle_busy(lk_idle_connection *connection);
void lk_idle_rest(lk_idle *idle, lk_idle_connection *connection);
/* It is gone; frees it. Accepts NULL. */
void lk_idle_close(lk_idle *idle, lk_idle_connection *connection);

#endif
