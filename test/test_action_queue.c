/* SPDX-License-Identifier: MIT
 *
 * Tests of action_queue, action_attributes and action_redrive: the life of queues.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)
#define ARN        "arn:aws:sqs:us-east-1:000000000000:"

static void create(test_action *t, const char *name, const char *attributes)
{
    test_action_call(t, "CreateQueue", "{'QueueName':'%s','Attributes':{%s}}", name, attributes);
}

static void set(test_action *t, const char *name, const char *attributes)
{
    test_action_call(t, "SetQueueAttributes", "{'QueueUrl':'%s','Attributes':{%s}}", name,
                     attributes);
}

static void get_all(test_action *t, const char *name)
{
    test_action_call(t, "GetQueueAttributes", "{'QueueUrl':'%s','AttributeNames':['All']}", name);
    assert_action_ok(t);
}

/* --- Names and URLs ------------------------------------------------------------------------- */

static void a_queue_is_created_and_found_under_its_url(void **state)
{
    test_action *t = *state;
    create(t, "fresh", "");
    assert_action_ok(t);
    assert_slice(test_action_string(t, "QueueUrl"), TEST_ACTION_BASE "/000000000000/fresh");
    test_action_call(t, "GetQueueUrl", "{'QueueName':'fresh'}");
    assert_slice(test_action_string(t, "QueueUrl"), TEST_ACTION_BASE "/000000000000/fresh");
}

static void a_queue_goes_by_name_or_by_any_url_that_ends_in_it(void **state)
{
    static const char *const urls[] = {"jobs",
                                       "jobs/",
                                       "http://127.0.0.1:1/000000000000/jobs",
                                       "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
                                       "http://x/queue/jobs/",
                                       "/000000000000/jobs"};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(urls); i++) {
        test_action_call(t, "ReceiveMessage", "{'QueueUrl':'%s'}", urls[i]);
        assert_action_ok(t);
    }
}

static void names_are_case_sensitive(void **state)
{
    test_action *t = *state;
    test_action_call(t, "GetQueueUrl", "{'QueueName':'Jobs'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
}

static void the_path_names_the_queue_when_the_body_does_not(void **state)
{
    test_action *t = *state;
    t->path = "/000000000000/jobs";
    test_action_call(t, "ReceiveMessage", "{}");
    assert_action_ok(t);
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'nothing'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
}

static void a_missing_queue_url_is_a_missing_parameter_but_for_send_message(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage", "{}");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter QueueUrl.");
    assert_string_equal(t->type, "com.amazon.coral.service#MissingRequiredParameterException");
    test_action_call(t, "SendMessage", "{'MessageBody':'x'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
}

static void create_without_name_lacks_a_parameter_and_get_url_has_an_invalid_one(void **state)
{
    test_action *t = *state;
    test_action_call(t, "CreateQueue", "{}");
    assert_action_error(t, "MissingParameter");
    test_action_call(t, "GetQueueUrl", "{}");
    assert_action_error(t, "InvalidParameterValue");
}

static void bad_names_are_invalid_parameters(void **state)
{
    test_action *t = *state;
    create(t, "bad name", "");
    assert_action_error(t, "InvalidParameterValue");
    create(t, "x.fifo", "");
    assert_action_error(t, "InvalidParameterValue");
    create(t, "x.fifo", "'FifoQueue':'false'");
    assert_action_error(t, "InvalidParameterValue");
    create(t, "x", "'FifoQueue':'true'");
    assert_action_error(t, "InvalidParameterValue");
}

static void every_action_on_a_queue_wants_it_to_exist(void **state)
{
    static const char *const calls[][2] = {
        {"DeleteQueue", ""},
        {"PurgeQueue", ""},
        {"GetQueueAttributes", ""},
        {"SetQueueAttributes", ",'Attributes':{'DelaySeconds':'1'}"},
        {"SendMessage", ",'MessageBody':'x'"},
        {"SendMessageBatch", ",'Entries':[{'Id':'a','MessageBody':'x'}]"},
        {"ReceiveMessage", ""},
        {"DeleteMessage", ",'ReceiptHandle':'x'"},
        {"DeleteMessageBatch", ",'Entries':[{'Id':'a','ReceiptHandle':'x'}]"},
        {"ChangeMessageVisibility", ",'ReceiptHandle':'x','VisibilityTimeout':1"},
        {"ChangeMessageVisibilityBatch",
         ",'Entries':[{'Id':'a','ReceiptHandle':'x','VisibilityTimeout':1}]"},
    };
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        test_action_call(t, calls[i][0], "{'QueueUrl':'nothing'%s}", calls[i][1]);
        assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
        assert_int_equal(t->status, 400);
    }
}

/* --- Create --------------------------------------------------------------------------------- */

static void creating_again_with_the_same_or_fewer_attributes_is_idempotent(void **state)
{
    test_action *t = *state;
    create(t, "twice", "'DelaySeconds':'3','VisibilityTimeout':'7'");
    create(t, "twice", "'DelaySeconds':'3'");
    assert_action_ok(t);
    create(t, "twice", "");
    assert_action_ok(t);
    assert_slice(test_action_string(t, "QueueUrl"), TEST_ACTION_BASE "/000000000000/twice");
}

static void creating_again_with_another_value_names_the_attribute(void **state)
{
    test_action *t = *state;
    create(t, "twice", "'DelaySeconds':'3'");
    create(t, "twice", "'DelaySeconds':'4'");
    assert_action_error(t, "QueueAlreadyExists");
    assert_string_equal(t->type, "com.amazonaws.sqs#QueueNameExists");
    assert_slice(t->message, "A queue already exists with the same name and a different value for "
                             "attribute DelaySeconds");
}

static void creating_again_compares_with_what_was_set_since(void **state)
{
    test_action *t = *state;
    create(t, "twice", "'DelaySeconds':'3'");
    set(t, "twice", "'DelaySeconds':'4'");
    create(t, "twice", "'DelaySeconds':'3'");
    assert_action_error(t, "QueueAlreadyExists");
    create(t, "twice", "'DelaySeconds':'4'");
    assert_action_ok(t);
}

static void fifo_attributes_are_unknown_on_standard_queues(void **state)
{
    test_action *t = *state;
    create(t, "plain", "'FifoQueue':'false'");
    assert_action_error(t, "InvalidAttributeName");
    assert_slice(t->message, "Unknown Attribute FifoQueue.");
    create(t, "plain", "'ContentBasedDeduplication':'true'");
    assert_action_error(t, "InvalidAttributeName");
    assert_slice(t->message, "Unknown Attribute ContentBasedDeduplication.");
    create(t, "plain", "'DeduplicationScope':'queue'");
    assert_action_error(t, "InvalidAttributeName");
    assert_slice(t->message,
                 "You can specify the DeduplicationScope only when FifoQueue is set to true.");
    set(t, "jobs", "'FifoThroughputLimit':'perQueue'");
    assert_action_error(t, "InvalidAttributeName");
}

static void fifo_queue_may_be_true_in_capitals(void **state)
{
    test_action *t = *state;
    create(t, "caps.fifo", "'FifoQueue':'True'");
    assert_action_ok(t);
}

static void the_type_of_a_queue_cannot_be_changed(void **state)
{
    test_action *t = *state;
    set(t, "jobs.fifo", "'FifoQueue':'false'");
    assert_action_error(t, "InvalidAttributeValue");
    assert_slice(t->message, "Invalid value for the parameter FifoQueue. Reason: Modifying queue "
                             "type is not supported.");
    set(t, "jobs", "'FifoQueue':'true'");
    assert_action_error(t, "InvalidAttributeValue");
    set(t, "jobs.fifo", "'FifoQueue':'true'");
    assert_action_ok(t);
}

/* --- Attributes ----------------------------------------------------------------------------- */

static void a_standard_queue_shows_its_attributes_and_none_of_a_fifo_queue(void **state)
{
    test_action *t = *state;
    get_all(t, "jobs");
    assert_int_equal(lk_json_length(lk_json_get(t->json, "Attributes")), 12);
    assert_slice(test_action_attribute(t, "MaximumMessageSize"), "1048576");
    assert_slice(test_action_attribute(t, "VisibilityTimeout"), "30");
    assert_slice(test_action_attribute(t, "MessageRetentionPeriod"), "345600");
    assert_slice(test_action_attribute(t, "DelaySeconds"), "0");
    assert_slice(test_action_attribute(t, "ReceiveMessageWaitTimeSeconds"), "0");
    assert_slice(test_action_attribute(t, "SqsManagedSseEnabled"), "true");
    assert_slice(test_action_attribute(t, "QueueArn"), ARN "jobs");
    assert_slice(test_action_attribute(t, "CreatedTimestamp"), "1700000000");
    assert_null(test_action_attribute(t, "FifoQueue").ptr);
    assert_null(test_action_attribute(t, "ContentBasedDeduplication").ptr);
}

static void a_fifo_queue_shows_its_four_attributes_once(void **state)
{
    test_action *t = *state;
    test_action_call(t, "GetQueueAttributes",
                     "{'QueueUrl':'jobs.fifo','AttributeNames':['All','FifoQueue','All']}");
    assert_slice(test_action_attribute(t, "FifoQueue"), "true");
    assert_slice(test_action_attribute(t, "ContentBasedDeduplication"), "false");
    assert_slice(test_action_attribute(t, "DeduplicationScope"), "queue");
    assert_slice(test_action_attribute(t, "FifoThroughputLimit"), "perQueue");
    assert_null(strstr(strstr(t->text.ptr, "\"FifoQueue\"") + 1, "\"FifoQueue\""));
}

static void only_attributes_asked_for_are_shown(void **state)
{
    test_action *t = *state;
    test_action_call(t, "GetQueueAttributes",
                     "{'QueueUrl':'jobs','AttributeNames':['DelaySeconds']}");
    assert_string_equal(t->text.ptr, "{\"Attributes\":{\"DelaySeconds\":\"0\"}}");
    test_action_call(t, "GetQueueAttributes", "{'QueueUrl':'jobs'}");
    assert_string_equal(t->text.ptr, "{}");
}

static void unknown_attributes_cannot_be_read_or_set(void **state)
{
    test_action *t = *state;
    test_action_call(t, "GetQueueAttributes", "{'QueueUrl':'jobs','AttributeNames':['Colour']}");
    assert_action_error(t, "InvalidAttributeName");
    assert_slice(t->message, "Unknown Attribute Colour.");
    set(t, "jobs", "'Colour':'red'");
    assert_action_error(t, "InvalidAttributeName");
    set(t, "jobs", "'QueueArn':'x'");
    assert_action_error(t, "InvalidAttributeName");
    set(t, "jobs", "'ApproximateNumberOfMessages':'0'");
    assert_action_error(t, "InvalidAttributeName");
}

static void attribute_values_have_ranges(void **state)
{
    static const char *const bad[] = {"'DelaySeconds':'901'",
                                      "'DelaySeconds':'-1'",
                                      "'DelaySeconds':'x'",
                                      "'DelaySeconds':''",
                                      "'MaximumMessageSize':'1023'",
                                      "'MaximumMessageSize':'1048577'",
                                      "'MessageRetentionPeriod':'59'",
                                      "'MessageRetentionPeriod':'1209601'",
                                      "'ReceiveMessageWaitTimeSeconds':'21'",
                                      "'VisibilityTimeout':'43201'",
                                      "'KmsDataKeyReusePeriodSeconds':'59'",
                                      "'SqsManagedSseEnabled':'maybe'",
                                      "'Policy':'not json'"};
    static const char *const good[] = {"'DelaySeconds':'900'",
                                       "'MaximumMessageSize':'1024'",
                                       "'MessageRetentionPeriod':'60'",
                                       "'ReceiveMessageWaitTimeSeconds':'20'",
                                       "'VisibilityTimeout':'43200'",
                                       "'KmsDataKeyReusePeriodSeconds':'86400'",
                                       "'SqsManagedSseEnabled':'false'",
                                       "'Policy':'{}'",
                                       "'Policy':''"};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        set(t, "jobs", bad[i]);
        assert_action_error(t, "InvalidAttributeValue");
    }
    for (size_t i = 0; i < LK_COUNT(good); i++) {
        set(t, "jobs", good[i]);
        assert_action_ok(t);
    }
    set(t, "jobs", "'VisibilityTimeout':'43201'");
    assert_slice(t->message, "Invalid value for the parameter VisibilityTimeout.");
}

static void set_needs_attributes(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SetQueueAttributes", "{'QueueUrl':'jobs'}");
    assert_action_error(t, "MissingParameter");
}

static void what_is_set_is_shown_and_the_time_of_change_moves(void **state)
{
    test_action *t = *state;
    t->now_ms += 5000;
    set(t, "jobs", "'VisibilityTimeout':'7','DelaySeconds':'5'");
    get_all(t, "jobs");
    assert_slice(test_action_attribute(t, "VisibilityTimeout"), "7");
    assert_slice(test_action_attribute(t, "DelaySeconds"), "5");
    assert_slice(test_action_attribute(t, "LastModifiedTimestamp"), "1700000005");
    assert_slice(test_action_attribute(t, "CreatedTimestamp"), "1700000000");
}

static void the_three_counters_count_apart(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_send(t, "jobs", "c");
    test_action_receive(t, "jobs", 1);
    test_action_call(t, "SendMessage", "{'QueueUrl':'jobs','MessageBody':'d','DelaySeconds':9}");
    get_all(t, "jobs");
    assert_slice(test_action_attribute(t, "ApproximateNumberOfMessages"), "2");
    assert_slice(test_action_attribute(t, "ApproximateNumberOfMessagesNotVisible"), "1");
    assert_slice(test_action_attribute(t, "ApproximateNumberOfMessagesDelayed"), "1");
}

static void a_kms_key_replaces_the_encryption_of_sqs(void **state)
{
    test_action *t = *state;
    set(t, "jobs", "'KmsMasterKeyId':'alias/k','KmsDataKeyReusePeriodSeconds':'6000'");
    get_all(t, "jobs");
    assert_slice(test_action_attribute(t, "KmsMasterKeyId"), "alias/k");
    assert_slice(test_action_attribute(t, "KmsDataKeyReusePeriodSeconds"), "6000");
    assert_slice(test_action_attribute(t, "SqsManagedSseEnabled"), "false");
    set(t, "jobs", "'KmsMasterKeyId':'','KmsDataKeyReusePeriodSeconds':'300'");
    get_all(t, "jobs");
    assert_null(test_action_attribute(t, "KmsMasterKeyId").ptr);
    assert_null(test_action_attribute(t, "KmsDataKeyReusePeriodSeconds").ptr);
    assert_slice(test_action_attribute(t, "SqsManagedSseEnabled"), "false");
}

static void two_encryptions_at_once_are_refused(void **state)
{
    test_action *t = *state;
    create(t, "enc", "'KmsMasterKeyId':'alias/k','SqsManagedSseEnabled':'true'");
    assert_action_error(t, "InvalidAttributeName");
}

static void throughput_per_group_needs_deduplication_per_group(void **state)
{
    test_action *t = *state;
    set(t, "jobs.fifo", "'FifoThroughputLimit':'perMessageGroupId'");
    assert_action_error(t, "InvalidAttributeValue");
    set(t, "jobs.fifo",
        "'FifoThroughputLimit':'perMessageGroupId','DeduplicationScope':'messageGroup'");
    assert_action_ok(t);
    set(t, "jobs.fifo", "'FifoThroughputLimit':'perMessageGroupId'");
    assert_action_ok(t);
    set(t, "jobs.fifo", "'DeduplicationScope':'queue'");
    assert_action_error(t, "InvalidAttributeValue");
    set(t, "jobs.fifo", "'DeduplicationScope':'queue','FifoThroughputLimit':'perQueue'");
    assert_action_ok(t);
}

/* --- Redrive -------------------------------------------------------------------------------- */

static void set_redrive(test_action *t, const char *queue, const char *policy)
{
    lk_buf escaped = {0};
    lk_json_write_string(&escaped, lk_slice_of(policy));
    test_action_call(t, "SetQueueAttributes", "{'QueueUrl':'%s','Attributes':{'RedrivePolicy':%s}}",
                     queue, escaped.ptr);
    lk_buf_clear(&escaped);
}

static void a_redrive_policy_takes_a_number_or_a_string_and_shows_a_number(void **state)
{
    test_action *t = *state;
    create(t, "dead", "");
    set_redrive(t, "jobs", "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":\"2\"}");
    assert_action_ok(t);
    get_all(t, "jobs");
    assert_slice(test_action_attribute(t, "RedrivePolicy"),
                 "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":2}");
    set_redrive(t, "jobs", "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":1000}");
    assert_action_ok(t);
    set_redrive(t, "jobs", "");
    get_all(t, "jobs");
    assert_null(test_action_attribute(t, "RedrivePolicy").ptr);
}

static void bad_redrive_policies_are_invalid_parameters(void **state)
{
    static const char *const bad[] = {
        "nonsense",
        "[]",
        "{}",
        "{\"maxReceiveCount\":1}",
        "{\"deadLetterTargetArn\":\"" ARN "dead\"}",
        "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":\"x\"}",
        "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":0}",
        "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":1001}",
        "{\"deadLetterTargetArn\":\"dead\",\"maxReceiveCount\":1}",
        "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:000000000000:dead\","
        "\"maxReceiveCount\":1}",
    };
    test_action *t = *state;
    create(t, "dead", "");
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        set_redrive(t, "jobs", bad[i]);
        assert_action_error(t, "InvalidParameterValue");
        assert_true(lk_slice_has_prefix(t->message, LK_SLICE_LITERAL("Value ")));
    }
}

static void a_missing_dead_letter_queue_is_refused(void **state)
{
    test_action *t = *state;
    set_redrive(t, "jobs", "{\"deadLetterTargetArn\":\"" ARN "none\",\"maxReceiveCount\":1}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message,
                 "Value {\"deadLetterTargetArn\":\"" ARN "none\",\"maxReceiveCount\":1} for "
                 "parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.");
}

static void a_dead_letter_queue_of_the_other_type_is_refused(void **state)
{
    test_action *t = *state;
    set_redrive(t, "jobs", "{\"deadLetterTargetArn\":\"" ARN "jobs.fifo\",\"maxReceiveCount\":1}");
    assert_action_error(t, "InvalidParameterValue");
    set_redrive(t, "jobs.fifo", "{\"deadLetterTargetArn\":\"" ARN "jobs\",\"maxReceiveCount\":1}");
    assert_action_error(t, "InvalidParameterValue");
}

static void allow(test_action *t, const char *queue, const char *policy)
{
    lk_buf escaped = {0};
    lk_json_write_string(&escaped, lk_slice_of(policy));
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'%s','Attributes':{'RedriveAllowPolicy':%s}}", queue,
                     escaped.ptr);
    lk_buf_clear(&escaped);
}

static void a_dead_letter_queue_chooses_its_sources(void **state)
{
    static const char policy[] = "{\"deadLetterTargetArn\":\"" ARN "dead\",\"maxReceiveCount\":1}";
    test_action *t = *state;
    create(t, "dead", "");
    allow(t, "dead", "{\"redrivePermission\":\"denyAll\"}");
    assert_action_ok(t);
    set_redrive(t, "jobs", policy);
    assert_action_error(t, "InvalidParameterValue");
    allow(t, "dead", "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[\"" ARN "jobs\"]}");
    set_redrive(t, "jobs", policy);
    assert_action_ok(t);
    create(t, "others", "");
    set_redrive(t, "others", policy);
    assert_action_error(t, "InvalidParameterValue");
    allow(t, "dead", "{\"redrivePermission\":\"allowAll\"}");
    set_redrive(t, "others", policy);
    assert_action_ok(t);
}

static void a_queue_that_is_there_is_found_whatever_its_dead_letter_queue_allows_since(void **state)
{
    static const char redrive[] =
        "'RedrivePolicy':'{\\'deadLetterTargetArn\\':\\'" ARN "dead\\',\\'maxReceiveCount\\':1}'";
    test_action *t = *state;
    create(t, "dead", "");
    create(t, "source", redrive);
    assert_action_ok(t);
    allow(t, "dead", "{\"redrivePermission\":\"denyAll\"}");
    create(t, "source", redrive);
    assert_action_ok(t);
    create(t, "another", redrive);
    assert_action_error(t, "InvalidParameterValue");
}

static void bad_redrive_allow_policies_are_invalid_parameters(void **state)
{
    static const char *const bad[] = {
        "nonsense",
        "{}",
        "{\"redrivePermission\":\"sometimes\"}",
        "{\"redrivePermission\":\"byQueue\"}",
        "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[]}",
        "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[1]}",
        "{\"redrivePermission\":\"denyAll\",\"sourceQueueArns\":[\"a\"]}",
        "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[\"1\",\"2\",\"3\",\"4\",\"5\","
        "\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]}",
    };
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        allow(t, "jobs", bad[i]);
        assert_action_error(t, "InvalidParameterValue");
    }
}

/* --- Delete, purge -------------------------------------------------------------------------- */

static void a_deleted_queue_is_gone_with_its_messages(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_call(t, "DeleteQueue", "{'QueueUrl':'jobs'}");
    assert_action_ok(t);
    assert_int_equal(t->touched, 1);
    create(t, "jobs", "");
    test_action_receive(t, "jobs", 1);
    assert_int_equal(test_action_count(t, "Messages"), 0);
}

static void purge_empties_a_queue(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_receive(t, "jobs", 1);
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_action_ok(t);
    get_all(t, "jobs");
    assert_slice(test_action_attribute(t, "ApproximateNumberOfMessages"), "0");
    assert_slice(test_action_attribute(t, "ApproximateNumberOfMessagesNotVisible"), "0");
}

static void a_queue_is_purged_once_a_minute_where_that_is_asked_for(void **state)
{
    test_action *t = *state;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_action_ok(t);
    t->env.purge_wait = true;
    test_action_send(t, "jobs", "a");
    t->now_ms += 59999;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_action_error(t, "AWS.SimpleQueueService.PurgeQueueInProgress");
    assert_int_equal(t->status, 403);
    assert_string_equal(t->type, "com.amazonaws.sqs#PurgeQueueInProgress");
    assert_slice(t->message, "Only one PurgeQueue operation on jobs is allowed every 60 seconds.");
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 1);
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs.fifo'}");
    assert_action_ok(t);
    t->now_ms += 1;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_action_ok(t);
}

static void a_deleted_name_is_free_after_a_minute_where_that_is_asked_for(void **state)
{
    test_action *t = *state;
    t->env.recreate_wait = true;
    create(t, "jobs", ""); /* it is there: no wait */
    assert_action_ok(t);
    test_action_call(t, "DeleteQueue", "{'QueueUrl':'jobs'}");
    t->now_ms += 59999;
    create(t, "jobs", "");
    assert_action_error(t, "AWS.SimpleQueueService.QueueDeletedRecently");
    assert_int_equal(t->status, 400);
    assert_slice(t->message, "You must wait 60 seconds after deleting a queue before you can "
                             "create another with the same name.");
    create(t, "others", "");
    assert_action_ok(t);
    t->now_ms += 1;
    create(t, "jobs", "");
    assert_action_ok(t);
}

/* A database that was used with a clock far ahead, and is now used without. */
static void a_clock_that_goes_back_makes_nobody_wait(void **state)
{
    test_action *t = *state;
    t->env.purge_wait = t->env.recreate_wait = true;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    test_action_call(t, "DeleteQueue", "{'QueueUrl':'jobs.fifo'}");
    t->now_ms -= 86400000;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_action_ok(t);
    create(t, "jobs.fifo", "'FifoQueue':'true'");
    assert_action_ok(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_queue_is_created_and_found_under_its_url),
        TEST(a_queue_goes_by_name_or_by_any_url_that_ends_in_it),
        TEST(names_are_case_sensitive),
        TEST(the_path_names_the_queue_when_the_body_does_not),
        TEST(a_missing_queue_url_is_a_missing_parameter_but_for_send_message),
        TEST(create_without_name_lacks_a_parameter_and_get_url_has_an_invalid_one),
        TEST(bad_names_are_invalid_parameters),
        TEST(every_action_on_a_queue_wants_it_to_exist),
        TEST(creating_again_with_the_same_or_fewer_attributes_is_idempotent),
        TEST(creating_again_with_another_value_names_the_attribute),
        TEST(creating_again_compares_with_what_was_set_since),
        TEST(fifo_attributes_are_unknown_on_standard_queues),
        TEST(fifo_queue_may_be_true_in_capitals),
        TEST(the_type_of_a_queue_cannot_be_changed),
        TEST(a_standard_queue_shows_its_attributes_and_none_of_a_fifo_queue),
        TEST(a_fifo_queue_shows_its_four_attributes_once),
        TEST(only_attributes_asked_for_are_shown),
        TEST(unknown_attributes_cannot_be_read_or_set),
        TEST(attribute_values_have_ranges),
        TEST(set_needs_attributes),
        TEST(what_is_set_is_shown_and_the_time_of_change_moves),
        TEST(the_three_counters_count_apart),
        TEST(a_kms_key_replaces_the_encryption_of_sqs),
        TEST(two_encryptions_at_once_are_refused),
        TEST(throughput_per_group_needs_deduplication_per_group),
        TEST(a_redrive_policy_takes_a_number_or_a_string_and_shows_a_number),
        TEST(bad_redrive_policies_are_invalid_parameters),
        TEST(a_missing_dead_letter_queue_is_refused),
        TEST(a_dead_letter_queue_of_the_other_type_is_refused),
        TEST(a_dead_letter_queue_chooses_its_sources),
        TEST(a_queue_that_is_there_is_found_whatever_its_dead_letter_queue_allows_since),
        TEST(bad_redrive_allow_policies_are_invalid_parameters),
        TEST(a_deleted_queue_is_gone_with_its_messages),
        TEST(purge_empties_a_queue),
        TEST(a_queue_is_purged_once_a_minute_where_that_is_asked_for),
        TEST(a_deleted_name_is_free_after_a_minute_where_that_is_asked_for),
        TEST(a_clock_that_goes_back_makes_nobody_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
