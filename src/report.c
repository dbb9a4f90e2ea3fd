/* SPDX-License-Identifier: MIT
 *
 * report: a list in the client's slot. A report that there is no memory for is not made: nobody's
 * call fails because it could not be counted.
 */
#include "report.h"

#include <stdlib.h>

enum { REPORTS_MAX = 1000 };

typedef struct entry {
    struct entry *next;
    lk_call_report content;
} entry;

typedef struct report_list {
    bool wanted;
    size_t count;
    entry *first;
    entry *last;
    entry *shown; /* handed out last */
} report_list;

static entry *take_first(report_list *list)
{
    entry *first = list->first;
    if (!first)
        return NULL;
    list->first = first->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    return first;
}

static void free_list(void *state, bool forked LK_UNUSED)
{
    report_list *list = state;
    for (entry *e = take_first(list); e; e = take_first(list))
        free(e);
    free(list->shown);
    free(list);
}

static report_list *list_of(const lk_client *client)
{
    return lk_client_slot_get(client, LK_SLOT_REPORTS);
}

void lk_report_add(lk_client *client, const char *action, const lk_queue *queue, size_t entries,
                   const lk_call_info *info, const lk_err *err)
{
    report_list *list = list_of(client);
    entry *made = list && list->wanted ? calloc(1, sizeof(*made)) : NULL;
    if (!made)
        return;
    made->content = (lk_call_report){
        .action = action, .queue_name = lk_queue_name(queue), .entries = entries, .info = *info};
    if (err)
        made->content.err = *err;
    if (list->count == REPORTS_MAX)
        free(take_first(list));
    if (list->last)
        list->last->next = made;
    else
        list->first = made;
    list->last = made;
    list->count++;
}

int lk_client_observe(lk_client *client, bool on, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    report_list *list = list_of(client);
    if (!list && on) {
        list = calloc(1, sizeof(*list));
        if (list)
            lk_client_slot_set(client, LK_SLOT_REPORTS, list, free_list);
        else
            rc = LK_FAIL_NOMEM(err);
    }
    if (list)
        list->wanted = on;
    lk_client_leave(client);
    return rc;
}

int lk_client_observed(lk_client *client, lk_call_report *report)
{
    lk_err ignored; /* busy: its reports wait for whoever comes next */
    if (lk_client_enter(client, &ignored))
        return 0;
    report_list *list = list_of(client);
    bool found = list && list->first;
    if (found) {
        free(list->shown);
        list->shown = take_first(list);
        *report = list->shown->content;
    }
    lk_client_leave(client);
    return found ? 1 : 0;
}
