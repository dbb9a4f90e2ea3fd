/* SPDX-License-Identifier: MIT
 *
 * lk_test_sqs: see the header.
 */
#include "lk_test_sqs.h"

#include "client.h"
#include "json.h"
#include "lk_test.h"

#include <stdatomic.h>
#include <time.h>

enum { PATIENCE_MS = 20000 };

struct lk_test_sqs {
    lk_test_http *http;
    const lk_test_answer *answers;
    size_t answer_count;
    atomic_size_t taken; /* answers given out */
    atomic_int in_progress;
    atomic_int most_at_once;
    atomic_bool released;
};

static lk_slice action_of(const lk_test_request *request)
{
    lk_slice head;
    return lk_slice_cut(lk_test_request_header(request, "X-Amz-Target"), '.', &head);
}

static void write_error(const lk_test_answer *answer, lk_test_response *response)
{
    response->status = answer->status;
    if (answer->error_body)
        lk_buf_add_str(&response->body, answer->error_body);
    if (!answer->error)
        return;
    lk_buf_addf(&response->headers, "x-amzn-query-error: %s;Sender\n", answer->error);
    lk_buf_addf(&response->body, "{\"__type\":\"com.amazonaws.sqs#%s\",\"message\":\"%s\"}",
                answer->error, answer->text ? answer->text : "as ordered");
}

static void write_result(lk_json_writer *w, lk_slice id)
{
    if (id.ptr)
        lk_json_member_string(w, "Id", id);
    lk_json_member_str(w, "MessageId", "sent-1");
    lk_json_member_str(w, "SequenceNumber", "18849496460467696128");
}

static void write_batch_result(const lk_test_answer *answer, const lk_json *entries,
                               lk_json_writer *w)
{
    lk_json_key(w, "Successful");
    lk_json_begin_array(w);
    for (size_t i = 0; i < lk_json_length(entries); i++) {
        lk_slice id = lk_json_string(lk_json_get(lk_json_at(entries, i), "Id"));
        if (answer->failed && lk_slice_equal_str(id, answer->failed))
            continue;
        lk_json_begin_object(w);
        write_result(w, id);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    if (!answer->failed)
        return;
    lk_json_key(w, "Failed");
    lk_json_begin_array(w);
    lk_json_begin_object(w);
    lk_json_member_str(w, "Id", answer->failed);
    lk_json_member_str(w, "Code", answer->failed_code);
    lk_json_member_str(w, "Message", "as ordered");
    lk_json_key(w, "SenderFault");
    lk_json_value_bool(w, answer->sender_fault);
    lk_json_end_object(w);
    lk_json_end_array(w);
}

static void write_answer(const lk_test_answer *answer, const lk_test_request *request,
                         lk_test_response *response)
{
    lk_json *root = NULL;
    lk_err err;
    lk_json_writer w = {.out = &response->body};
    assert_lk_ok(lk_json_parse(request->body, "request", &root, &err));
    const lk_json *entries = lk_json_get(root, "Entries");
    lk_json_begin_object(&w);
    if (entries)
        write_batch_result(answer, entries, &w);
    else if (lk_slice_equal_str(action_of(request), "SendMessage"))
        write_result(&w, (lk_slice){NULL, 0});
    else if (lk_slice_equal_str(action_of(request), "GetQueueUrl"))
        lk_json_member_str(&w, "QueueUrl", "http://127.0.0.1/000000000000/found");
    lk_json_end_object(&w);
    lk_json_free(root);
}

static void sleep_ms(int ms)
{
    struct timespec delay = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&delay, NULL);
}

static void on_request(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    lk_test_sqs *sqs = ctx;
    int now = atomic_fetch_add(&sqs->in_progress, 1) + 1;
    for (int most = atomic_load(&sqs->most_at_once); now > most;) {
        if (atomic_compare_exchange_weak(&sqs->most_at_once, &most, now))
            break;
    }
    static const lk_test_answer accepted = {0};
    size_t index = atomic_fetch_add(&sqs->taken, 1);
    const lk_test_answer *answer = index < sqs->answer_count ? &sqs->answers[index] : &accepted;
    sleep_ms(answer->delay_ms);
    while (answer->held && !atomic_load(&sqs->released))
        sleep_ms(1);
    response->hang_up = answer->hang_up;
    lk_buf_add_str(&response->headers, "Content-Type: application/x-amz-json-1.0\n"
                                       "x-amzn-RequestId: request-1\n");
    if (answer->headers)
        lk_buf_add_str(&response->headers, answer->headers);
    if (answer->status)
        write_error(answer, response);
    else if (answer->body)
        lk_buf_add_str(&response->body, answer->body);
    else
        write_answer(answer, request, response);
    atomic_fetch_sub(&sqs->in_progress, 1);
}

lk_test_sqs *lk_test_sqs_start(const lk_test_answer *answers, size_t count)
{
    lk_test_sqs *sqs = calloc(1, sizeof(*sqs));
    assert_non_null(sqs);
    sqs->answers = answers;
    sqs->answer_count = count;
    sqs->http = lk_test_http_start(on_request, sqs);
    return sqs;
}

void lk_test_sqs_stop(lk_test_sqs *sqs)
{
    if (!sqs)
        return;
    lk_test_sqs_release(sqs);
    lk_test_http_stop(sqs->http);
    free(sqs);
}

void lk_test_sqs_release(lk_test_sqs *sqs)
{
    atomic_store(&sqs->released, true);
}

const char *lk_test_sqs_url(const lk_test_sqs *sqs)
{
    return lk_test_http_url(sqs->http);
}

size_t lk_test_sqs_count(lk_test_sqs *sqs)
{
    return lk_test_http_count(sqs->http);
}

void lk_test_sqs_wait_for(lk_test_sqs *sqs, size_t count)
{
    int64_t until_ms = lk_mono_ms() + PATIENCE_MS;
    while (atomic_load(&sqs->taken) < count) {
        if (lk_mono_ms() > until_ms)
            fail_msg("%zu requests arrived, not %zu", atomic_load(&sqs->taken), count);
        sleep_ms(1);
    }
}

static const lk_test_request *request_at(lk_test_sqs *sqs, size_t index)
{
    const lk_test_request *request = lk_test_http_at(sqs->http, index);
    if (!request)
        fail_msg("there was no request %zu", index);
    return request;
}

lk_slice lk_test_sqs_action(lk_test_sqs *sqs, size_t index)
{
    return action_of(request_at(sqs, index));
}

lk_slice lk_test_sqs_body(lk_test_sqs *sqs, size_t index)
{
    return request_at(sqs, index)->body;
}

lk_slice lk_test_sqs_path(lk_test_sqs *sqs, size_t index)
{
    return lk_slice_of(request_at(sqs, index)->path);
}

lk_slice lk_test_sqs_header(lk_test_sqs *sqs, size_t index, const char *name)
{
    return lk_test_request_header(request_at(sqs, index), name);
}

bool lk_test_sqs_has(lk_test_sqs *sqs, size_t index, const char *text)
{
    lk_slice body = lk_test_sqs_body(sqs, index);
    return memmem(body.ptr, body.len, text, strlen(text)) != NULL;
}

int lk_test_sqs_most_at_once(lk_test_sqs *sqs)
{
    return atomic_load(&sqs->most_at_once);
}

/* --- Client --------------------------------------------------------------------------------- */

static bool no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
    return true;
}

static int64_t given_mono_ms(void *ctx)
{
    return *(const int64_t *)ctx;
}

lk_client *lk_test_sqs_client(const char *url, int64_t timeout_ms, const int64_t *mono_ms)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.random = no_random;
    union {
        const int64_t *given;
        void *ctx;
    } clock = {.given = mono_ms};
    if (mono_ms) {
        env.mono_ms = given_mono_ms;
        env.ctx = clock.ctx;
    }
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "us-east-1";
    options.endpoint = url;
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.timeout_ms = timeout_ms;
    options.max_attempts = 3;
    options.skip_md5 = true;
    lk_client *client = lk_client_new_env(&options, &env, &err);
    if (!client)
        fail_msg("%s", err.message);
    return client;
}
