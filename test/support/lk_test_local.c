/* SPDX-License-Identifier: MIT
 *
 * lk_test_local: see the header.
 */
#include "lk_test_local.h"

#include "client.h"
#include "json.h"
#include "lk_test.h"

struct lk_test_local {
    lk_clock *clock;
    lk_server *server;
    lk_client *client;
    int64_t aged_ms; /* how far the client's wall clock is ahead */
};

static int64_t moved_clock_ms(void *ctx)
{
    return lk_clock_now_ms(((const lk_test_local *)ctx)->clock);
}

static int64_t aged_wall_ms(void *ctx)
{
    return lk_wall_ms() + ((const lk_test_local *)ctx)->aged_ms;
}

lk_test_local *lk_test_local_start(void)
{
    return lk_test_local_start_clock(NULL);
}

static lk_client *client_of(lk_test_local *local)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.clock_ms = moved_clock_ms;
    env.wall_ms = aged_wall_ms;
    env.ctx = local;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = LK_TEST_REGION;
    options.endpoint = lk_server_url(local->server);
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    lk_client *client = lk_client_new_env(&options, &env, &err);
    if (!client)
        fail_msg("%s", err.message);
    return client;
}

lk_test_local *lk_test_local_start_clock(const char *clock_path)
{
    lk_err err;
    lk_test_local *local = calloc(1, sizeof(*local));
    assert_non_null(local);
    assert_lk_ok(lk_clock_new(clock_path, &local->clock, &err));
    lk_server_options server_options = {
        .region = LK_TEST_REGION, .account = LK_TEST_ACCOUNT, .clock = local->clock};
    assert_lk_ok(lk_server_start(&server_options, &local->server, &err));
    local->client = client_of(local);
    return local;
}

void lk_test_local_new_process(lk_test_local *local)
{
    lk_client_free(local->client);
    local->client = client_of(local);
}

void lk_test_local_stop(lk_test_local *local)
{
    lk_client_free(local->client);
    lk_server_stop(local->server);
    lk_clock_free(local->clock);
    free(local);
}

lk_client *lk_test_local_client(lk_test_local *local)
{
    return local->client;
}

lk_server *lk_test_local_server(lk_test_local *local)
{
    return local->server;
}

lk_clock *lk_test_local_clock(lk_test_local *local)
{
    return local->clock;
}

void lk_test_local_advance(lk_test_local *local, int64_t by_ms)
{
    lk_err err;
    assert_lk_ok(lk_clock_advance(local->clock, by_ms, &err));
}

void lk_test_local_age(lk_test_local *local, int64_t by_ms)
{
    local->aged_ms += by_ms;
}

/* --- Queues --------------------------------------------------------------------------------- */

static void arn_of(const char *queue, char *out, size_t size)
{
    snprintf(out, size, "arn:aws:sqs:%s:%s:%s", LK_TEST_REGION, LK_TEST_ACCOUNT, queue);
}

void lk_test_local_queue(lk_test_local *local, const char *name, const char *dead_letters,
                         int max_receive_count)
{
    lk_err err;
    char arn[160];
    char redrive[256];
    lk_name_value attributes[3] = {{LK_SLICE_LITERAL("VisibilityTimeout"), LK_SLICE_LITERAL("60")}};
    size_t count = 1;
    if (lk_queue_is_fifo(lk_slice_of(name)))
        attributes[count++] =
            (lk_name_value){LK_SLICE_LITERAL("FifoQueue"), LK_SLICE_LITERAL("true")};
    if (dead_letters) {
        arn_of(dead_letters, arn, sizeof(arn));
        snprintf(redrive, sizeof(redrive),
                 "{\"deadLetterTargetArn\":\"%s\",\"maxReceiveCount\":%d}", arn, max_receive_count);
        attributes[count++] =
            (lk_name_value){LK_SLICE_LITERAL("RedrivePolicy"), lk_slice_of(redrive)};
    }
    assert_lk_ok(lk_create_queue(local->client, name, attributes, count, NULL, &err));
}

void lk_test_local_set(lk_test_local *local, const char *queue, const char *attribute,
                       const char *value)
{
    lk_err err;
    lk_name_value pair = {lk_slice_of(attribute), lk_slice_of(value)};
    assert_lk_ok(lk_set_queue_attributes(local->client, lk_slice_of(queue), &pair, 1, &err));
}

/* The sum of the counters, all of one moment: a message that changes its state is counted once. */
static int count_of(lk_test_local *local, const char *queue, const char *const *counters,
                    size_t counter_count)
{
    lk_err err;
    char params[256];
    char *response = NULL;
    size_t len = 0;
    lk_json *root = NULL;
    int64_t sum = 0;
    snprintf(params, sizeof(params), "{\"QueueUrl\":\"%s\",\"AttributeNames\":[\"All\"]}", queue);
    assert_lk_ok(lk_sqs_call(local->client, "GetQueueAttributes", lk_slice_of(params), &response,
                             &len, &err));
    assert_lk_ok(lk_json_parse((lk_slice){response, len}, "attributes", &root, &err));
    for (size_t i = 0; i < counter_count; i++) {
        int64_t count = -1;
        assert_true(
            lk_json_int64(lk_json_get(lk_json_get(root, "Attributes"), counters[i]), &count));
        sum += count;
    }
    lk_json_free(root);
    lk_free(response);
    return (int)sum;
}

static const char *const all_counters[] = {"ApproximateNumberOfMessages",
                                           "ApproximateNumberOfMessagesNotVisible",
                                           "ApproximateNumberOfMessagesDelayed"};

int lk_test_local_visible(lk_test_local *local, const char *queue)
{
    return count_of(local, queue, &all_counters[0], 1);
}

int lk_test_local_in_flight(lk_test_local *local, const char *queue)
{
    return count_of(local, queue, &all_counters[1], 1);
}

int lk_test_local_delayed(lk_test_local *local, const char *queue)
{
    return count_of(local, queue, &all_counters[2], 1);
}

int lk_test_local_total(lk_test_local *local, const char *queue)
{
    return count_of(local, queue, all_counters, LK_COUNT(all_counters));
}

/* --- Messages ------------------------------------------------------------------------------- */

void lk_test_local_send(lk_test_local *local, const char *queue, const char *job_id,
                        int64_t delay_ms, const char *group)
{
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.job_id = job_id;
    options.delay_ms = delay_ms;
    options.message_group_id = group;
    assert_lk_ok(lk_enqueue(local->client, queue, "TestJob", "[1]", &options, NULL, &err));
}

static void record_of(const lk_message *message, lk_slice arn, lk_record *record)
{
    lk_record_init(record);
    record->message_id = message->message_id;
    record->receipt_handle = message->receipt_handle;
    record->body = message->body;
    record->event_source_arn = arn;
    for (size_t i = 0; i < message->attribute_count; i++)
        lk_record_set_attribute(record, message->attributes[i].name, message->attributes[i].value);
    for (size_t i = 0; i < message->message_attribute_count; i++)
        lk_record_set_message_attribute(record, message->message_attributes[i].name,
                                        message->message_attributes[i].string_value);
}

void lk_test_local_receive(lk_test_local *local, const char *queue, lk_test_receive *receive)
{
    lk_err err;
    static char arn[160]; /* as long as any record: tests receive from one queue at a time */
    arn_of(queue, arn, sizeof(arn));
    *receive = (lk_test_receive){0};
    assert_lk_ok(
        lk_receive(local->client, lk_slice_of(queue), 10, 0, -1, &receive->messages, &err));
    receive->count = lk_messages_count(receive->messages);
    for (size_t i = 0; i < receive->count; i++)
        record_of(lk_messages_at(receive->messages, i), lk_slice_of(arn), &receive->records[i]);
}

void lk_test_receive_clear(lk_test_receive *receive)
{
    lk_messages_free(receive->messages);
    *receive = (lk_test_receive){0};
}
