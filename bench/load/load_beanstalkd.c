/* SPDX-License-Identifier: MIT
 *
 * load_beanstalkd: the same steps with beanstalkd, which has no batches: put, reserve, delete.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char message_body[] =
    "{\"job_class\":\"ThumbnailJob\",\"job_id\":\"0b4ab1a8-2d6f-4c0c-9a51-3f5e9d5b7c11\","
    "\"provider_job_id\":null,\"queue_name\":\"jobs\",\"priority\":null,\"arguments\":[\"cat.png\","
    "{\"width\":300,\"_aj_ruby2_keywords\":[\"width\"]}],\"executions\":0,\"exception_executions\":"
    "{},\"locale\":\"en\",\"timezone\":\"UTC\",\"enqueued_at\":\"2025-01-02T03:04:05.123456789Z\"}";

static size_t request(const connection *c, step what, const char *handle, char *out)
{
    (void)c;
    switch (what) {
    case STEP_SEND:
        return (size_t)sprintf(out, "put 0 0 3600 %zu\r\n%s\r\n", strlen(message_body),
                               message_body);
    case STEP_RECEIVE:
    case STEP_WAIT:
        return (size_t)sprintf(out, "reserve\r\n");
    case STEP_DELETE:
        return (size_t)sprintf(out, "delete %s\r\n", handle);
    default:
        give_up("beanstalkd has no such call");
    }
}

static size_t whole(const connection *c, step what)
{
    static const char *const wanted[] = {[STEP_SEND] = "INSERTED ",
                                         [STEP_RECEIVE] = "RESERVED ",
                                         [STEP_WAIT] = "RESERVED ",
                                         [STEP_DELETE] = "DELETED\r\n"};
    const char *end = strstr(c->in, "\r\n");
    if (!end)
        return 0;
    if (strncmp(c->in, wanted[what], strlen(wanted[what])) != 0)
        give_up("beanstalkd: %s", c->in);
    size_t size = (size_t)(end - c->in) + 2;
    if (c->in[0] == 'R')
        size += strtoul(strchr(c->in + strlen("RESERVED "), ' '), NULL, 10) + 2;
    return c->in_len >= size ? size : 0;
}

/* Also of what was put. */
static const char *next_handle(const connection *c, const char *from, char handle[HANDLE_SIZE])
{
    if (from || c->in[0] == 'D')
        return NULL;
    snprintf(handle, HANDLE_SIZE, "%lu", strtoul(strchr(c->in, ' '), NULL, 10));
    return c->in + c->in_len;
}

const protocol beanstalkd_protocol = {"beanstalkd", request, whole, next_handle, false};
