/* SPDX-License-Identifier: MIT
 *
 * Tests of proto_query: what a request may look like, and how answers and errors do, in XML and in
 * JSON of the same structure.
 */
#include "lk_test_action.h"
#include "proto_query.h"
#include "proto_query_parse.h"
#include "proto_query_render.h"
#include "xml.h"

#define XMLNS    " xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\""
#define DECLARED "<?xml version=\"1.0\"?>"
#define METADATA                                                                                   \
    "<ResponseMetadata><RequestId>" TEST_ACTION_REQUEST_ID "</RequestId></ResponseMetadata>"
#define JSON_METADATA "\"ResponseMetadata\":{\"RequestId\":\"" TEST_ACTION_REQUEST_ID "\"}"

static void query(test_action *t, const char *form)
{
    lk_wire wire = {.body = lk_slice_of(form)};
    test_action_exchange(t, &lk_proto_query, &wire);
}

static void query_for_json(test_action *t, const char *form)
{
    lk_wire wire = {.body = lk_slice_of(form)};
    test_action_exchange(t, &lk_proto_query_json, &wire);
}

static void assert_answer(const test_action *t, const char *text)
{
    assert_string_equal(t->text.ptr, text);
}

/* The text of the first element at the path, in memory that stays a few calls. */
static const char *xml(const test_action *t, const char *path)
{
    static char texts[8][4096];
    static unsigned next;
    char *copy = texts[next++ % LK_COUNT(texts)];
    lk_buf text = {0};
    lk_err err;
    int rc = lk_xml_text(lk_buf_slice(&t->text), path, &text, &err);
    if (rc != 1)
        fail_msg("%s: nothing at %s", t->text.ptr, path);
    assert_true(lk_slice_copy(lk_buf_slice(&text), copy, sizeof texts[0]));
    lk_buf_clear(&text);
    return copy;
}

static size_t count(const test_action *t, const char *text)
{
    size_t found = 0;
    for (const char *at = t->text.ptr; (at = strstr(at, text)); at += strlen(text))
        found++;
    return found;
}

/* What the JSON protocol, which reads back what was understood, says of the first message. */
static void receive_in_json(test_action *t)
{
    test_action_receive(t, "jobs", 1);
    assert_int_equal(test_action_count(t, "Messages"), 1);
}

static void purge(test_action *t)
{
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    t->now_ms += 61000;
}

/* --- Requests ------------------------------------------------------------------------------- */

static void forms_that_cannot_be_decoded_are_malformed_input(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=100%");
    assert_action_error(t, "MalformedInput");
    assert_int_equal(t->status, 400);
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=%ff");
    assert_action_error(t, "MalformedInput");
}

static void the_action_may_be_in_the_query_string_and_the_rest_in_the_body(void **state)
{
    test_action *t = *state;
    lk_wire wire = {.query = LK_SLICE_LITERAL("Action=SendMessage&QueueUrl=nothing&Version=x"),
                    .body = LK_SLICE_LITERAL("QueueUrl=jobs&MessageBody=a+b%2Bc")};
    purge(t);
    assert_true(lk_query_has_action(&wire));
    test_action_exchange(t, &lk_proto_query, &wire);
    assert_action_ok(t);
    receive_in_json(t);
    assert_slice(test_action_item(t, "Messages", 0, "Body"), "a b+c");
    wire = (lk_wire){.body = LK_SLICE_LITERAL("Actions=x")};
    assert_false(lk_query_has_action(&wire));
}

static void numbers_must_be_numbers(void **state)
{
    test_action *t = *state;
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&MaxNumberOfMessages=two");
    assert_action_error(t, "MalformedInput");
    assert_string_equal(xml(t, "ErrorResponse/Error/Message"),
                        "The parameter MaxNumberOfMessages must be an integer.");
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&WaitTimeSeconds=");
    assert_action_error(t, "MalformedInput");
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&WaitTimeSeconds=-9223372036854775808");
    assert_action_error(t, "MalformedInput");
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&MaxNumberOfMessages=11");
    assert_action_error(t, "InvalidParameterValue");
    query(t, "Action=DeleteMessageBatch&QueueUrl=jobs&DeleteMessageBatchRequestEntry.1.Id=a&"
             "DeleteMessageBatchRequestEntry.1.ReceiptHandle=x");
    assert_action_ok(t);
    query(t, "Action=SendMessageBatch&QueueUrl=jobs&SendMessageBatchRequestEntry.7.Id=a&"
             "SendMessageBatchRequestEntry.7.DelaySeconds=1.5");
    assert_string_equal(xml(t, "ErrorResponse/Error/Message"),
                        "The parameter SendMessageBatchRequestEntry.7.DelaySeconds must be an "
                        "integer.");
}

static void unknown_parameters_are_ignored(void **state)
{
    test_action *t = *state;
    purge(t);
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&Nonsense.1=2&AttributeName.1.Nonsense=x&"
             "AWSAccessKeyId=AKID&Timestamp=now&SignatureVersion=2");
    assert_action_ok(t);
}

static void twelve_elements_are_taken_by_number(void **state)
{
    test_action *t = *state;
    lk_buf form = {0};
    lk_buf_add_str(&form, "Action=GetQueueAttributes&QueueUrl=jobs");
    for (int i = 12; i > 0; i--) /* 12 after 2, whatever order they come in */
        lk_buf_addf(&form, "&AttributeName.%d=%s", i,
                    i == 12  ? "Twelfth"
                    : i == 2 ? "Second"
                             : "QueueArn");
    query(t, form.ptr);
    assert_action_error(t, "InvalidAttributeName");
    assert_string_equal(xml(t, "*/Error/Message"), "Unknown Attribute Second.");
    lk_buf_clear(&form);

    lk_buf_add_str(&form, "Action=SendMessageBatch&QueueUrl=jobs.fifo");
    for (int i = 10; i > 0; i--)
        lk_buf_addf(&form,
                    "&SendMessageBatchRequestEntry.%d.Id=e%d"
                    "&SendMessageBatchRequestEntry.%d.MessageBody=m%d"
                    "&SendMessageBatchRequestEntry.%d.MessageGroupId=g"
                    "&SendMessageBatchRequestEntry.%d.MessageDeduplicationId=d%d",
                    i, i, i, i, i, i, i);
    query(t, form.ptr);
    assert_action_ok(t);
    assert_int_equal(count(t, "<SendMessageBatchResultEntry>"), 10);
    test_action_receive(t, "jobs.fifo", 10);
    assert_slice(test_action_item(t, "Messages", 0, "Body"), "m1");
    assert_slice(test_action_item(t, "Messages", 1, "Body"), "m2");
    assert_slice(test_action_item(t, "Messages", 9, "Body"), "m10");
    lk_buf_clear(&form);
}

static void a_list_without_a_number_is_one_element(void **state)
{
    test_action *t = *state;
    query(t, "Action=GetQueueAttributes&QueueUrl=jobs&AttributeName=QueueArn");
    assert_string_equal(xml(t, "*/GetQueueAttributesResult/Attribute/Value"),
                        "arn:aws:sqs:us-east-1:000000000000:jobs");
    query(t, "Action=SetQueueAttributes&QueueUrl=jobs&Attribute.Name=VisibilityTimeout&"
             "Attribute.Value=77");
    assert_action_ok(t);
    query(t, "Action=GetQueueAttributes&QueueUrl=jobs&AttributeName.1=VisibilityTimeout");
    assert_string_equal(xml(t, "*/GetQueueAttributesResult/Attribute/Value"), "77");
}

/* SDKs write a list without elements so. */
static void a_list_without_number_and_value_is_empty(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessageBatch&QueueUrl=jobs&SendMessageBatchRequestEntry=");
    assert_action_error(t, "AWS.SimpleQueueService.EmptyBatchRequest");
    query(t, "Action=GetQueueAttributes&QueueUrl=jobs&AttributeName=");
    assert_answer(t,
                  DECLARED "<GetQueueAttributesResponse" XMLNS
                           "><GetQueueAttributesResult/>" METADATA "</GetQueueAttributesResponse>");
}

static void half_a_pair_is_a_missing_parameter(void **state)
{
    test_action *t = *state;
    query(t, "Action=SetQueueAttributes&QueueUrl=jobs&Attribute.3.Name=DelaySeconds");
    assert_action_error(t, "MissingParameter");
    assert_string_equal(xml(t, "*/Error/Message"),
                        "The request must contain the parameter Attribute.3.Value.");
    query(t, "Action=SetQueueAttributes&QueueUrl=jobs&Attribute.1.Value=1");
    assert_string_equal(xml(t, "*/Error/Message"),
                        "The request must contain the parameter Attribute.1.Name.");
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&"
             "MessageAttribute.1.Value.DataType=String");
    assert_action_error(t, "MissingParameter");
}

static void of_pairs_with_one_name_the_last_counts(void **state)
{
    test_action *t = *state;
    query(t, "Action=SetQueueAttributes&QueueUrl=jobs&Attribute.2.Name=VisibilityTimeout&"
             "Attribute.2.Value=22&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=11");
    assert_action_ok(t);
    query(t, "Action=GetQueueAttributes&QueueUrl=jobs&AttributeName.1=VisibilityTimeout");
    assert_string_equal(xml(t, "*/*/Attribute/Value"), "22");
    purge(t);
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&MessageAttribute.1.Name=a&"
             "MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=one&"
             "MessageAttribute.2.Name=a&MessageAttribute.2.Value.DataType=String&"
             "MessageAttribute.2.Value.StringValue=two");
    assert_action_ok(t);
    receive_in_json(t);
    const lk_json *attributes =
        lk_json_get(lk_json_at(lk_json_get(t->json, "Messages"), 0), "MessageAttributes");
    assert_int_equal(lk_json_length(attributes), 1);
    assert_slice(lk_json_string(lk_json_get(lk_json_get(attributes, "a"), "StringValue")), "two");
}

static void list_values_of_an_attribute_are_not_supported(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&MessageAttribute.1.Name=a&"
             "MessageAttribute.1.Value.DataType=String&"
             "MessageAttribute.1.Value.StringListValue.1=x");
    assert_action_error(t, "AWS.SimpleQueueService.UnsupportedOperation");
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&MessageAttribute.1.Name=a&"
             "MessageAttribute.1.Value.DataType=Binary&"
             "MessageAttribute.1.Value.BinaryListValue.1=eA%3D%3D");
    assert_action_error(t, "AWS.SimpleQueueService.UnsupportedOperation");
}

static void a_binary_value_must_be_base64(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&MessageAttribute.1.Name=a&"
             "MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=***");
    assert_action_error(t, "MalformedInput");
}

/* --- Keys of maps --------------------------------------------------------------------------- */

static const lk_member tag_members[] = {
    {.name = "Tags",
     .query_name = "Tag",
     .query_key = "Key",
     .kind = LK_MEMBER_PAIRS,
     .offset = offsetof(lk_request, attributes)},
    {.name = "TagKeys",
     .query_name = "TagKey",
     .kind = LK_MEMBER_NAMES,
     .offset = offsetof(lk_request, attribute_names)},
    {.name = NULL},
};

/* What TagQueue, UntagQueue and ListQueueTags have in their rows. */
static void tags_have_keys_where_attributes_have_names(void **state)
{
    lk_err err;
    lk_form form;
    lk_request request;
    lk_query_writer w;
    lk_buf out = {0};
    const char *why;
    const lk_action_env env = {.region = "us-east-1", .account = "000000000000"};
    (void)state;
    lk_request_init(&request, &env);
    assert_int_equal(lk_form_read(&request.arena,
                                  LK_SLICE_LITERAL("Tag.1.Key=a&Tag.1.Value=1&Tag.2.Value=&"
                                                   "Tag.2.Key=b&TagKey.2=y&TagKey.1=x"),
                                  (lk_slice){0}, &form, &why, &err),
                     0);
    assert_int_equal(lk_query_read_members(&request, &form, tag_members, &request, &err), 0);
    assert_int_equal(request.attributes.count, 2);
    assert_slice(request.attributes.items[1].name, "b");
    assert_slice(request.attributes.items[1].value, "");
    assert_slice(request.attribute_names.items[0], "x");
    lk_query_begin_document(&w, &out, false);
    lk_query_write_members(&w, tag_members, &request);
    assert_string_equal(out.ptr, DECLARED "<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key>"
                                          "<Value></Value></Tag><TagKey>x</TagKey><TagKey>y"
                                          "</TagKey>");
    lk_buf_clear(&out);
    lk_request_clear(&request);
}

/* --- The queue of a request ----------------------------------------------------------------- */

static void the_path_is_the_queue_and_queue_url_goes_before_it(void **state)
{
    test_action *t = *state;
    t->path = "/000000000000/jobs";
    query(t, "Action=GetQueueAttributes&AttributeName.1=QueueArn");
    assert_string_equal(xml(t, "*/*/Attribute/Value"), "arn:aws:sqs:us-east-1:000000000000:jobs");
    query(t,
          "Action=GetQueueAttributes&AttributeName.1=QueueArn&QueueUrl=http%3A%2F%2Felsewhere%3A1"
          "%2F000000000000%2Fjobs.fifo%2F");
    assert_string_equal(xml(t, "*/*/Attribute/Value"),
                        "arn:aws:sqs:us-east-1:000000000000:jobs.fifo");
    t->path = "/queue/jobs";
    query(t, "Action=GetQueueAttributes&AttributeName.1=QueueArn");
    assert_action_ok(t);
    t->path = "/";
    query(t, "Action=GetQueueAttributes&AttributeName.1=QueueArn");
    assert_action_error(t, "MissingParameter");
}

static void actions_of_the_account_are_not_for_the_path_of_a_queue(void **state)
{
    test_action *t = *state;
    t->path = "/000000000000/jobs";
    query(t, "Action=ListQueues");
    assert_action_error(t, "InvalidAction");
    assert_int_equal(t->status, 400);
    assert_string_equal(xml(t, "ErrorResponse/Error/Message"),
                        "The action ListQueues is not valid for this endpoint.");
    query(t, "Action=CreateQueue&QueueName=other");
    assert_action_error(t, "InvalidAction");
    query(t, "Action=GetQueueUrl&QueueName=jobs.fifo");
    assert_string_equal(xml(t, "*/GetQueueUrlResult/QueueUrl"),
                        TEST_ACTION_BASE "/000000000000/jobs.fifo");
    test_action_call(t, "ListQueues", "{}"); /* in JSON every path will do */
    assert_action_ok(t);
    t->path = "/";
    query(t, "Action=ListQueues");
    assert_action_ok(t);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void an_answer_has_its_result_and_the_request_id(void **state)
{
    test_action *t = *state;
    query(t, "Action=CreateQueue&QueueName=jobs&Version=2012-11-05");
    assert_answer(t, DECLARED "<CreateQueueResponse" XMLNS "><CreateQueueResult>"
                              "<QueueUrl>" TEST_ACTION_BASE "/000000000000/jobs</QueueUrl>"
                              "</CreateQueueResult>" METADATA "</CreateQueueResponse>");
}

static void void_actions_have_no_result(void **state)
{
    static const char *const actions[] = {"PurgeQueue&QueueUrl=jobs",
                                          "SetQueueAttributes&QueueUrl=jobs&"
                                          "Attribute.1.Name=DelaySeconds&Attribute.1.Value=0"};
    test_action *t = *state;
    char form[160], expected[320];
    t->now_ms += 61000;
    for (size_t i = 0; i < LK_COUNT(actions); i++) {
        int len = (int)strcspn(actions[i], "&");
        snprintf(form, sizeof form, "Action=%s", actions[i]);
        snprintf(expected, sizeof expected,
                 DECLARED "<%.*sResponse" XMLNS ">" METADATA "</%.*sResponse>", len, actions[i],
                 len, actions[i]);
        query(t, form);
        assert_action_ok(t);
        assert_answer(t, expected);
    }
}

static void an_empty_receive_has_an_empty_result(void **state)
{
    test_action *t = *state;
    purge(t);
    query(t, "Action=ReceiveMessage&QueueUrl=jobs");
    assert_answer(t, DECLARED "<ReceiveMessageResponse" XMLNS "><ReceiveMessageResult/>" METADATA
                              "</ReceiveMessageResponse>");
}

static void lists_are_repeated_elements(void **state)
{
    test_action *t = *state;
    query(t, "Action=ListQueues");
    assert_answer(t, DECLARED "<ListQueuesResponse" XMLNS "><ListQueuesResult>"
                              "<QueueUrl>" TEST_ACTION_BASE "/000000000000/jobs</QueueUrl>"
                              "<QueueUrl>" TEST_ACTION_BASE "/000000000000/jobs.fifo</QueueUrl>"
                              "</ListQueuesResult>" METADATA "</ListQueuesResponse>");
    query(t, "Action=ListQueues&MaxResults=1");
    assert_int_equal(count(t, "<QueueUrl>"), 1);
    assert_true(strlen(xml(t, "*/ListQueuesResult/NextToken")) > 0);
}

static void a_sent_message_has_the_digests_that_apply(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=hello+world");
    assert_string_equal(xml(t, "*/SendMessageResult/MD5OfMessageBody"),
                        "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_int_equal(strlen(xml(t, "*/SendMessageResult/MessageId")), 36);
    assert_int_equal(count(t, "MD5OfMessageAttributes"), 0);
    assert_int_equal(count(t, "MD5OfMessageSystemAttributes"), 0);
    assert_int_equal(count(t, "SequenceNumber"), 0);
    query(t, "Action=SendMessage&QueueUrl=jobs.fifo&MessageBody=x&MessageGroupId=h&"
             "MessageDeduplicationId=y&MessageSystemAttribute.1.Name=AWSTraceHeader&"
             "MessageSystemAttribute.1.Value.DataType=String&"
             "MessageSystemAttribute.1.Value.StringValue=Root%3D1-5759e988-"
             "bd862e3fe1be46a994272793%3BParent%3D53995c3f42cd8ad8%3BSampled%3D1");
    assert_string_equal(xml(t, "*/SendMessageResult/MD5OfMessageSystemAttributes"),
                        "5ae4d5d7636402d80f4eb6d213245a88");
    assert_true(strlen(xml(t, "*/SendMessageResult/SequenceNumber")) > 0);
}

static void a_message_has_its_parts_in_order(void **state)
{
    test_action *t = *state;
    char expected[1536];
    purge(t);
    query(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=x&"
             "MessageAttribute.3.Name=trace_id&MessageAttribute.3.Value.DataType=String.uuid&"
             "MessageAttribute.3.Value.StringValue=abc&"
             "MessageAttribute.1.Name=Count&MessageAttribute.1.Value.DataType=Number&"
             "MessageAttribute.1.Value.StringValue=42&"
             "MessageAttribute.12.Name=bin&MessageAttribute.12.Value.DataType=Binary.png&"
             "MessageAttribute.12.Value.BinaryValue=AAH%2F");
    assert_string_equal(xml(t, "*/*/MD5OfMessageAttributes"), "f5b4992ceba1238c508c82f02c1aa8dc");
    query(t, "Action=ReceiveMessage&QueueUrl=jobs&AttributeName.1=ApproximateReceiveCount&"
             "MessageSystemAttributeName.1=SenderId&MessageAttributeName.1=Count&"
             "MessageAttributeName.2=bin");
    snprintf(
        expected, sizeof expected,
        DECLARED
        "<ReceiveMessageResponse" XMLNS "><ReceiveMessageResult><Message><MessageId>%s"
        "</MessageId><ReceiptHandle>%s</ReceiptHandle><MD5OfBody>"
        "9dd4e461268c8034f5c8564e155c67a6</MD5OfBody><Body>x</Body><Attribute><Name>SenderId"
        "</Name><Value>AKIDEXAMPLE</Value></Attribute><Attribute><Name>ApproximateReceiveCount"
        "</Name><Value>1</Value></Attribute><MD5OfMessageAttributes>%s"
        "</MD5OfMessageAttributes><MessageAttribute><Name>Count</Name><Value><StringValue>42"
        "</StringValue><DataType>Number</DataType></Value></MessageAttribute>"
        "<MessageAttribute><Name>bin</Name><Value><BinaryValue>AAH/</BinaryValue><DataType>"
        "Binary.png</DataType></Value></MessageAttribute></Message></ReceiveMessageResult>" METADATA
        "</ReceiveMessageResponse>",
        xml(t, "*/*/Message/MessageId"), xml(t, "*/*/Message/ReceiptHandle"),
        xml(t, "*/*/Message/MD5OfMessageAttributes"));
    assert_answer(t, expected);
}

static void assert_body_comes_back(test_action *t, const char *form, const char *body,
                                   const char *escaped)
{
    lk_buf request = {0};
    char element[256], sent_md5[33];
    purge(t);
    lk_buf_addf(&request, "Action=SendMessage&QueueUrl=jobs&MessageBody=%s", form);
    query(t, request.ptr);
    snprintf(sent_md5, sizeof sent_md5, "%s", xml(t, "*/*/MD5OfMessageBody"));
    query(t, "Action=ReceiveMessage&QueueUrl=jobs");
    assert_string_equal(xml(t, "*/*/Message/Body"), body);
    assert_string_equal(xml(t, "*/*/Message/MD5OfBody"), sent_md5);
    snprintf(element, sizeof element, "<Body>%s</Body>", escaped);
    assert_int_equal(count(t, element), 1);
    lk_buf_clear(&request);
}

static void bodies_come_back_byte_for_byte(void **state)
{
    test_action *t = *state;
    assert_body_comes_back(t, "a%0D%0Ab%0Dc%0Ad%09", "a\r\nb\rc\nd\t", "a&#xD;\nb&#xD;c\nd\t");
    assert_body_comes_back(t, "%3Ca+b%3D%22c%22%3E%26amp%3B%27%5D%5D%3E", "<a b=\"c\">&amp;']]>",
                           "&lt;a b=&quot;c&quot;&gt;&amp;amp;']]&gt;");
    assert_body_comes_back(t, "h%C3%A9llo+%E2%9C%93+%F0%9D%84%9E", "héllo ✓ 𝄞", "héllo ✓ 𝄞");
    assert_body_comes_back(t, "%EF%BF%BD%EF%BE%BF", "\xef\xbf\xbd\xef\xbe\xbf",
                           "\xef\xbf\xbd\xef\xbe\xbf");
    assert_body_comes_back(t, "+", " ", " ");
}

/* XML has no way to write them. */
static void what_xml_cannot_hold_is_replaced(void **state)
{
    static const struct {
        const char *form;
        const char *shown;
    } handles[] = {
        {"a%01b%1Fc", "a\xef\xbf\xbd"
                      "b\xef\xbf\xbd"
                      "c"},
        {"%EF%BF%BE%EF%BF%BFx", "\xef\xbf\xbd\xef\xbf\xbdx"},
    };
    test_action *t = *state;
    char form[160], shown[64];
    for (size_t i = 0; i < LK_COUNT(handles); i++) {
        snprintf(form, sizeof form, "Action=DeleteMessage&QueueUrl=jobs&ReceiptHandle=%s",
                 handles[i].form);
        snprintf(shown, sizeof shown, "handle \"%s\" is not", handles[i].shown);
        query(t, form);
        assert_action_error(t, "ReceiptHandleIsInvalid");
        assert_int_equal(t->status, 404);
        assert_non_null(strstr(xml(t, "ErrorResponse/Error/Message"), shown));
    }
}

static void a_batch_answers_entry_by_entry(void **state)
{
    test_action *t = *state;
    query(t, "Action=SendMessageBatch&QueueUrl=jobs&SendMessageBatchRequestEntry.1.Id=a&"
             "SendMessageBatchRequestEntry.1.MessageBody=hello+world&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=Hello&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=There&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.2.Name=General&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.DataType=String&"
             "SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.StringValue=Kenobi&"
             "SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=x&"
             "SendMessageBatchRequestEntry.2.DelaySeconds=901");
    assert_action_ok(t);
    assert_string_equal(xml(t, "*/*/SendMessageBatchResultEntry/Id"), "a");
    assert_string_equal(xml(t, "*/*/SendMessageBatchResultEntry/MD5OfMessageBody"),
                        "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_string_equal(xml(t, "*/*/SendMessageBatchResultEntry/MD5OfMessageAttributes"),
                        "fca026605781cb4126a1e9044df24232");
    assert_string_equal(xml(t, "*/*/BatchResultErrorEntry/Id"), "b");
    assert_string_equal(xml(t, "*/*/BatchResultErrorEntry/SenderFault"), "true");
    assert_string_equal(xml(t, "*/*/BatchResultErrorEntry/Code"), "InvalidParameterValue");
    assert_true(strlen(xml(t, "*/*/BatchResultErrorEntry/Message")) > 0);
}

static void a_batch_of_one_without_a_number_is_a_batch(void **state)
{
    test_action *t = *state;
    query(t, "Action=DeleteMessageBatch&QueueUrl=jobs&DeleteMessageBatchRequestEntry.Id=a&"
             "DeleteMessageBatchRequestEntry.ReceiptHandle=nonsense");
    assert_answer(t,
                  DECLARED "<DeleteMessageBatchResponse" XMLNS "><DeleteMessageBatchResult>"
                           "<BatchResultErrorEntry><Id>a</Id><SenderFault>true</SenderFault>"
                           "<Code>ReceiptHandleIsInvalid</Code><Message>The input receipt handle "
                           "&quot;nonsense&quot; is not a valid receipt handle.</Message>"
                           "</BatchResultErrorEntry></DeleteMessageBatchResult>" METADATA
                           "</DeleteMessageBatchResponse>");
}

static void visibility_changes_in_a_batch(void **state)
{
    test_action *t = *state;
    lk_buf form = {0};
    purge(t);
    test_action_send(t, "jobs", "x");
    receive_in_json(t);
    lk_buf_add_str(&form, "Action=ChangeMessageVisibilityBatch&QueueUrl=jobs&"
                          "ChangeMessageVisibilityBatchRequestEntry.1.Id=a&"
                          "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=0&"
                          "ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=");
    lk_uri_encode(&form, test_action_item(t, "Messages", 0, "ReceiptHandle"), false);
    query(t, form.ptr);
    assert_string_equal(xml(t, "*/*/ChangeMessageVisibilityBatchResultEntry/Id"), "a");
    receive_in_json(t);
    assert_slice(test_action_system(t, "ApproximateReceiveCount"), "2");
    lk_buf_clear(&form);
}

/* --- Errors --------------------------------------------------------------------------------- */

static void an_error_has_its_request_id_at_the_root(void **state)
{
    test_action *t = *state;
    query(t, "Action=FooBar");
    assert_action_error(t, "InvalidAction");
    assert_int_equal(t->status, 400);
    assert_answer(t,
                  DECLARED "<ErrorResponse" XMLNS "><Error><Type>Sender</Type><Code>InvalidAction"
                           "</Code><Message>The action FooBar is not valid for this endpoint."
                           "</Message><Detail/></Error><RequestId>" TEST_ACTION_REQUEST_ID
                           "</RequestId></ErrorResponse>");
}

static void an_unknown_queue_is_worded_differently_than_in_json(void **state)
{
    test_action *t = *state;
    query(t, "Action=ReceiveMessage&QueueUrl=nothing");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
    assert_string_equal(xml(t, "ErrorResponse/Error/Code"),
                        "AWS.SimpleQueueService.NonExistentQueue");
    assert_string_equal(xml(t, "ErrorResponse/Error/Message"),
                        "The specified queue does not exist for this wsdl version.");
}

static void an_empty_action_is_an_invalid_one(void **state)
{
    test_action *t = *state;
    query(t, "Action=&QueueUrl=jobs");
    assert_action_error(t, "InvalidAction");
}

/* An unknown action's name, cut in the middle of a character. */
static void a_cut_character_is_replaced(void **state)
{
    test_action *t = *state;
    lk_buf form = {0};
    lk_buf_add_str(&form, "Action=");
    for (int i = 0; i < 255; i++)
        lk_buf_add_char(&form, 'x');
    lk_buf_add_str(&form, "%E2%9C%93");
    query(t, form.ptr);
    assert_action_error(t, "InvalidAction");
    assert_non_null(strstr(t->text.ptr, "x\xef\xbf\xbd is not valid"));
    lk_buf_clear(&form);
}

/* --- Answers in JSON ------------------------------------------------------------------------ */

static void json_has_the_structure_of_the_xml(void **state)
{
    test_action *t = *state;
    query_for_json(t, "Action=ListQueues");
    assert_answer(t, "{\"ListQueuesResponse\":{\"ListQueuesResult\":{\"queueUrls\":["
                     "\"" TEST_ACTION_BASE "/000000000000/jobs\","
                     "\"" TEST_ACTION_BASE
                     "/000000000000/jobs.fifo\"],\"NextToken\":null}," JSON_METADATA "}}");
    query_for_json(t, "Action=GetQueueAttributes&QueueUrl=jobs&AttributeName=QueueArn");
    assert_answer(t,
                  "{\"GetQueueAttributesResponse\":{\"GetQueueAttributesResult\":{\"Attributes\":["
                  "{\"Name\":\"QueueArn\",\"Value\":\"arn:aws:sqs:us-east-1:000000000000:jobs\"}]"
                  "}," JSON_METADATA "}}");
    t->now_ms += 61000;
    query_for_json(t, "Action=PurgeQueue&QueueUrl=jobs");
    assert_answer(t, "{\"PurgeQueueResponse\":{" JSON_METADATA "}}");
}

static void in_json_what_is_absent_is_null(void **state)
{
    test_action *t = *state;
    purge(t);
    query_for_json(t, "Action=ReceiveMessage&QueueUrl=jobs");
    assert_answer(
        t,
        "{\"ReceiveMessageResponse\":{\"ReceiveMessageResult\":{\"messages\":null}," JSON_METADATA
        "}}");
    query_for_json(t, "Action=SendMessage&QueueUrl=jobs&MessageBody=%22%0D%0A");
    const lk_json *sent =
        lk_json_get(lk_json_get(t->json, "SendMessageResponse"), "SendMessageResult");
    assert_int_equal(lk_json_length(sent), 5);
    assert_int_equal(lk_json_typeof(lk_json_get(sent, "SequenceNumber")), LK_JSON_NULL);
    query_for_json(t, "Action=ReceiveMessage&QueueUrl=jobs");
    const lk_json *received =
        lk_json_get(lk_json_get(t->json, "ReceiveMessageResponse"), "ReceiveMessageResult");
    const lk_json *message = lk_json_at(lk_json_get(received, "messages"), 0);
    assert_slice(lk_json_string(lk_json_get(message, "Body")), "\"\r\n");
    assert_int_equal(lk_json_typeof(lk_json_get(message, "Attributes")), LK_JSON_NULL);
    assert_int_equal(lk_json_typeof(lk_json_get(message, "MessageAttributes")), LK_JSON_NULL);
}

static void errors_in_json_have_the_request_id_at_the_root(void **state)
{
    test_action *t = *state;
    query_for_json(t, "Action=ReceiveMessage&QueueUrl=nothing");
    assert_answer(t,
                  "{\"Error\":{\"Type\":\"Sender\",\"Code\":"
                  "\"AWS.SimpleQueueService.NonExistentQueue\",\"Message\":\"The specified queue "
                  "does not exist for this wsdl version.\"},\"RequestId\":"
                  "\"" TEST_ACTION_REQUEST_ID "\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_that_cannot_be_decoded_are_malformed_input),
        cmocka_unit_test(the_action_may_be_in_the_query_string_and_the_rest_in_the_body),
        cmocka_unit_test(numbers_must_be_numbers),
        cmocka_unit_test(unknown_parameters_are_ignored),
        cmocka_unit_test(twelve_elements_are_taken_by_number),
        cmocka_unit_test(a_list_without_a_number_is_one_element),
        cmocka_unit_test(a_list_without_number_and_value_is_empty),
        cmocka_unit_test(half_a_pair_is_a_missing_parameter),
        cmocka_unit_test(of_pairs_with_one_name_the_last_counts),
        cmocka_unit_test(list_values_of_an_attribute_are_not_supported),
        cmocka_unit_test(a_binary_value_must_be_base64),
        cmocka_unit_test(tags_have_keys_where_attributes_have_names),
        cmocka_unit_test(the_path_is_the_queue_and_queue_url_goes_before_it),
        cmocka_unit_test(actions_of_the_account_are_not_for_the_path_of_a_queue),
        cmocka_unit_test(an_answer_has_its_result_and_the_request_id),
        cmocka_unit_test(void_actions_have_no_result),
        cmocka_unit_test(an_empty_receive_has_an_empty_result),
        cmocka_unit_test(lists_are_repeated_elements),
        cmocka_unit_test(a_sent_message_has_the_digests_that_apply),
        cmocka_unit_test(a_message_has_its_parts_in_order),
        cmocka_unit_test(bodies_come_back_byte_for_byte),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
        cmocka_unit_test(a_batch_answers_entry_by_entry),
        cmocka_unit_test(a_batch_of_one_without_a_number_is_a_batch),
        cmocka_unit_test(visibility_changes_in_a_batch),
        cmocka_unit_test(an_error_has_its_request_id_at_the_root),
        cmocka_unit_test(an_unknown_queue_is_worded_differently_than_in_json),
        cmocka_unit_test(an_empty_action_is_an_invalid_one),
        cmocka_unit_test(a_cut_character_is_replaced),
        cmocka_unit_test(json_has_the_structure_of_the_xml),
        cmocka_unit_test(in_json_what_is_absent_is_null),
        cmocka_unit_test(errors_in_json_have_the_request_id_at_the_root),
    };
    return cmocka_run_group_tests(tests, test_action_setup, test_action_teardown);
}
