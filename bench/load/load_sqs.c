/* SPDX-License-Identifier: MIT
 *
 * load_sqs: requests of SQS's JSON protocol with the headers that a signing client sends. As
 * sqs-fifo, to FIFO queues, each message in a group of its own.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* message_body as a JSON string, and the attribute that jobs have. */
#define BODY                                                                                       \
    "\"MessageBody\":\"{\\\"job_class\\\":\\\"ThumbnailJob\\\",\\\"job_id\\\":\\\"0b4ab1a8-2d6f-"  \
    "4c0c-9a51-3f5e9d5b7c11\\\",\\\"provider_job_id\\\":null,\\\"queue_name\\\":\\\"jobs\\\","     \
    "\\\"priority\\\":null,\\\"arguments\\\":[\\\"cat.png\\\",{\\\"width\\\":300,"                 \
    "\\\"_aj_ruby2_keywords\\\":[\\\"width\\\"]}],\\\"executions\\\":0,"                           \
    "\\\"exception_executions\\\":{},\\\"locale\\\":\\\"en\\\",\\\"timezone\\\":\\\"UTC\\\","      \
    "\\\"enqueued_at\\\":\\\"2025-01-02T03:04:05.123456789Z\\\"}\",\"MessageAttributes\":"         \
    "{\"lambdakiq\":{\"DataType\":\"String\",\"StringValue\":\"1\"}}"

static const char *const actions[] = {
    [STEP_SEND] = "SendMessage",       [STEP_BATCH] = "SendMessageBatch",
    [STEP_RECEIVE] = "ReceiveMessage", [STEP_PEEK] = "ReceiveMessage",
    [STEP_WAIT] = "ReceiveMessage",    [STEP_DELETE] = "DeleteMessage",
};

static size_t message(bool fifo, char *out)
{
    size_t len = (size_t)sprintf(out, BODY);
    if (!fifo)
        return len;
    long group = random();
    return len + (size_t)sprintf(out + len,
                                 ",\"MessageGroupId\":\"%08lx-%08lx\","
                                 "\"MessageDeduplicationId\":\"%08lx-%08lx\"",
                                 group, random(), random(), group);
}

static size_t batch(bool fifo, char *out)
{
    size_t len = (size_t)sprintf(out, "\"Entries\":[");
    for (int i = 0; i < BATCH_SIZE; i++) {
        len += (size_t)sprintf(out + len, "%s{\"Id\":\"%d\",", i ? "," : "", i);
        len += message(fifo, out + len);
        out[len++] = '}';
    }
    return len + (size_t)sprintf(out + len, "]");
}

static size_t members(bool fifo, step what, const char *handle, char *out)
{
    switch (what) {
    case STEP_SEND:
        return message(fifo, out);
    case STEP_BATCH:
        return batch(fifo, out);
    case STEP_RECEIVE:
        return (size_t)sprintf(out, "\"MaxNumberOfMessages\":%d,\"VisibilityTimeout\":3600",
                               handle ? BATCH_SIZE : 1);
    case STEP_PEEK:
        return (size_t)sprintf(out, "\"MaxNumberOfMessages\":1,\"VisibilityTimeout\":0,"
                                    "\"MessageAttributeNames\":[\"All\"]");
    case STEP_WAIT:
        return (size_t)sprintf(out, "\"WaitTimeSeconds\":20,\"VisibilityTimeout\":3600");
    case STEP_DELETE:
        return (size_t)sprintf(out, "\"ReceiptHandle\":\"%s\"", handle);
    }
    return 0;
}

static size_t write_request(const connection *c, bool fifo, step what, const char *handle,
                            char *out)
{
    static char body[OUT_BYTES];
    size_t len =
        (size_t)sprintf(body, "{\"QueueUrl\":\"http://127.0.0.1:9324/000000000000/load-%d%s\",",
                        c->queue, fifo ? ".fifo" : "");
    len += members(fifo, what, handle, body + len);
    body[len++] = '}';
    size_t head = (size_t)sprintf(
        out,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:9324\r\nUser-Agent: lambdakiq/3.0.0\r\n"
        "Accept: */*\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "X-Amz-Target: AmazonSQS.%s\r\nX-Amz-Date: 20250102T030405Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/"
        "aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
        "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f\r\n"
        "Content-Length: %zu\r\n\r\n",
        actions[what], len);
    memcpy(out + head, body, len);
    return head + len;
}

static size_t request(const connection *c, step what, const char *handle, char *out)
{
    return write_request(c, false, what, handle, out);
}

static size_t fifo_request(const connection *c, step what, const char *handle, char *out)
{
    return write_request(c, true, what, handle, out);
}

static size_t whole(const connection *c, step what)
{
    const char *end = strstr(c->in, "\r\n\r\n");
    if (!end)
        return 0;
    if (strncmp(c->in, "HTTP/1.1 200", 12) != 0)
        give_up("%s: %.*s", actions[what], (int)c->in_len, c->in);
    const char *length = strcasestr(c->in, "\r\nContent-Length:");
    size_t size =
        (size_t)(end - c->in) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    if (c->in_len >= size && strstr(end, "\"Failed\""))
        give_up("%s: %s", actions[what], end);
    return c->in_len >= size ? size : 0;
}

static const char *next_handle(const connection *c, const char *from, char handle[HANDLE_SIZE])
{
    static const char name[] = "\"ReceiptHandle\":\"";
    const char *at = strstr(from ? from : c->in, name);
    const char *end = at ? strchr(at + strlen(name), '"') : NULL;
    if (!end)
        return NULL;
    snprintf(handle, HANDLE_SIZE, "%.*s", (int)(end - at - (long)strlen(name)), at + strlen(name));
    return end;
}

const protocol sqs_protocol = {"sqs", request, whole, next_handle, true};
const protocol sqs_fifo_protocol = {"sqs-fifo", fifo_request, whole, next_handle, true};
