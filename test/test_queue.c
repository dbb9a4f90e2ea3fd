/* SPDX-License-Identifier: MIT
 *
 * test_queue: names, URLs and ARNs; where their calls go; the attributes cache.
 */
#include "lk_test.h"
#include "lk_test_sqs.h"
#include "queue.h"

#include <unistd.h>

/* --- Helpers -------------------------------------------------------------------------------- */

static lk_client *client;
static lk_test_sqs *sqs;

static void start(const lk_test_answer *answers, size_t count)
{
    sqs = lk_test_sqs_start(answers, count);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
}

/* Without a fixed endpoint: where calls would go on AWS. region: NULL for none. */
static void start_aws(const char *region)
{
    lk_err err;
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
                                            "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"};
    for (size_t i = 0; i < LK_COUNT(variables); i++)
        unsetenv(variables[i]);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    client = lk_client_new(
        &(lk_client_options){.size = sizeof(lk_client_options), .region = region}, &err);
    assert_non_null(client);
}

static int stop(void **state LK_UNUSED)
{
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
    client = NULL;
    sqs = NULL;
    return 0;
}

static lk_queue *queue_of(const char *text)
{
    lk_err err;
    lk_queue *queue;
    assert_lk_ok(lk_queue_get(client, lk_slice_of(text), &queue, &err));
    return queue;
}

static lk_sqs_target target_of(const char *text)
{
    lk_err err;
    lk_sqs_target target;
    assert_lk_ok(lk_queue_target(client, queue_of(text), &target, &err));
    return target;
}

#define EASTERN     "arn:aws:sqs:us-east-2:123456789012:jobs"
#define EASTERN_URL "https://sqs.us-east-2.amazonaws.com/123456789012/jobs"

/* --- Names ---------------------------------------------------------------------------------- */

static void a_queue_is_known_by_name_url_and_arn(void **state LK_UNUSED)
{
    const struct {
        const char *given;
        const char *name;
        bool fifo;
    } cases[] = {
        {"jobs", "jobs", false},
        {"Jobs-2_x.fifo", "Jobs-2_x.fifo", true},
        {EASTERN, "jobs", false},
        {"arn:aws-cn:sqs:cn-north-1:123456789012:jobs.fifo", "jobs.fifo", true},
        {EASTERN_URL, "jobs", false},
        {EASTERN_URL "/", "jobs", false},
        {"http://127.0.0.1:9324/000000000000/jobs.fifo", "jobs.fifo", true},
        {"http://localhost:9324/queue/jobs", "jobs", false},
        {" jobs\n", "jobs", false},
    };
    start_aws("us-east-1");
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_queue *queue = queue_of(cases[i].given);
        assert_slice(lk_queue_name(queue), cases[i].name);
        assert_int_equal(lk_queue_fifo(queue), cases[i].fifo);
        assert_int_equal(lk_queue_is_fifo(lk_slice_of(cases[i].given)), cases[i].fifo);
    }
}

static void what_is_no_queue_is_refused(void **state LK_UNUSED)
{
    const char *const cases[] = {
        "jo bs",
        "jobs?",
        "jobs.txt",
        ".fifo",
        "ftp://x/1/jobs",
        "http://127.0.0.1:9324",
        "http://127.0.0.1:9324/1/jobs?x=1",
        "http://h/a b/jobs",
        "http://h/a\r\nX: y/jobs",
        "arn:aws:sns:us-east-1:123456789012:jobs",
        "arn:aws:sqs:us-east-1:123456789012:a/b",
        "a23456789012345678901234567890123456789012345678901234567890123456789012345678901"};
    lk_err err = {0};
    lk_queue *queue;
    start_aws("us-east-1");
    for (size_t i = 0; i < LK_COUNT(cases); i++)
        assert_lk_fails(lk_queue_get(client, lk_slice_of(cases[i]), &queue, &err), LK_E_INVALID);
}

static void no_queue_at_all_asks_for_the_variable(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_queue *queue;
    start_aws("us-east-1");
    assert_lk_fails(lk_queue_get(client, (lk_slice){NULL, 0}, &queue, &err), LK_E_INVALID);
    assert_non_null(strstr(err.message, "JOBS_QUEUE_NAME"));
    assert_lk_fails(lk_queue_get(client, lk_slice_of(""), &queue, &err), LK_E_INVALID);
}

static void the_same_text_is_the_same_queue(void **state LK_UNUSED)
{
    start_aws("us-east-1");
    assert_ptr_equal(queue_of("jobs"), queue_of("jobs"));
    assert_ptr_not_equal(queue_of("jobs"), queue_of("jobs.fifo"));
}

/* --- Targets -------------------------------------------------------------------------------- */

static void calls_go_where_the_queue_is(void **state LK_UNUSED)
{
    const struct {
        const char *given;
        const char *endpoint;
        const char *region;
        const char *queue_url;
    } cases[] = {
        {"jobs", "https://sqs.eu-west-1.amazonaws.com", "eu-west-1", "jobs"},
        {EASTERN, "https://sqs.us-east-2.amazonaws.com", "us-east-2", EASTERN_URL},
        {EASTERN_URL, "https://sqs.us-east-2.amazonaws.com", "us-east-2", EASTERN_URL},
        {"arn:aws-cn:sqs:cn-north-1:123456789012:jobs", "https://sqs.cn-north-1.amazonaws.com.cn",
         "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs"},
        {"https://queue.amazonaws.com/123456789012/jobs", "https://queue.amazonaws.com",
         "us-east-1", "https://queue.amazonaws.com/123456789012/jobs"},
        {"https://us-west-2.queue.amazonaws.com/123456789012/jobs",
         "https://us-west-2.queue.amazonaws.com", "us-west-2",
         "https://us-west-2.queue.amazonaws.com/123456789012/jobs"},
        {"http://127.0.0.1:9324/000000000000/jobs", "http://127.0.0.1:9324", "eu-west-1",
         "http://127.0.0.1:9324/000000000000/jobs"},
    };
    start_aws("eu-west-1");
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_sqs_target target = target_of(cases[i].given);
        assert_slice(target.endpoint, cases[i].endpoint);
        assert_slice(target.region, cases[i].region);
        assert_slice(target.queue_url, cases[i].queue_url);
        assert_null(target.expect);
    }
}

static void a_fixed_endpoint_takes_every_call(void **state LK_UNUSED)
{
    lk_err err;
    lk_client_options options = {.size = sizeof(lk_client_options),
                                 .region = "eu-west-1",
                                 .endpoint = "http://127.0.0.1:9324/"};
    client = lk_client_new(&options, &err);
    assert_non_null(client);
    lk_sqs_target target = target_of(EASTERN_URL);
    assert_slice(target.endpoint, "http://127.0.0.1:9324");
    assert_slice(target.region, "us-east-2"); /* still the queue's */
    assert_slice(target.queue_url, EASTERN_URL);
    target = target_of(EASTERN);
    assert_slice(target.endpoint, "http://127.0.0.1:9324");
    assert_slice(target.region, "us-east-2");
    assert_slice(target.queue_url, "http://127.0.0.1:9324/123456789012/jobs");
    target = target_of("jobs");
    assert_slice(target.region, "eu-west-1");
    assert_slice(target.queue_url, "jobs");
}

static void only_a_name_needs_a_configured_region(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_sqs_target target;
    start_aws(NULL);
    assert_slice(target_of(EASTERN).region, "us-east-2");
    assert_slice(target_of(EASTERN_URL).region, "us-east-2");
    assert_lk_fails(lk_queue_target(client, queue_of("jobs"), &target, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "AWS_REGION"));
}

/* --- Relocation ------------------------------------------------------------------------------ */

static const lk_test_answer no_queue = {.status = 400,
                                        .error = "AWS.SimpleQueueService.NonExistentQueue"};

static int delete_something(const char *queue, lk_err *err)
{
    return lk_queue_call(client, queue_of(queue), "DeleteMessage",
                         LK_SLICE_LITERAL("\"ReceiptHandle\":\"h\""), 0, NULL, err);
}

static void a_name_sqs_does_not_take_is_looked_up_once(void **state LK_UNUSED)
{
    lk_err err;
    start(&no_queue, 1);
    assert_lk_ok(delete_something("jobs", &err));
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_true(lk_test_sqs_has(sqs, 0, "\"QueueUrl\":\"jobs\""));
    assert_slice(lk_test_sqs_action(sqs, 1), "GetQueueUrl");
    assert_slice(lk_test_sqs_body(sqs, 1), "{\"QueueName\":\"jobs\"}");
    assert_slice(lk_test_sqs_action(sqs, 2), "DeleteMessage");
    assert_true(lk_test_sqs_has(sqs, 2, "/000000000000/found"));
    assert_lk_ok(delete_something("jobs", &err));
    assert_int_equal(lk_test_sqs_count(sqs), 4); /* straight to the URL */
    assert_true(lk_test_sqs_has(sqs, 3, "/000000000000/found"));
}

static void a_queue_that_is_not_there_is_not_looked_up_at_every_call(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {no_queue, no_queue, no_queue};
    start(answers, 3);
    assert_lk_fails(delete_something("jobs", &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    assert_non_null(strstr(err.message, "queue jobs"));
    assert_non_null(strstr(err.message, "DeleteMessage"));
    assert_lk_fails(delete_something("jobs", &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
}

static void a_url_is_taken_at_its_word(void **state LK_UNUSED)
{
    lk_err err = {0};
    start(&no_queue, 1);
    assert_lk_fails(delete_something(EASTERN_URL, &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
}

static void an_arns_owner_is_asked_for(void **state LK_UNUSED)
{
    lk_err err;
    start(&no_queue, 1);
    assert_lk_ok(delete_something(EASTERN, &err));
    assert_slice(lk_test_sqs_body(sqs, 1),
                 "{\"QueueName\":\"jobs\",\"QueueOwnerAWSAccountId\":\"123456789012\"}");
}

static void other_refusals_do_not_move_a_queue(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.status = 403, .error = "AccessDenied"}};
    start(answers, 1);
    assert_lk_fails(delete_something("jobs", &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
}

static void the_url_is_asked_for_once(void **state LK_UNUSED)
{
    lk_err err;
    char *url;
    start(NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_lk_ok(lk_queue_url(client, lk_slice_of("jobs"), &url, &err));
        assert_string_equal(url, "http://127.0.0.1/000000000000/found");
        lk_free(url);
    }
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    assert_lk_ok(lk_queue_url(client, lk_slice_of(EASTERN_URL), &url, &err));
    assert_string_equal(url, EASTERN_URL);
    lk_free(url);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
}

static void a_url_that_is_none_is_not_adopted(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *url;
    const lk_test_answer answers[] = {{.body = "{\"QueueUrl\":\"gopher://x\"}"}, {.body = "{}"}};
    start(answers, 2);
    assert_lk_fails(lk_queue_url(client, lk_slice_of("jobs"), &url, &err), LK_E_SERVICE);
    assert_lk_fails(lk_queue_url(client, lk_slice_of("jobs"), &url, &err), LK_E_SERVICE);
}

/* --- Attributes ----------------------------------------------------------------------------- */

#define ATTRIBUTES(policy)                                                                         \
    "{\"Attributes\":{\"MessageRetentionPeriod\":\"345600\",\"VisibilityTimeout\":\"301\"" policy  \
    "}}"
#define POLICY(count)                                                                              \
    ",\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"arn:aws:sqs:us-east-1:1:dead\\\","      \
    "\\\"maxReceiveCount\\\":" count "}\""

static int max_receive_count(int64_t max_age_ms, lk_err *err)
{
    lk_queue_attributes attributes;
    int rc = lk_queue_attributes_get(client, lk_slice_of("jobs"), max_age_ms, &attributes, err);
    if (rc)
        assert_int_equal(attributes.max_receive_count, LK_MAX_RECEIVE_UNKNOWN);
    return attributes.max_receive_count;
}

static void attributes_say_what_failures_need(void **state LK_UNUSED)
{
    lk_err err;
    lk_queue_attributes attributes;
    const lk_test_answer answers[] = {{.body = ATTRIBUTES(POLICY("13"))}};
    start(answers, 1);
    assert_lk_ok(lk_queue_attributes_get(client, lk_slice_of("jobs"), -1, &attributes, &err));
    assert_int_equal(attributes.max_receive_count, 13);
    assert_int_equal(attributes.retention_s, 345600);
    assert_int_equal(attributes.visibility_s, 301);
    assert_true(attributes.read_at_ms > 0);
    assert_true(lk_test_sqs_has(
        sqs, 0,
        "\"AttributeNames\":[\"RedrivePolicy\",\"MessageRetentionPeriod\",\"VisibilityTimeout\"]"));
}

static void a_redrive_policy_is_read_in_every_spelling(void **state LK_UNUSED)
{
    const struct {
        const char *body;
        int count;
    } cases[] = {
        {ATTRIBUTES(POLICY("3")), 3},
        {ATTRIBUTES(POLICY("\\\"1000\\\"")), 1000},
        {ATTRIBUTES(""), LK_MAX_RECEIVE_NONE},
        {ATTRIBUTES(",\"RedrivePolicy\":\"\""), LK_MAX_RECEIVE_NONE},
        {ATTRIBUTES(",\"RedrivePolicy\":\"{}\""), LK_MAX_RECEIVE_UNKNOWN},
        {ATTRIBUTES(",\"RedrivePolicy\":\"nonsense\""), LK_MAX_RECEIVE_UNKNOWN},
        {ATTRIBUTES(POLICY("0")), LK_MAX_RECEIVE_UNKNOWN},
        {ATTRIBUTES(POLICY("1001")), LK_MAX_RECEIVE_UNKNOWN},
        {ATTRIBUTES(POLICY("null")), LK_MAX_RECEIVE_UNKNOWN},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_err err;
        const lk_test_answer answers[] = {{.body = cases[i].body}};
        start(answers, 1);
        if (max_receive_count(-1, &err) != cases[i].count)
            fail_msg("%s", cases[i].body);
        stop(NULL);
    }
}

static void attributes_are_asked_for_again_when_too_old(void **state LK_UNUSED)
{
    lk_err err;
    int64_t mono_ms = 1000000;
    const lk_test_answer answers[] = {{.body = ATTRIBUTES(POLICY("3"))},
                                      {.body = ATTRIBUTES(POLICY("4"))}};
    sqs = lk_test_sqs_start(answers, 2);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, &mono_ms);
    assert_int_equal(max_receive_count(10000, &err), 3);
    mono_ms += 9000;
    assert_int_equal(max_receive_count(10000, &err), 3);
    mono_ms += 2000;
    assert_int_equal(max_receive_count(-1, &err), 3);
    assert_int_equal(max_receive_count(10000, &err), 4);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
}

static void denied_attributes_are_unknown_and_not_asked_for_at_every_failure(void **state LK_UNUSED)
{
    lk_err err = {0};
    int64_t mono_ms = 1000000;
    const lk_test_answer denied = {.status = 403, .error = "AccessDenied"};
    const lk_test_answer answers[] = {denied, {.body = ATTRIBUTES(POLICY("3"))}};
    sqs = lk_test_sqs_start(answers, 2);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, &mono_ms);
    for (int i = 0; i < 3; i++) {
        lk_err_clear(&err);
        assert_int_equal(max_receive_count(-1, &err), LK_MAX_RECEIVE_UNKNOWN);
        assert_string_equal(err.aws_code, "AccessDenied");
    }
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    mono_ms += 5000;
    assert_int_equal(max_receive_count(-1, &err), 3);
}

static void known_attributes_survive_a_later_denial(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer denied = {.status = 403, .error = "AccessDenied"};
    const lk_test_answer answers[] = {{.body = ATTRIBUTES(POLICY("3"))}, denied};
    start(answers, 2);
    assert_int_equal(max_receive_count(-1, &err), 3);
    usleep(2000);
    assert_int_equal(max_receive_count(0, &err),
                     LK_MAX_RECEIVE_UNKNOWN); /* fresh ones were asked */
    assert_int_equal(max_receive_count(-1, &err), 3);
}

static void an_answer_without_the_attributes_is_not_taken_for_no_policy(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.body = "{}"}};
    start(answers, 1);
    assert_int_equal(max_receive_count(-1, &err), LK_MAX_RECEIVE_UNKNOWN);
    assert_int_equal(err.code, LK_E_SERVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_queue_is_known_by_name_url_and_arn, stop),
        cmocka_unit_test_teardown(what_is_no_queue_is_refused, stop),
        cmocka_unit_test_teardown(no_queue_at_all_asks_for_the_variable, stop),
        cmocka_unit_test_teardown(the_same_text_is_the_same_queue, stop),
        cmocka_unit_test_teardown(calls_go_where_the_queue_is, stop),
        cmocka_unit_test_teardown(a_fixed_endpoint_takes_every_call, stop),
        cmocka_unit_test_teardown(only_a_name_needs_a_configured_region, stop),
        cmocka_unit_test_teardown(a_name_sqs_does_not_take_is_looked_up_once, stop),
        cmocka_unit_test_teardown(a_queue_that_is_not_there_is_not_looked_up_at_every_call, stop),
        cmocka_unit_test_teardown(a_url_is_taken_at_its_word, stop),
        cmocka_unit_test_teardown(an_arns_owner_is_asked_for, stop),
        cmocka_unit_test_teardown(other_refusals_do_not_move_a_queue, stop),
        cmocka_unit_test_teardown(the_url_is_asked_for_once, stop),
        cmocka_unit_test_teardown(a_url_that_is_none_is_not_adopted, stop),
        cmocka_unit_test_teardown(attributes_say_what_failures_need, stop),
        cmocka_unit_test_teardown(a_redrive_policy_is_read_in_every_spelling, stop),
        cmocka_unit_test_teardown(attributes_are_asked_for_again_when_too_old, stop),
        cmocka_unit_test_teardown(denied_attributes_are_unknown_and_not_asked_for_at_every_failure,
                                  stop),
        cmocka_unit_test_teardown(known_attributes_survive_a_later_denial, stop),
        cmocka_unit_test_teardown(an_answer_without_the_attributes_is_not_taken_for_no_policy,
                                  stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
