/* SPDX-License-Identifier: MIT
 *
 * test_template: what is read from SAM and CloudFormation templates, and what is said about the
 * rest.
 */
#include "lk_test.h"

#include "template.h"

#include <unistd.h>

typedef struct fixture {
    char path[64];
    lk_template template;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->path, sizeof(f->path), "/tmp/lk_template_XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_template_clear(&f->template);
    unlink(f->path);
    free(f);
    return 0;
}

static void write_template(fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int read_again(fixture *f, const char *text, const char *const *parameters, size_t count,
                      lk_err *err)
{
    write_template(f, text);
    lk_template_clear(&f->template);
    return lk_template_read(f->path, parameters, count, "eu-west-1", "123456789012", &f->template,
                            err);
}

static void read_template(fixture *f, const char *text)
{
    lk_err err;
    assert_lk_ok(read_again(f, text, NULL, 0, &err));
}

static void assert_refused(fixture *f, const char *text, const char *why)
{
    lk_err err;
    assert_true(read_again(f, text, NULL, 0, &err) < 0);
    if (!strstr(err.message, why))
        fail_msg("\"%s\", expected \"%s\" in it", err.message, why);
    assert_non_null(strstr(err.message, f->path));
}

static const char *attribute(const lk_template_queue *queue, const char *name)
{
    for (size_t i = 0; i < queue->attribute_count; i++)
        if (lk_slice_equal_str(queue->attributes[i].name, name))
            return queue->attributes[i].value.ptr;
    return "";
}

static const char *variable(fixture *f, size_t function, const char *name)
{
    lk_err err;
    const char *const *list;
    size_t len = strlen(name);
    assert_lk_ok(
        lk_template_variables(&f->template, &f->template.functions[function], &list, &err));
    for (; *list; list++)
        if (strncmp(*list, name, len) == 0 && (*list)[len] == '=')
            return *list + len + 1;
    return NULL;
}

#define WORKER                                                                                     \
    "  Worker:\n    Type: AWS::Serverless::Function\n    Properties:\n"                            \
    "      Events:\n        Q:\n          Type: SQS\n          Properties: "                       \
    "{Queue: !GetAtt Jobs.Arn}\n"

/* --- What is read --------------------------------------------------------------------------- */

static void queues_come_with_their_attributes_and_dead_letter_queues(void **state)
{
    fixture *f = *state;
    read_template(f, "Resources:\n"
                     "  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n"
                     "      VisibilityTimeout: 301\n      ReceiveMessageWaitTimeSeconds: 10\n"
                     "      RedrivePolicy:\n        deadLetterTargetArn: !GetAtt Dead.Arn\n"
                     "        maxReceiveCount: 13\n"
                     "  Dead:\n    Type: AWS::SQS::Queue\n"
                     "    Properties: {MessageRetentionPeriod: 1209600, QueueName: lost}\n" WORKER);
    const lk_template *t = &f->template;
    assert_int_equal(t->queue_count, 2);
    assert_string_equal(t->queues[0].name, "Jobs");
    assert_string_equal(attribute(&t->queues[0], "VisibilityTimeout"), "301");
    assert_string_equal(attribute(&t->queues[0], "ReceiveMessageWaitTimeSeconds"), "10");
    assert_string_equal(attribute(&t->queues[0], "RedrivePolicy"),
                        "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:123456789012:lost\","
                        "\"maxReceiveCount\":13}");
    assert_string_equal(t->queues[0].dead_name, "lost");
    assert_int_equal(t->queues[0].max_receive_count, 13);
    assert_string_equal(t->queues[1].name, "lost");
    assert_string_equal(t->queues[1].dead_name, "");
    assert_string_equal(attribute(&t->queues[1], "MessageRetentionPeriod"), "1209600");
}

static void a_fifo_queue_without_a_name_gets_the_suffix(void **state)
{
    fixture *f = *state;
    read_template(f, "Resources:\n"
                     "  Jobs: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}\n" WORKER);
    assert_string_equal(f->template.queues[0].name, "Jobs.fifo");
    assert_slice(f->template.queues[0].arn, "arn:aws:sqs:eu-west-1:123456789012:Jobs.fifo");
}

static void a_function_comes_with_timeout_memory_handler_and_events(void **state)
{
    fixture *f = *state;
    read_template(f, "Globals:\n  Function: {Timeout: 20, MemorySize: 1024}\n"
                     "Resources:\n"
                     "  Jobs: {Type: AWS::SQS::Queue}\n"
                     "  Worker:\n    Type: AWS::Serverless::Function\n    Properties:\n"
                     "      Timeout: 300\n      Handler: app.handler\n      CodeUri: worker/\n"
                     "      RecursiveLoop: Allow\n"
                     "      Events:\n        Q:\n          Type: SQS\n          Properties:\n"
                     "            Queue: !GetAtt Jobs.Arn\n            BatchSize: 100\n"
                     "            MaximumBatchingWindowInSeconds: 5\n"
                     "            FunctionResponseTypes: [ReportBatchItemFailures]\n"
                     "            ScalingConfig: {MaximumConcurrency: 7}\n"
                     "            FilterCriteria:\n              Filters:\n"
                     "                - Pattern: '{\"body\":{\"a\":[1]}}'\n");
    const lk_template_function *function = &f->template.functions[0];
    const lk_template_source *source = &function->sources[0];
    assert_int_equal(f->template.function_count, 1);
    assert_string_equal(function->name, "Worker");
    assert_string_equal(function->handler, "app.handler");
    assert_string_equal(function->code_uri, "worker/");
    assert_int_equal(function->timeout_s, 300);
    assert_int_equal(function->memory_mb, 1024);
    assert_true(function->allow_recursion);
    assert_int_equal(function->source_count, 1);
    assert_int_equal(source->batch_size, 100);
    assert_int_equal(source->window_s, 5);
    assert_int_equal(source->max_concurrency, 7);
    assert_true(source->report_batch_item_failures);
    assert_int_equal(source->filter_count, 1);
    assert_string_equal(source->filters[0], "{\"body\":{\"a\":[1]}}");
}

static void without_a_word_lambdas_defaults_hold(void **state)
{
    fixture *f = *state;
    read_template(f, "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER);
    assert_int_equal(f->template.functions[0].timeout_s, 3);
    assert_int_equal(f->template.functions[0].memory_mb, 128);
    assert_int_equal(f->template.functions[0].sources[0].batch_size, 10);
    assert_false(f->template.functions[0].sources[0].report_batch_item_failures);
}

static void mappings_of_plain_cloudformation_are_sources_too(void **state)
{
    fixture *f = *state;
    read_template(f, "{\"Resources\": {"
                     "\"Jobs\": {\"Type\": \"AWS::SQS::Queue\"},"
                     "\"Worker\": {\"Type\": \"AWS::Lambda::Function\", \"Properties\": "
                     "{\"FunctionName\": \"thumbs\", \"Timeout\": 9}},"
                     "\"Map\": {\"Type\": \"AWS::Lambda::EventSourceMapping\", \"Properties\": "
                     "{\"EventSourceArn\": {\"Fn::GetAtt\": [\"Jobs\", \"Arn\"]},"
                     "\"FunctionName\": {\"Ref\": \"Worker\"}, \"BatchSize\": 2}}}}");
    assert_string_equal(f->template.functions[0].name, "thumbs");
    assert_int_equal(f->template.functions[0].timeout_s, 9);
    assert_int_equal(f->template.functions[0].sources[0].batch_size, 2);
}

static void a_source_that_is_disabled_is_none(void **state)
{
    fixture *f = *state;
    assert_refused(f,
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                   "  W: {Type: AWS::Serverless::Function, Properties: {Events: {Q: {Type: SQS, "
                   "Properties: {Queue: !GetAtt Jobs.Arn, Enabled: false}}}}}\n",
                   "nothing to run");
}

/* --- Texts ---------------------------------------------------------------------------------- */

static void variables_are_those_of_globals_and_of_the_function_over_them(void **state)
{
    fixture *f = *state;
    read_template(f, "Globals:\n  Function:\n    Environment:\n      Variables:\n"
                     "        QUEUE: !GetAtt Jobs.QueueName\n        MODE: all\n"
                     "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER
                     "      Environment: {Variables: {MODE: own}}\n");
    assert_string_equal(variable(f, 0, "QUEUE"), "Jobs");
    assert_string_equal(variable(f, 0, "MODE"), "own");
}

static void intrinsic_functions_give_texts(void **state)
{
    fixture *f = *state;
    read_template(
        f, "Parameters:\n  Stage: {Type: String, Default: dev}\n"
           "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER
           "      Environment:\n        Variables:\n"
           "          URL: !Ref Jobs\n"
           "          SUB: !Sub 'arn:${AWS::Partition}:x:${AWS::Region}:${Jobs.QueueName}:${!no}'\n"
           "          MAP: !Sub ['${a}-${Stage}', {a: !Ref Stage}]\n"
           "          JOIN: !Join ['-', [a, !Ref Stage, {'Fn::GetAtt': [Jobs, Arn]}]]\n");
    f->template.base_url = "http://127.0.0.1:1";
    assert_string_equal(variable(f, 0, "URL"), "http://127.0.0.1:1/123456789012/Jobs");
    assert_string_equal(variable(f, 0, "SUB"), "arn:aws:x:eu-west-1:Jobs:${no}");
    assert_string_equal(variable(f, 0, "MAP"), "dev-dev");
    assert_string_equal(variable(f, 0, "JOIN"), "a-dev-arn:aws:sqs:eu-west-1:123456789012:Jobs");
}

static void parameters_can_be_given(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *given[] = {"Batch=4", "Stage=test=1"};
    assert_lk_ok(
        read_again(f,
                   "Parameters:\n  Batch: {Type: Number, Default: 1}\n  Stage: {Type: String}\n"
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                   "  Worker:\n    Type: AWS::Serverless::Function\n    Properties:\n"
                   "      Environment: {Variables: {STAGE: !Ref Stage}}\n"
                   "      Events: {Q: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: "
                   "!Ref Batch}}}\n",
                   given, 2, &err));
    assert_int_equal(f->template.functions[0].sources[0].batch_size, 4);
    assert_string_equal(variable(f, 0, "STAGE"), "test=1");
}

static void a_parameter_that_the_template_does_not_have_is_refused(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *given[] = {"RailsEnv=development", "Stge=test"};
    const char *resources = "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER;
    const char *templates[] = {"Parameters:\n  RailsEnv: {Type: String}\n", ""};
    const char *refused[] = {"Stge", "RailsEnv"};
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", templates[i], resources);
        assert_lk_fails(read_again(f, text, given, 2, &err), LK_E_INVALID);
        assert_non_null(strstr(err.message, refused[i]));
        assert_non_null(strstr(err.message, "--parameter"));
    }
}

static void a_variable_that_cannot_be_known_is_left_out_and_noted(void **state)
{
    fixture *f = *state;
    read_template(f, "Parameters:\n  Secret: {Type: String}\n"
                     "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER
                     "      Environment:\n        Variables:\n"
                     "          A: !Ref Secret\n          B: !ImportValue other\n"
                     "          C: !GetAtt Table.Arn\n          D: d\n");
    assert_null(variable(f, 0, "A"));
    assert_string_equal(variable(f, 0, "D"), "d");
    assert_non_null(strstr(f->template.notes.ptr, "without the variable A: "));
    assert_non_null(strstr(f->template.notes.ptr, "--parameter"));
    assert_non_null(strstr(f->template.notes.ptr, "!ImportValue is not evaluated here"));
    assert_non_null(strstr(f->template.notes.ptr, "Arn of Table is not known here"));
}

/* --- What is not run, and what is wrong ------------------------------------------------------- */

static void resources_and_functions_that_are_not_run_are_noted(void **state)
{
    fixture *f = *state;
    read_template(f, "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n" WORKER
                     "  Web: {Type: AWS::Serverless::Function, Properties: {Timeout: 30}}\n"
                     "  Table: {Type: AWS::DynamoDB::Table}\n");
    assert_int_equal(f->template.function_count, 1);
    assert_non_null(
        strstr(f->template.notes.ptr, "function Web has no SQS queue as its event: it is not run"));
    assert_non_null(strstr(f->template.notes.ptr, "Table (AWS::DynamoDB::Table)"));
}

static void errors_name_file_and_line(void **state)
{
    fixture *f = *state;
    assert_refused(f, "Resources: [", "not YAML");
    assert_refused(f, "- a\n", "not a template");
    assert_refused(f, "A: b\n", "there are no Resources");
    assert_refused(f,
                   "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n"
                   "      QueueName: jobs.fifo\n" WORKER,
                   ":3: queue jobs.fifo: FifoQueue");
    assert_refused(f,
                   "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n"
                   "      RedrivePolicy:\n        deadLetterTargetArn: arn:aws:sqs:x:1:else\n"
                   "        maxReceiveCount: 3\n" WORKER,
                   "the dead-letter queue of Jobs is not in the template");
    assert_refused(f,
                   "Resources:\n"
                   "  W: {Type: AWS::Serverless::Function, Properties: {Events: {Q: {Type: SQS, "
                   "Properties: {Queue: arn:aws:sqs:x:1:other}}}}}\n",
                   ":2: the queue of function W is not in the template");
    assert_refused(f,
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                   "  W: {Type: AWS::Serverless::Function, Properties: {Timeout: long}}\n",
                   ":3: \"long\" is no whole number");
    assert_refused(f,
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue, Properties: "
                   "{VisibilityTimeout: !If [a, 1, 2]}}\n" WORKER,
                   ":2: !If is not evaluated here");
}

static void numbers_that_lambda_would_refuse_are_refused(void **state)
{
    static const struct {
        const char *function, *event, *why;
    } cases[] = {
        {"Timeout: 9223372036854775807", "BatchSize: 1", "9223372036854775807 is not 1 to 900"},
        {"Timeout: 0", "BatchSize: 1", ":3: 0 is not 1 to 900"},
        {"MemorySize: 4294967424", "BatchSize: 1", "4294967424 is not 128 to 10240"},
        {"Timeout: 900", "BatchSize: 4294967297", "4294967297 is not 1 to 10000"},
        {"Timeout: 900", "MaximumBatchingWindowInSeconds: -1", "-1 is not 0 to 300"},
        {"Timeout: 900", "ScalingConfig: {MaximumConcurrency: 4294967296}",
         "4294967296 is not 2 to 1000"},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_buf text = {0};
        lk_buf_addf(&text,
                    "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                    "  W: {Type: AWS::Serverless::Function, Properties: {%s, Events: {Q: {Type: "
                    "SQS, Properties: {Queue: !GetAtt Jobs.Arn, %s}}}}}\n",
                    cases[i].function, cases[i].event);
        assert_refused(*state, text.ptr, cases[i].why);
        lk_buf_clear(&text);
    }
}

static void a_resource_whose_name_is_no_text_is_refused(void **state)
{
    assert_refused(*state,
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                   "  ? [a, b]\n  : {Type: AWS::Serverless::Function}\n" WORKER,
                   ":4: the name of a resource is no text");
}

static void more_queues_of_a_function_than_can_be_polled_are_refused(void **state)
{
    lk_buf text = {0};
    lk_buf_add_str(&text, "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n"
                          "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
                          "      Events:\n");
    for (int i = 0; i < 65; i++)
        lk_buf_addf(&text, "        E%d: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}\n", i);
    assert_refused(*state, text.ptr, "function F works on more than 64 queues");
    lk_buf_clear(&text);
}

static void a_template_that_cannot_be_read_is_named(void **state)
{
    fixture *f = *state;
    lk_err err;
    assert_lk_fails(
        lk_template_read("/nonexistent/template.yaml", NULL, 0, "r", "1", &f->template, &err),
        LK_E_IO);
    assert_non_null(strstr(err.message, "/nonexistent/template.yaml"));
}

static void a_value_that_refers_to_itself_ends(void **state)
{
    fixture *f = *state;
    assert_refused(f,
                   "Parameters:\n  A: {Default: !Ref A}\n"
                   "Resources:\n  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref A}}"
                   "\n" WORKER,
                   "nested too deep");
}

int main(void)
{
#define TEMPLATE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEMPLATE_TEST(queues_come_with_their_attributes_and_dead_letter_queues),
        TEMPLATE_TEST(a_fifo_queue_without_a_name_gets_the_suffix),
        TEMPLATE_TEST(a_function_comes_with_timeout_memory_handler_and_events),
        TEMPLATE_TEST(without_a_word_lambdas_defaults_hold),
        TEMPLATE_TEST(mappings_of_plain_cloudformation_are_sources_too),
        TEMPLATE_TEST(a_source_that_is_disabled_is_none),
        TEMPLATE_TEST(variables_are_those_of_globals_and_of_the_function_over_them),
        TEMPLATE_TEST(intrinsic_functions_give_texts),
        TEMPLATE_TEST(parameters_can_be_given),
        TEMPLATE_TEST(a_parameter_that_the_template_does_not_have_is_refused),
        TEMPLATE_TEST(a_variable_that_cannot_be_known_is_left_out_and_noted),
        TEMPLATE_TEST(resources_and_functions_that_are_not_run_are_noted),
        TEMPLATE_TEST(errors_name_file_and_line),
        TEMPLATE_TEST(a_template_that_cannot_be_read_is_named),
        TEMPLATE_TEST(numbers_that_lambda_would_refuse_are_refused),
        TEMPLATE_TEST(a_resource_whose_name_is_no_text_is_refused),
        TEMPLATE_TEST(more_queues_of_a_function_than_can_be_polled_are_refused),
        TEMPLATE_TEST(a_value_that_refers_to_itself_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
