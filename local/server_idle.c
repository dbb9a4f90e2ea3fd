/* SPDX-License-Identifier: MIT
 *
 * server_idle: see server_idle.h.
 */
#include "server_idle.h"

#include "base.h"

#include <stdlib.h>
#include <sys/socket.h>

#define SPARE_PART 16 /* of the limit: there must be room to accept who is to push another out */
#define FRESH_MS   1000

static void add(lk_idle_list *list, lk_idle_connection *connection, int64_t until_ms)
{
    connection->list = list;
    connection->until_ms = until_ms;
    connection->next = NULL;
    connection->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = connection;
    list->last = connection;
}

static void take(lk_idle_connection *connection)
{
    lk_idle_list *list = connection->list;
    lk_idle_connection *previous = connection->previous;
    lk_idle_connection *next = connection->next;
    if (!list)
        return;
    *(previous ? &previous->next : &list->first) = next;
    *(next ? &next->previous : &list->last) = previous;
    connection->list = NULL;
}

static lk_idle_connection *idle_for_longest(const lk_idle *idle)
{
    lk_idle_connection *fresh = idle->fresh.first;
    lk_idle_connection *kept = idle->kept.first;
    if (!fresh || !kept)
        return fresh ? fresh : kept;
    return fresh->until_ms < kept->until_ms ? fresh : kept;
}

/* The HTTP library sees the end of the connection, and closes it. */
static void make_room(const lk_idle *idle, const lk_idle_connection *newest)
{
    size_t spare = LK_MAX(idle->limit / SPARE_PART, (size_t)1);
    lk_idle_connection *connection = idle_for_longest(idle);
    if (idle->open + spare <= idle->limit || !connection || connection == newest)
        return;
    take(connection);
    shutdown(connection->socket, SHUT_RDWR);
}

lk_idle_connection *lk_idle_open(lk_idle *idle, int socket)
{
    lk_idle_connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return NULL;
    connection->socket = socket;
    idle->open++;
    add(&idle->fresh, connection, lk_mono_ms() + FRESH_MS);
    make_room(idle, connection);
    return connection;
}

void lk_idle_busy(lk_idle_connection *connection)
{
    if (connection)
        take(connection);
}

void lk_idle_rest(lk_idle *idle, lk_idle_connection *connection)
{
    if (!connection || connection->list)
        return;
    add(&idle->kept, connection, lk_mono_ms());
    make_room(idle, NULL); /* it may be the only one */
}

void lk_idle_close(lk_idle *idle, lk_idle_connection *connection)
{
    if (!connection)
        return;
    take(connection);
    idle->open--;
    free(connection);
}
