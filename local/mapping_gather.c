/* SPDX-License-Identifier: MIT
 *
 * mapping_gather: see mapping_gather.h.
 */
#include "mapping_gather.h"

#include <stdlib.h>

/* Names and punctuation of a record beside its values. */
#define RECORD_BYTES 400

/* Room for `more` items beyond count. */
static bool reserve(void **items, size_t *capacity, size_t count, size_t more, size_t item_size)
{
    if (count + more <= *capacity)
        return true;
    size_t wanted = LK_MAX(*capacity * 2, count + more);
    void *grown = realloc(*items, wanted * item_size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

static size_t record_bytes(const lk_message *m)
{
    size_t bytes = RECORD_BYTES + m->body.len + m->receipt_handle.len;
    for (size_t i = 0; i < m->attribute_count; i++)
        bytes += m->attributes[i].name.len + m->attributes[i].value.len;
    for (size_t i = 0; i < m->message_attribute_count; i++) {
        const lk_message_attribute *a = &m->message_attributes[i];
        bytes += a->name.len + a->data_type.len + a->string_value.len + a->binary_value.len;
    }
    return bytes;
}

int lk_gathered_add(lk_gathered *g, lk_messages *answer, lk_err *err)
{
    size_t count = lk_messages_count(answer);
    void *answers = g->answers;
    void *messages = (void *)g->messages;
    bool room = reserve(&answers, &g->answer_capacity, g->answer_count, 1, sizeof(lk_messages *)) &&
                reserve(&messages, &g->capacity, g->count, count, sizeof(const lk_message *));
    g->answers = answers;
    g->messages = messages;
    if (!room) {
        lk_messages_free(answer);
        return LK_FAIL_NOMEM(err);
    }
    g->answers[g->answer_count++] = answer;
    for (size_t i = 0; i < count; i++) {
        const lk_message *m = lk_messages_at(answer, i);
        g->messages[g->count++] = m;
        g->bytes += record_bytes(m);
    }
    return 0;
}

void lk_gathered_clear(lk_gathered *g)
{
    for (size_t i = 0; i < g->answer_count; i++)
        lk_messages_free(g->answers[i]);
    free(g->answers);
    free((void *)g->messages);
    *g = (lk_gathered){0};
}
