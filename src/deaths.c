/* SPDX-License-Identifier: MIT
 *
 * deaths: a ring of message ids, made when the first one comes.
 */
#include "deaths.h"

#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 40 }; /* SQS's message ids are UUIDs, of 36 characters */

typedef struct deaths {
    char ids[LK_DEATHS_MAX][ID_BYTES]; /* "" from where there is none yet */
    size_t next;
} deaths;

static void deaths_free(void *state, bool forked)
{
    (void)forked;
    free(state);
}

static deaths *deaths_get(lk_client *client)
{
    deaths *known = lk_client_slot_get(client, LK_SLOT_DEATHS);
    if (known)
        return known;
    known = calloc(1, sizeof(*known));
    if (known)
        lk_client_slot_set(client, LK_SLOT_DEATHS, known, deaths_free);
    return known;
}

bool lk_deaths_include(const lk_client *client, lk_slice message_id)
{
    const deaths *known = lk_client_slot_get(client, LK_SLOT_DEATHS);
    for (size_t i = 0; known && i < LK_DEATHS_MAX && *known->ids[i]; i++) {
        if (lk_slice_equal_str(message_id, known->ids[i]))
            return true;
    }
    return false;
}

void lk_deaths_add(lk_client *client, lk_slice message_id)
{
    bool storable = message_id.len > 0 && message_id.len < ID_BYTES;
    deaths *known = storable ? deaths_get(client) : NULL;
    if (!known || lk_deaths_include(client, message_id))
        return;
    char *id = known->ids[known->next];
    memset(id, 0, ID_BYTES);
    memcpy(id, message_id.ptr, message_id.len);
    known->next = (known->next + 1) % LK_DEATHS_MAX;
}
