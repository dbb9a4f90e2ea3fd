/* SPDX-License-Identifier: MIT
 *
 * Tests of the queues that `lambdakiq serve` makes at start: by --queue, and from a file.
 */
#include "lk_test_process.h"
#include "lk_test_store.h"
#include "lk_test_wire.h"

#include <signal.h>
#include <unistd.h>

typedef struct fixture {
    char dir[64];
    char db[96];
    char file[96];
    lk_test_program program;
    lk_test_wire wire;
    lk_test_reply reply;
    bool running;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    test_store_directory(f->dir);
    snprintf(f->db, sizeof f->db, "%s/db", f->dir);
    snprintf(f->file, sizeof f->file, "%s/queues.json", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char command[128];
    if (f->running)
        lk_test_wire_close(&f->wire);
    lk_test_program_clear(&f->program);
    lk_test_reply_clear(&f->reply);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* --- The command ---------------------------------------------------------------------------- */

static void write_file(fixture *f, const char *text)
{
    FILE *file = fopen(f->file, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void add_options(fixture *f, const char **argv, const char *const *options)
{
    size_t count = 0;
    const char *const fixed[] = {LK_TEST_COMMAND, "serve", "--port", "0", "--db", f->db};
    for (size_t i = 0; i < LK_COUNT(fixed); i++)
        argv[count++] = fixed[i];
    while (*options)
        argv[count++] = *options++;
    argv[count] = NULL;
}

static void start(fixture *f, const char *const *options)
{
    const char *argv[24];
    add_options(f, argv, options);
    lk_test_program_start(&f->program, argv);
    lk_test_wire_open(&f->wire, atoi(lk_test_program_wait(&f->program, "http://127.0.0.1:")));
    f->running = true;
}

static void stop(fixture *f)
{
    lk_test_wire_close(&f->wire);
    f->running = false;
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    lk_test_program_clear(&f->program);
}

static void assert_ends(fixture *f, const char *text, const char *const *options)
{
    const char *argv[24];
    add_options(f, argv, options);
    assert_int_equal(lk_test_program_run(&f->program, argv), 1);
    if (!strstr(f->program.output.ptr, text))
        fail_msg("\"%s\" lacks \"%s\"", f->program.output.ptr, text);
    lk_test_program_clear(&f->program);
}

#define START(f, ...) start(f, (const char *const[]){__VA_ARGS__, NULL})

/* A file with this text is refused with a message that names it and has `text`. */
static void assert_file_refused(fixture *f, const char *content, const char *text)
{
    char whole[512];
    write_file(f, content);
    snprintf(whole, sizeof whole, "%s: %s", f->file, text);
    assert_ends(f, whole, (const char *const[]){"--queues", f->file, NULL});
}

/* --- Queues --------------------------------------------------------------------------------- */

static void assert_attribute(fixture *f, const char *queue, const char *name, const char *value)
{
    char params[160];
    snprintf(params, sizeof params, "{\"QueueUrl\":\"%s\",\"AttributeNames\":[\"All\"]}", queue);
    lk_test_wire_call(&f->wire, "GetQueueAttributes", params, &f->reply);
    if (f->reply.status != 200)
        fail_msg("%s: %s", queue, f->reply.body.ptr);
    assert_slice(lk_json_string(lk_json_get(lk_json_get(f->reply.json, "Attributes"), name)),
                 value);
}

static size_t queue_count(fixture *f)
{
    lk_test_wire_call(&f->wire, "ListQueues", "{}", &f->reply);
    return lk_json_length(lk_json_get(f->reply.json, "QueueUrls"));
}

#define REDRIVE(dead, count)                                                                       \
    "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:" dead                          \
    "\",\"maxReceiveCount\":" count "}"

/* --- By --queue ----------------------------------------------------------------------------- */

static void each_queue_gets_its_dead_letter_queue_and_the_documented_settings(void **state)
{
    fixture *f = *state;
    START(f, "--queue", "jobs", "-q", "stock.fifo");
    assert_int_equal(queue_count(f), 4);
    assert_attribute(f, "jobs", "VisibilityTimeout", "301");
    assert_attribute(f, "jobs", "ReceiveMessageWaitTimeSeconds", "10");
    assert_attribute(f, "jobs", "RedrivePolicy", REDRIVE("jobs-dlq", "13"));
    assert_attribute(f, "jobs-dlq", "MessageRetentionPeriod", "1209600");
    assert_attribute(f, "stock.fifo", "FifoQueue", "true");
    assert_attribute(f, "stock.fifo", "RedrivePolicy", REDRIVE("stock-dlq.fifo", "14"));
    assert_attribute(f, "stock-dlq.fifo", "FifoQueue", "true");
}

static void a_second_start_finds_its_queues_and_their_messages(void **state)
{
    fixture *f = *state;
    START(f, "--queue", "jobs");
    lk_test_wire_call(&f->wire, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}",
                      &f->reply);
    stop(f);
    START(f, "--queue", "jobs");
    assert_null(strstr(f->program.output.ptr, "stays as it is"));
    assert_int_equal(queue_count(f), 2);
    assert_attribute(f, "jobs", "ApproximateNumberOfMessages", "1");
}

static void a_queue_that_is_there_stays_as_it_is_and_that_is_said(void **state)
{
    fixture *f = *state;
    START(f, "--region", "us-east-1");
    lk_test_wire_call(&f->wire, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"VisibilityTimeout\":\"7\"}}",
                      &f->reply);
    stop(f);
    START(f, "--queue", "jobs");
    assert_non_null(strstr(f->program.output.ptr, "queue \"jobs\" stays as it is"));
    assert_attribute(f, "jobs", "VisibilityTimeout", "7");
}

static void a_name_that_cannot_be_one_is_refused(void **state)
{
    fixture *f = *state;
    assert_ends(f, "queue \"a b\"", (const char *const[]){"--queue", "a b", NULL});
    assert_ends(f, "queue \".fifo\"", (const char *const[]){"--queue", ".fifo", NULL});
}

/* --- From a file ---------------------------------------------------------------------------- */

static void queues_have_the_attributes_of_the_file(void **state)
{
    fixture *f = *state;
    write_file(f, "{\"queues\": ["
                  " {\"name\": \"jobs\", \"deadLetter\": true, \"attributes\":"
                  "  {\"VisibilityTimeout\": 60, \"DelaySeconds\": \"5\"}},"
                  " {\"name\": \"orders\", \"deadLetter\": {\"name\": \"lost\","
                  "  \"maxReceiveCount\": 3}},"
                  " {\"name\": \"lost\", \"attributes\": {\"MessageRetentionPeriod\": 60}},"
                  " {\"name\": \"mail\", \"deadLetter\": \"lost\"},"
                  " {\"name\": \"raw\", \"attributes\": {\"RedrivePolicy\":"
                  "  {\"deadLetterTargetArn\": \"arn:aws:sqs:us-east-1:000000000000:lost\","
                  "   \"maxReceiveCount\": 4}}},"
                  " {\"name\": \"stock.fifo\", \"attributes\": {\"ContentBasedDeduplication\": "
                  "true}, \"deadLetter\": true}]}");
    START(f, "--queues", f->file);
    assert_int_equal(queue_count(f), 8);
    assert_attribute(f, "jobs", "VisibilityTimeout", "60");
    assert_attribute(f, "jobs", "DelaySeconds", "5");
    assert_attribute(f, "jobs", "RedrivePolicy", REDRIVE("jobs-dlq", "13"));
    assert_attribute(f, "jobs-dlq", "MessageRetentionPeriod", "1209600");
    assert_attribute(f, "orders", "RedrivePolicy", REDRIVE("lost", "3"));
    assert_attribute(f, "lost", "MessageRetentionPeriod", "60");
    assert_attribute(f, "mail", "RedrivePolicy", REDRIVE("lost", "13"));
    assert_attribute(f, "raw", "RedrivePolicy", REDRIVE("lost", "4"));
    assert_attribute(f, "stock.fifo", "ContentBasedDeduplication", "true");
    assert_attribute(f, "stock.fifo", "RedrivePolicy", REDRIVE("stock-dlq.fifo", "14"));
    stop(f);
    START(f, "--queues", f->file); /* all is there */
    assert_int_equal(queue_count(f), 8);
}

static void assert_tag(fixture *f, const char *queue, const char *key, const char *value)
{
    char params[160];
    snprintf(params, sizeof params, "{\"QueueUrl\":\"%s\"}", queue);
    lk_test_wire_call(&f->wire, "ListQueueTags", params, &f->reply);
    assert_slice(lk_json_string(lk_json_get(lk_json_get(f->reply.json, "Tags"), key)), value);
}

static void queues_have_the_tags_of_the_file_also_when_they_change(void **state)
{
    fixture *f = *state;
    write_file(
        f, "{\"queues\":[{\"name\":\"jobs\",\"deadLetter\":true,\"tags\":{\"team\":\"shop\"}}]}");
    START(f, "--queues", f->file);
    assert_tag(f, "jobs", "team", "shop");
    stop(f);
    write_file(
        f, "{\"queues\":[{\"name\":\"jobs\",\"deadLetter\":true,\"tags\":{\"team\":\"mail\"}}]}");
    START(f, "--queues", f->file);
    assert_tag(f, "jobs", "team", "mail");
}

static void a_queue_that_is_there_with_another_value_is_an_error(void **state)
{
    fixture *f = *state;
    write_file(f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":{\"VisibilityTimeout\":60}}]}");
    START(f, "--queues", f->file);
    stop(f);
    assert_file_refused(
        f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":{\"VisibilityTimeout\":61}}]}",
        "queue \"jobs\": A queue already exists with the same name and a different value for "
        "attribute VisibilityTimeout; change the file, or the queue (SetQueueAttributes), or");
}

static void wrong_attributes_are_named_with_file_and_queue(void **state)
{
    fixture *f = *state;
    assert_file_refused(
        f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":{\"VisibilityTimeuot\":60}}]}",
        "queue \"jobs\": Unknown Attribute VisibilityTimeuot.");
    assert_file_refused(
        f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":{\"VisibilityTimeout\":43201}}]}",
        "queue \"jobs\": Invalid value for the parameter VisibilityTimeout.");
    assert_file_refused(
        f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":{\"VisibilityTimeout\":1.5}}]}",
        "queue \"jobs\": attribute \"VisibilityTimeout\" is neither text nor a whole number");
    assert_file_refused(f, "{\"queues\":[{\"name\":\"jobs\",\"attributes\":[]}]}",
                        "queue \"jobs\": \"attributes\" is not an object");
}

static void a_form_that_is_wrong_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "there is no list of queues"},
        {"{\"queues\":{}}", "there is no list of queues"},
        {"{\"queues\":[],\"more\":1}", "there is more than \"queues\" in it"},
        {"{\"queues\":[\"jobs\"]}", "queue 1 of the list is not an object with a \"name\""},
        {"{\"queues\":[{\"name\":\"a\"},{\"nmae\":\"b\"}]}", "queue 2 of the list is not"},
        {"{\"queues\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "queue \"a\" is declared twice"},
        {"{\"queues\":[{\"name\":\"a\",\"atributes\":{}}]}",
         "queue \"a\": there is no \"atributes\"; a queue has name, attributes, deadLetter and "},
        {"{\"queues\":[{\"name\":\"a\",\"tags\":{\"x\":1}}]}",
         "queue \"a\": tag \"x\" is not text"},
        {"{\"queues\":[{\"name\":\"a\",\"tags\":\"x\"}]}",
         "queue \"a\": \"tags\" is not an object"},
        {"{\"queues\":[{\"name\":\"a\",\"deadLetter\":5}]}",
         "queue \"a\": \"deadLetter\" is neither true nor a queue's name"},
        {"{\"queues\":[{\"name\":\"a\",\"deadLetter\":{\"count\":5}}]}",
         "queue \"a\": \"deadLetter\" has no \"count\""},
        {"{\"queues\":[{\"name\":\"a\",\"deadLetter\":{\"name\":5}}]}",
         "queue \"a\": \"deadLetter\": \"name\" is not a queue's name"},
        {"{\"queues\":[{\"name\":\"a\",\"deadLetter\":{\"maxReceiveCount\":\"x\"}}]}",
         "queue \"a\": \"deadLetter\": \"maxReceiveCount\" is not a whole number"},
        {"{\"queues\":[{\"name\":\"a\",\"deadLetter\":true,\"attributes\":"
         "{\"RedrivePolicy\":\"{}\"}}]}",
         "queue \"a\": \"deadLetter\" and the attribute RedrivePolicy say the same"},
        {"{\"queues\":[{\"name\":\"a b\"}]}", "queue \"a b\": "},
        {"{\"queues\":[", "not JSON"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(cases); i++)
        assert_file_refused(f, cases[i][0], cases[i][1]);
    assert_ends(f, "cannot read the queues in /nowhere: No such file",
                (const char *const[]){"--queues", "/nowhere", NULL});
}

static void a_queue_that_cannot_be_made_ends_the_start(void **state)
{
    fixture *f = *state;
    write_file(f, "{\"queues\":[{\"name\":\"jobs\"},{\"name\":\"x.fifo\",\"attributes\":"
                  "{\"FifoQueue\":false}}]}");
    assert_ends(f, "queue \"x.fifo\": ", (const char *const[]){"--queues", f->file, NULL});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_queue_gets_its_dead_letter_queue_and_the_documented_settings),
        TEST(a_second_start_finds_its_queues_and_their_messages),
        TEST(a_queue_that_is_there_stays_as_it_is_and_that_is_said),
        TEST(a_name_that_cannot_be_one_is_refused),
        TEST(queues_have_the_attributes_of_the_file),
        TEST(queues_have_the_tags_of_the_file_also_when_they_change),
        TEST(a_queue_that_is_there_with_another_value_is_an_error),
        TEST(wrong_attributes_are_named_with_file_and_queue),
        TEST(a_form_that_is_wrong_is_named),
        TEST(a_queue_that_cannot_be_made_ends_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
