/* SPDX-License-Identifier: MIT
 *
 * lk_test_house: starts and stops everything, looks at ledger and log, moves the clock.
 */
#include "lk_test.h"

#include "lk_test_house.h"
#include "lk_test_process.h"

#include "http.h"
#include "json.h"

#include <unistd.h>

/* --- Starting ------------------------------------------------------------------------------- */

static void create_queues(lk_test_house *h)
{
    char visibility[16];
    snprintf(visibility, sizeof(visibility), "%d", h->options.visibility_s);
    lk_test_local_queue(h->local, h->dead, NULL, 0);
    lk_test_local_queue(h->local, h->queue, h->dead, h->options.max_receive_count);
    lk_test_local_set(h->local, h->queue, "VisibilityTimeout", visibility);
}

static void start_function(lk_test_house *h)
{
    lk_err err;
    const lk_test_house_options *o = &h->options;
    char command[512];
    char env[5][160];
    snprintf(command, sizeof(command), "%s/%s", LK_TEST_FIXTURE_DIR, o->command);
    snprintf(env[0], sizeof(env[0]), "AWS_ENDPOINT_URL_SQS=%s",
             o->worker_endpoint ? o->worker_endpoint
                                : lk_server_url(lk_test_local_server(h->local)));
    snprintf(env[1], sizeof(env[1]), "LK_TEST_LEDGER=%s", h->ledger);
    snprintf(env[2], sizeof(env[2]), "LAMBDAKIQ_CLOCK_FILE=%s", h->clock_path);
    snprintf(env[3], sizeof(env[3]), "JOBS_QUEUE_NAME=%s", h->queue);
    snprintf(env[4], sizeof(env[4]), "AWS_ACCESS_KEY_ID=local");
    const char *argv[] = {command, o->argument, NULL};
    const char *envp[] = {env[0], env[1], env[2], env[3], env[4], "AWS_SECRET_ACCESS_KEY=local",
                          NULL};
    lk_function_options options = {.name = "jobs",
                                   .argv = argv,
                                   .env = envp,
                                   .workers = o->workers,
                                   .min_workers = o->min_workers,
                                   .idle_ms = o->idle_ms,
                                   .timeout_ms = o->timeout_ms,
                                   .region = LK_TEST_REGION,
                                   .log_fd = fileno(h->log)};
    assert_lk_ok(lk_function_start(&options, &h->function, &err));
}

static void end_polls(void *ctx)
{
    lk_server_end_polls(lk_test_local_server(((lk_test_house *)ctx)->local));
}

static bool try_pause(void *ctx, int64_t wait_ms)
{
    return lk_mapping_pause(((lk_test_house *)ctx)->mapping, wait_ms);
}

static void resume(void *ctx)
{
    lk_mapping_resume(((lk_test_house *)ctx)->mapping);
}

void lk_test_house_map(lk_test_house *h)
{
    lk_err err;
    lk_client_options client = LK_CLIENT_OPTIONS_INIT;
    client.endpoint = lk_server_url(lk_test_local_server(h->local));
    client.region = LK_TEST_REGION;
    client.access_key_id = "local";
    client.secret_access_key = "local";
    lk_mapping_options options = {.queue_arn = h->arn,
                                  .queue_url = h->queue,
                                  .region = LK_TEST_REGION,
                                  .client = client,
                                  .batch_size = h->options.batch_size,
                                  .window_s = h->options.window_s,
                                  .filter_patterns = &h->options.filter,
                                  .filter_count = h->options.filter ? 1 : 0,
                                  .report_batch_item_failures = !h->options.no_report,
                                  .max_concurrency = h->options.workers,
                                  .end_polls = end_polls,
                                  .end_polls_ctx = h,
                                  .recursion_limit = h->options.recursion_limit};
    assert_lk_ok(lk_mapping_start(&options, h->function, &h->mapping, &err));
    lk_server_set_clock_gate(
        lk_test_local_server(h->local),
        &(lk_server_clock_gate){.try_pause = try_pause, .resume = resume, .ctx = h});
}

void lk_test_house_unmap(lk_test_house *h)
{
    lk_server_set_clock_gate(lk_test_local_server(h->local), NULL);
    lk_mapping_stop(h->mapping);
    h->mapping = NULL;
}

static void set_defaults(lk_test_house_options *o)
{
    o->command = o->command ? o->command : "fixture_jobs";
    o->workers = o->workers ? o->workers : 1;
    o->batch_size = o->batch_size ? o->batch_size : 10;
    o->visibility_s = o->visibility_s ? o->visibility_s : 301;
    o->timeout_ms = o->timeout_ms ? o->timeout_ms : 300000;
    if (!o->max_receive_count)
        o->max_receive_count = o->fifo ? 14 : 13;
}

lk_test_house *lk_test_house_start(const lk_test_house_options *options)
{
    lk_test_house *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    if (options)
        h->options = *options;
    set_defaults(&h->options);
    snprintf(h->dir, sizeof(h->dir), "/tmp/lk_test_XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    snprintf(h->ledger, sizeof(h->ledger), "%s/ledger", h->dir);
    snprintf(h->clock_path, sizeof(h->clock_path), "%s/clock", h->dir);
    snprintf(h->queue, sizeof(h->queue), "jobs%s", h->options.fifo ? ".fifo" : "");
    snprintf(h->dead, sizeof(h->dead), "jobs-dlq%s", h->options.fifo ? ".fifo" : "");
    snprintf(h->arn, sizeof(h->arn), "arn:aws:sqs:" LK_TEST_REGION ":" LK_TEST_ACCOUNT ":%s",
             h->queue);
    h->log = tmpfile();
    assert_non_null(h->log);
    h->local = lk_test_local_start_clock(h->clock_path);
    create_queues(h);
    start_function(h);
    if (!h->options.no_mapping)
        lk_test_house_map(h);
    return h;
}

void lk_test_house_stop(lk_test_house *h)
{
    if (!h)
        return;
    if (h->mapping)
        lk_mapping_quit(h->mapping);
    lk_function_kill(h->function);
    lk_test_house_unmap(h);
    lk_function_free(h->function);
    lk_test_local_stop(h->local);
    lk_test_house_starts(h, "slow", NULL);
    lk_test_house_starts(h, "broken", NULL);
    unlink(h->ledger);
    unlink(h->clock_path);
    rmdir(h->dir);
    fclose(h->log);
    lk_buf_clear(&h->text);
    free(h);
}

/* --- Jobs and what they left ------------------------------------------------------------------ */

void lk_test_house_enqueue(lk_test_house *h, const char *job_class, const char *arguments,
                           const lk_enqueue_options *options)
{
    lk_err err;
    assert_lk_ok(lk_enqueue(lk_test_local_client(h->local), h->queue, job_class, arguments, options,
                            NULL, &err));
}

void lk_test_house_send(lk_test_house *h, const char *body, const char *group)
{
    lk_err err;
    lk_buf params = {0};
    lk_json_writer w = {.out = &params};
    char *response = NULL;
    size_t len = 0;
    char id[37];
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "QueueUrl", h->queue);
    lk_json_member_str(&w, "MessageBody", body);
    if (group) {
        lk_uuid4(&lk_env_default, id);
        lk_json_member_str(&w, "MessageGroupId", group);
        lk_json_member_str(&w, "MessageDeduplicationId", id);
    }
    lk_json_end_object(&w);
    assert_lk_ok(lk_sqs_call(lk_test_local_client(h->local), "SendMessage", lk_buf_slice(&params),
                             &response, &len, &err));
    lk_free(response);
    lk_buf_clear(&params);
}

void lk_test_house_starts(lk_test_house *h, const char *how, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s.%s", h->ledger, how);
    if (!text) {
        unlink(path);
        return;
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *read_all(lk_test_house *h, FILE *file)
{
    char bytes[4096];
    off_t at = 0;
    ssize_t got;
    lk_buf_reset(&h->text);
    lk_buf_add_char(&h->text, '\n');
    while (file && (got = pread(fileno(file), bytes, sizeof(bytes), at)) > 0) {
        lk_buf_add(&h->text, (lk_slice){bytes, (size_t)got});
        at += got;
    }
    return h->text.ptr;
}

const char *lk_test_house_log(lk_test_house *h)
{
    return read_all(h, h->log);
}

const char *lk_test_house_ledger(lk_test_house *h)
{
    FILE *file = fopen(h->ledger, "r"); /* absent until the first job */
    const char *text = read_all(h, file);
    if (file)
        fclose(file);
    return text;
}

size_t lk_test_count(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static void wait_for(lk_test_house *h, const char *(*read)(lk_test_house *), const char *part,
                     size_t count)
{
    int64_t until = lk_mono_ms() + LK_TEST_PATIENCE_MS;
    while (lk_test_count(read(h), part) < count) {
        if (lk_mono_ms() > until) {
            print_error("no %zu times \"%s\" in:%s\n", count, part, read(h));
            fail_msg("log:%s", lk_test_house_log(h));
        }
        lk_test_sleep_ms(3);
    }
}

void lk_test_house_wait(lk_test_house *h, const char *part, size_t count)
{
    wait_for(h, lk_test_house_ledger, part, count);
}

void lk_test_house_wait_log(lk_test_house *h, const char *part, size_t count)
{
    wait_for(h, lk_test_house_log, part, count);
}

int64_t lk_test_house_number(lk_test_house *h, const char *part, size_t nth, const char *name)
{
    const char *at = lk_test_house_ledger(h);
    for (size_t i = 0; at && i <= nth; i++)
        at = strstr(at + 1, part);
    at = at ? strstr(at, name) : NULL;
    if (!at)
        fail_msg("no \"%s\" number %zu with %s in the ledger:%s", part, nth, name, h->text.ptr);
    return strtoll(at + strlen(name), NULL, 10);
}

/* --- Clock and queues --------------------------------------------------------------------------
 */

/* One of the server's own questions, under /_lambdakiq/. Free the answer. */
static lk_json *ask_server(lk_test_house *h, const char *method, const char *path, const char *body)
{
    lk_err err;
    char url[128];
    lk_http_response response = {0};
    lk_json *json = NULL;
    lk_http *http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    snprintf(url, sizeof(url), "%s/_lambdakiq/%s", lk_server_url(lk_test_local_server(h->local)),
             path);
    lk_http_request request = {.method = method, .url = url, .body = lk_slice_of(body)};
    assert_lk_ok(lk_http_call(http, &request, 60000, &response, &err));
    if (response.status != 200)
        fail_msg("%s %s: HTTP %d %s", path, body, response.status, response.body.ptr);
    assert_lk_ok(lk_json_parse(lk_buf_slice(&response.body), path, &json, &err));
    lk_http_response_clear(&response);
    lk_http_free(http);
    return json;
}

static int64_t move_clock(lk_test_house *h, const char *order)
{
    int64_t moved_ms = -1;
    lk_json *json = ask_server(h, "POST", "clock", order);
    if (!lk_json_int64(lk_json_get(json, "advanced_ms"), &moved_ms))
        moved_ms = -1;
    lk_json_free(json);
    return moved_ms;
}

int64_t lk_test_house_calls(lk_test_house *h, const char *action)
{
    int64_t calls = 0;
    lk_json *json = ask_server(h, "GET", "calls", "");
    const lk_json *count = lk_json_get(lk_json_get(json, "calls"), action);
    if (!lk_json_int64(count, &calls))
        calls = 0; /* none at all */
    lk_json_free(json);
    return calls;
}

int64_t lk_test_house_to_next(lk_test_house *h)
{
    return move_clock(h, "{\"to_next\":true}");
}

void lk_test_house_advance(lk_test_house *h, int64_t seconds)
{
    char order[64];
    snprintf(order, sizeof(order), "{\"advance_s\":%lld}", (long long)seconds);
    move_clock(h, order);
}

void lk_test_house_wait_messages(lk_test_house *h, const char *queue, int count)
{
    int64_t until = lk_mono_ms() + LK_TEST_PATIENCE_MS;
    int now;
    while ((now = lk_test_local_total(h->local, queue)) != count) {
        if (lk_mono_ms() > until) {
            print_error("log:%s\n", lk_test_house_log(h));
            fail_msg("queue %s has %d messages, expected %d", queue, now, count);
        }
        lk_test_sleep_ms(3);
    }
}

lk_messages *lk_test_house_receive(lk_test_house *h, const char *queue)
{
    lk_err err;
    lk_messages *messages = NULL;
    assert_lk_ok(
        lk_receive(lk_test_local_client(h->local), lk_slice_of(queue), 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 1);
    return messages;
}

lk_slice lk_test_attribute(const lk_message *message, const char *name)
{
    for (size_t i = 0; i < message->attribute_count; i++)
        if (lk_slice_equal_str(message->attributes[i].name, name))
            return message->attributes[i].value;
    return (lk_slice){0};
}
