/* SPDX-License-Identifier: MIT
 *
 * alloc: what the foundation and the local SQS do when memory runs out, at each allocation they
 * make.
 *
 * A scenario is run again and again: the 1st allocation fails, then the 2nd, and so on, until one
 * run needs no more. Each run that met a failure must say LK_E_NOMEM and leave nothing allocated.
 * The linker sends the core's malloc, calloc, realloc and free here (--wrap); jansson and libcrypto
 * are told to use the same.
 */
#include "lk_test.h"

#include "credentials.h"
#include "digest.h"
#include "endpoint.h"
#include "json.h"
#include "profile.h"
#include "proto_json.h"
#include "sigv4.h"
#include "value.h"

#include <jansson.h>
#include <openssl/crypto.h>

#include <unistd.h>

/* --- Allocator ------------------------------------------------------------------------------ */

static long fail_at;      /* the allocation that fails, counted from 1; 0: none does */
static bool fail_onwards; /* and all behind it */
static long allocations;  /* since the start of the run */
static long live;         /* allocated and not freed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static bool refuse(void)
{
    allocations++;
    return fail_at > 0 && (fail_onwards ? allocations >= fail_at : allocations == fail_at);
}

void *__wrap_malloc(size_t size)
{
    void *memory = refuse() ? NULL : __real_malloc(size);
    live += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *memory = refuse() ? NULL : __real_calloc(count, size);
    live += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (refuse())
        return NULL;
    bool fresh = !memory;
    void *moved = __real_realloc(memory, size);
    live += fresh && moved != NULL;
    return moved;
}

void __wrap_free(void *memory)
{
    live -= memory != NULL;
    __real_free(memory);
}

static bool spare_jansson; /* its allocations never fail, and are not counted */

static void *jansson_malloc(size_t size)
{
    if (!spare_jansson)
        return __wrap_malloc(size);
    void *memory = __real_malloc(size);
    live += memory != NULL;
    return memory;
}

static void *crypto_malloc(size_t size, const char *file LK_UNUSED, int line LK_UNUSED)
{
    return __wrap_malloc(size);
}

static void *crypto_realloc(void *memory, size_t size, const char *file LK_UNUSED,
                            int line LK_UNUSED)
{
    return __wrap_realloc(memory, size);
}

static void crypto_free(void *memory, const char *file LK_UNUSED, int line LK_UNUSED)
{
    __wrap_free(memory);
}

/* --- Runs ----------------------------------------------------------------------------------- */

typedef int (*scenario)(lk_err *err);

/* Returns whether an allocation was made to fail. Then the scenario says LK_E_NOMEM, or what else a
 * library makes of it. */
static bool run_once(scenario play, long nth, int or_else)
{
    lk_err err = {0};
    long live_before = live;
    allocations = 0;
    fail_at = nth;
    int rc = play(&err);
    fail_at = 0;
    bool failed = allocations >= nth;
    if (live != live_before)
        fail_msg("allocation %ld failed: %ld left behind", nth, live - live_before);
    bool as_expected = failed ? rc == LK_E_NOMEM || rc == or_else : rc == LK_OK;
    if (!as_expected || err.code != rc)
        fail_msg("allocation %ld of %ld failed: got %s \"%s\"", nth, allocations, lk_code_name(rc),
                 err.message);
    return failed;
}

static void survive_or(scenario play, int or_else)
{
    lk_err err = {0};
    assert_lk_ok(play(&err)); /* what libraries set up once and keep is not our leak */
    for (int onwards = 0; onwards <= 1; onwards++) {
        fail_onwards = onwards == 1;
        long nth = 1;
        while (run_once(play, nth, or_else))
            nth++;
        assert_true(nth > 1); /* a scenario without allocations proves nothing */
    }
}

static void survive(scenario play)
{
    survive_or(play, LK_E_NOMEM);
}

/* --- Text and buffers ----------------------------------------------------------------------- */

static int write_text(lk_err *err)
{
    lk_buf out = {0};
    char *copy = NULL;
    for (int i = 0; i < 40; i++) {
        lk_buf_add_str(&out, "0123456789");
        lk_buf_addf(&out, "%d %s", i, "formatted text that is longer than the line before it");
        lk_buf_add_int64(&out, INT64_MIN);
        lk_uri_encode(&out, LK_SLICE_LITERAL("a b/c"), true);
        lk_base64_encode(&out, (const unsigned char *)"abcd", 4);
    }
    lk_buf_add_char(&out, '.');
    int rc = lk_buf_check(&out, err);
    if (rc == LK_OK && !(copy = lk_slice_dup(lk_buf_slice(&out))))
        rc = LK_FAIL_NOMEM(err);
    free(copy);
    lk_buf_clear(&out);
    return rc;
}

static int take_text(lk_err *err)
{
    lk_buf out = {0};
    lk_buf_add_str(&out, "text");
    char *text = lk_buf_take(&out);
    lk_free(text);
    return text ? LK_OK : LK_FAIL_NOMEM(err);
}

static int decode_base64(lk_err *err)
{
    lk_buf out = {0};
    bool is_base64 = true;
    for (int i = 0; is_base64 && i < 300; i++)
        is_base64 = lk_base64_decode(LK_SLICE_LITERAL("YWJjZGVm"), &out);
    int rc = is_base64 ? lk_buf_check(&out, err) : LK_FAIL(err, LK_E_INTERNAL, "not base64");
    lk_buf_clear(&out);
    return rc;
}

static void text_says_that_memory_ran_out(void **state LK_UNUSED)
{
    survive(write_text);
    survive(take_text);
    survive(decode_base64);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static int read_and_write(const char *text, const char *expected, lk_err *err)
{
    lk_json *root = NULL;
    lk_buf out = {0};
    int rc = lk_json_parse(lk_slice_of(text), "document", &root, err);
    if (rc == LK_OK)
        rc = lk_json_dump(root, &out, err);
    if (rc == LK_OK && expected && !lk_slice_equal_str(lk_buf_slice(&out), expected))
        rc = LK_FAIL(err, LK_E_INTERNAL, "half a document was taken for the whole: %s", out.ptr);
    lk_buf_clear(&out);
    lk_json_free(root);
    return rc;
}

static int read_and_write_json(lk_err *err)
{
    static const char text[] = "{\"a\":[1,2.5,\"text\",null,true,{\"b\":[]}],"
                               "\"more\":{\"c\":\"\xc3\xa9\\u0000\",\"d\":-1},\"e\":false}";
    return read_and_write(text, text, err);
}

/* Read twice, by way of a buffer of ours. */
static int read_big_integers(lk_err *err)
{
    return read_and_write("[18446744073709551616]", "[1.8446744073709552e+19]", err);
}

static int write_json(lk_err *err)
{
    lk_buf out = {0};
    lk_json_writer w = {.out = &out};
    lk_json_begin_array(&w);
    for (int i = 0; i < 40; i++) {
        lk_json_begin_object(&w);
        lk_json_member_str(&w, "key", "a value with \"quotes\" and a line\nbreak");
        lk_json_member_int(&w, "number", i);
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    int rc = lk_buf_check(&out, err);
    lk_buf_clear(&out);
    return rc;
}

static void json_says_that_memory_ran_out(void **state LK_UNUSED)
{
    survive_or(read_and_write_json, LK_E_JSON); /* see lk_json_parse */
    survive(write_json);
    /* jansson 2.14 loses a byte, or asserts, when its buffer for a token of more than 15 bytes
     * cannot grow. */
    spare_jansson = true;
    survive(read_big_integers);
    spare_jansson = false;
}

/* --- Digests and signatures ----------------------------------------------------------------- */

static int digest_all(lk_err *err)
{
    static const lk_md5_attribute attributes[] = {
        {{"b", 1}, {"String", 6}, {"1", 1}},
        {{"a", 1}, {"Number", 6}, {"2", 1}},
    };
    unsigned char mac[LK_SHA256_BYTES];
    char sha256[LK_SHA256_HEX_SIZE];
    char md5[LK_MD5_HEX_SIZE];
    lk_slice text = LK_SLICE_LITERAL("text");
    bool ok = lk_sha256_hex(text, sha256) && lk_hmac_sha256(text, text, mac) &&
              lk_md5_hex(text, md5) && lk_md5_attributes_hex(attributes, 2, md5);
    if (!ok)
        return LK_FAIL_NOMEM(err);
    bool right =
        strcmp(md5, "d774de4f6fcd6948ff7b7d817d079ff0") == 0 && strncmp(sha256, "982d9e3e", 8) == 0;
    return right ? LK_OK : LK_FAIL(err, LK_E_INTERNAL, "a wrong digest was given for a right one");
}

static int sign(lk_err *err)
{
    static const lk_name_value headers[] = {
        {{"host", 4}, {"example.amazonaws.com", 21}},
        {{"x-amz-date", 10}, {"20150830T123600Z", 16}},
    };
    lk_sigv4_request request = {
        .method = LK_SLICE_LITERAL("GET"),
        .path = LK_SLICE_LITERAL("/a/../b"),
        .query = LK_SLICE_LITERAL("b=2&a=1"),
        .headers = headers,
        .header_count = LK_COUNT(headers),
        .payload_hash = LK_SLICE_LITERAL("UNSIGNED-PAYLOAD"),
        .amz_date = LK_SLICE_LITERAL("20150830T123600Z"),
        .region = LK_SLICE_LITERAL("us-east-1"),
        .service = LK_SLICE_LITERAL("sqs"),
    };
    lk_sigv4_key key = {0};
    lk_buf out = {0};
    int rc = lk_sigv4_authorization(&request, LK_SLICE_LITERAL("AKID"), LK_SLICE_LITERAL("secret"),
                                    &key, &out, err);
    if (rc == LK_OK &&
        !lk_slice_has_suffix(
            lk_buf_slice(&out),
            LK_SLICE_LITERAL("984db9d2bba52d19afd241de165bf42c60de505fc156f1d5f2014bed1c1bcd58")))
        rc = LK_FAIL(err, LK_E_INTERNAL, "a wrong signature was given for a right one");
    lk_buf_clear(&out);
    return rc;
}

static void digests_and_signatures_say_that_memory_ran_out(void **state LK_UNUSED)
{
    survive_or(digest_all, LK_OK); /* libcrypto can do without some of what it asks for */
    survive_or(sign, LK_OK);
}

/* --- Configuration -------------------------------------------------------------------------- */

static char config_path[] = "/tmp/lk_alloc_config_XXXXXX";
static char credentials_path[] = "/tmp/lk_alloc_credentials_XXXXXX";

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_files(void **state LK_UNUSED)
{
    write_file(config_path, "[default]\nregion = eu-west-1\nservices = local\nregion = eu-west-2\n"
                            "[services local]\nsqs =\n  endpoint_url = http://127.0.0.1:9324\n");
    write_file(credentials_path,
               "[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"
               "aws_session_token = token\n");
    setenv("AWS_CONFIG_FILE", config_path, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, 1);
    static const char *const unset[] = {
        "AWS_PROFILE",          "AWS_REGION",        "AWS_DEFAULT_REGION",   "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SQS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < LK_COUNT(unset); i++)
        unsetenv(unset[i]);
    return 0;
}

static int remove_files(void **state LK_UNUSED)
{
    return unlink(config_path) || unlink(credentials_path);
}

static int read_configuration(lk_err *err)
{
    lk_profile *profile = NULL;
    lk_buf endpoint = {0};
    lk_buf region = {0};
    lk_buf regional = {0};
    int rc = lk_profile_load(NULL, &profile, err);
    if (rc == LK_OK)
        rc = lk_endpoint_fixed("sqs", NULL, profile, &endpoint, err);
    if (rc == LK_OK)
        rc = lk_endpoint_region(NULL, profile, &region, err);
    if (rc == LK_OK)
        rc = lk_endpoint_of_region("sqs", lk_buf_slice(&region), &regional, err);
    if (rc == LK_OK && !lk_slice_equal_str(lk_buf_slice(&endpoint), "http://127.0.0.1:9324"))
        rc = LK_FAIL(err, LK_E_INTERNAL, "half a configuration was taken for the whole");
    lk_buf_clear(&regional);
    lk_buf_clear(&region);
    lk_buf_clear(&endpoint);
    lk_profile_free(profile);
    return rc;
}

static int find_credentials(lk_err *err)
{
    lk_profile *profile = NULL;
    const lk_credentials *found = NULL;
    lk_credentials_provider *provider = lk_credentials_provider_new(NULL, err);
    int rc = provider ? lk_profile_load(NULL, &profile, err) : err->code;
    if (rc == LK_OK)
        rc = lk_credentials_get(provider, profile, NULL, &found, err);
    if (rc == LK_OK)
        rc = lk_credentials_set(provider, "GIVEN", "secret", "token", err);
    lk_credentials_provider_free(provider);
    lk_profile_free(profile);
    return rc;
}

static void configuration_says_that_memory_ran_out(void **state LK_UNUSED)
{
    survive(read_configuration);
    survive(find_credentials);
}

static void credentials_that_could_not_be_replaced_stay(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_credentials *found = NULL;
    lk_credentials_provider *provider = lk_credentials_provider_new(NULL, &err);
    assert_lk_ok(lk_credentials_set(provider, "OLD", "old secret", NULL, &err));
    for (long nth = 1; nth <= 3; nth++) {
        allocations = 0;
        fail_at = nth;
        int rc = lk_credentials_set(provider, "NEW", "new secret", "token", &err);
        fail_at = 0;
        assert_int_equal(rc, LK_E_NOMEM);
        assert_lk_ok(lk_credentials_get(provider, NULL, NULL, &found, &err));
        assert_string_equal(found->access_key_id, "OLD");
        assert_string_equal(found->secret_access_key, "old secret");
        assert_null(found->session_token);
    }
    lk_credentials_provider_free(provider);
}

/* --- Workers -------------------------------------------------------------------------------- */

static int read_values(lk_err *err)
{
    lk_json *arguments = NULL;
    lk_values values = {0};
    lk_slice json = {NULL, 0};
    int64_t number = 0;
    lk_err refused = {0};
    int rc =
        lk_json_parse(LK_SLICE_LITERAL("[{\"a\":[1,2],\"b\":3}]"), "arguments", &arguments, err);
    if (rc)
        return rc;
    lk_values_begin(&values, LK_SLICE_LITERAL("TestJob"), arguments);
    const lk_value *hash = lk_value_at(values.root, 0);
    rc = lk_value_int(lk_value_at(lk_value_get(hash, "a"), 1), &number, err);
    rc = rc ? rc : lk_value_int(lk_value_keyword(values.root, "b"), &number, err);
    rc = rc ? rc : lk_value_json(lk_value_at(hash, 0), &json, err);
    if (!rc &&
        lk_value_int(lk_value_get(lk_value_get(hash, "x"), "y"), &number, &refused) == LK_E_NOMEM)
        rc = LK_FAIL_NOMEM(err);
    lk_values_clear(&values);
    lk_json_free(arguments);
    return rc;
}

static int perform_nothing(lk_job *job LK_UNUSED, void *ctx LK_UNUSED, lk_err *err LK_UNUSED)
{
    return LK_PERFORM_DONE;
}

static int make_worker(lk_err *err)
{
    static const uint8_t sets[] = {LK_DIMENSION_APP_NAME};
    lk_worker_options options = LK_WORKER_OPTIONS_INIT;
    options.metrics_namespace = "Images";
    options.metrics_app_name = "Shop";
    options.dimension_sets = sets;
    options.dimension_set_count = 1;
    lk_worker *worker = lk_worker_new(&options, err);
    int rc = worker ? err->code : LK_E_NOMEM;
    if (!rc)
        rc = lk_worker_register(worker, "TestJob", perform_nothing, NULL, NULL, err);
    lk_worker_free(worker);
    return rc;
}

static void workers_say_that_memory_ran_out(void **state LK_UNUSED)
{
    spare_jansson = true;
    survive(read_values);
    spare_jansson = false;
    survive(make_worker);
}

/* --- The local SQS -------------------------------------------------------------------------- */

#define ARN "arn:aws:sqs:us-east-1:000000000000:"

static lk_store *store;
static char move_handle[256];
static const struct call {
    const char *action;
    const char *body;
} * current_call; /* what local_action carries out */

static void touch(void *ctx LK_UNUSED, int64_t queue_id LK_UNUSED)
{
}

static int carry_out(lk_request *request, const struct call *call, lk_buf *out, lk_err *err)
{
    lk_action_context context = {.store = store, .now_ms = 1700000000000, .touch = touch};
    lk_wire wire = {.target = lk_slice_of(call->action), .body = lk_slice_of(call->body)};
    int rc = lk_store_begin(store, err);
    if (rc == 0)
        rc = lk_proto_json.parse(&wire, request, err);
    if (rc == 0)
        rc = lk_action_check(request, err);
    if (rc == 0)
        rc = lk_action_run(&context, request, err);
    if (rc == 0)
        rc = lk_action_shape(request, err);
    if (rc == 0) {
        lk_proto_json.render(request, out);
        rc = lk_buf_check(out, err);
    }
    if (rc > 0)
        rc = LK_FAIL(err, LK_E_INTERNAL, "%s was refused: %.*s", call->action,
                     LK_SLICE_FMT(request->fault.message));
    return rc;
}

static const lk_action_env action_env = {
    .region = "us-east-1", .account = "000000000000", .max_message_bytes = LK_MESSAGE_MAX_BYTES};

/* Nothing of it is kept: the next run finds the store as this one did. */
static int local_action(lk_err *err)
{
    lk_request request;
    lk_buf out = {0};
    lk_request_init(&request, &action_env);
    int rc = carry_out(&request, current_call, &out, err);
    long seen = allocations;
    fail_at = 0; /* what is rolled back may be read again */
    lk_buf_clear(&out);
    lk_request_clear(&request);
    lk_store_rollback(store);
    allocations = seen;
    return rc;
}

static void set_up(const char *action, const char *body)
{
    lk_err err = {0};
    lk_buf out = {0};
    lk_request request;
    const struct call call = {action, body};
    lk_request_init(&request, &action_env);
    assert_lk_ok(carry_out(&request, &call, &out, &err));
    assert_lk_ok(lk_store_commit(store, &err));
    lk_slice_copy(request.answer_handle, move_handle, sizeof move_handle);
    lk_request_clear(&request);
    lk_buf_clear(&out);
}

#define DEAD_LETTERS(queue)                                                                        \
    "\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"" ARN queue                              \
    "\\\",\\\"maxReceiveCount\\\":1}\""

static void local_actions_say_that_memory_ran_out(void **state LK_UNUSED)
{
    char cancel[320];
    lk_err err = {0};
    const struct call calls[] = {
        {"CreateQueue", "{\"QueueName\":\"fresh\",\"tags\":{\"a\":\"1\"}}"},
        {"TagQueue", "{\"QueueUrl\":\"jobs\",\"Tags\":{\"b\":\"2\"}}"},
        {"UntagQueue", "{\"QueueUrl\":\"jobs\",\"TagKeys\":[\"a\"]}"},
        {"ListQueueTags", "{\"QueueUrl\":\"jobs\"}"},
        {"AddPermission",
         "{\"QueueUrl\":\"jobs\",\"Label\":\"two\",\"AWSAccountIds\":[\"1\",\"2\"],"
         "\"Actions\":[\"*\"]}"},
        {"RemovePermission", "{\"QueueUrl\":\"jobs\",\"Label\":\"one\"}"},
        {"ListDeadLetterSourceQueues", "{\"QueueUrl\":\"dead\",\"MaxResults\":1}"},
        {"StartMessageMoveTask",
         "{\"SourceArn\":\"" ARN "idle\",\"DestinationArn\":\"" ARN "jobs\"}"},
        {"ListMessageMoveTasks", "{\"SourceArn\":\"" ARN "dead\"}"},
        {"CancelMessageMoveTask", cancel},
        {"ReceiveMessage", "{\"QueueUrl\":\"jobs.fifo\",\"ReceiveRequestAttemptId\":\"new\"}"},
        {"ReceiveMessage", "{\"QueueUrl\":\"jobs.fifo\",\"ReceiveRequestAttemptId\":\"old\"}"},
    };
    spare_jansson = true; /* see lk_json_parse */
    assert_lk_ok(lk_store_open(NULL, &store, &err));
    set_up("CreateQueue", "{\"QueueName\":\"dead\"}");
    set_up("CreateQueue", "{\"QueueName\":\"idle\"}");
    set_up("CreateQueue", "{\"QueueName\":\"jobs\",\"Attributes\":{" DEAD_LETTERS(
                              "dead") "},"
                                      "\"tags\":{\"a\":\"1\"}}");
    set_up("CreateQueue", "{\"QueueName\":\"more\",\"Attributes\":{" DEAD_LETTERS("dead") "}}");
    set_up("CreateQueue", "{\"QueueName\":\"rest\",\"Attributes\":{" DEAD_LETTERS("idle") "}}");
    set_up("CreateQueue", "{\"QueueName\":\"jobs.fifo\",\"Attributes\":{\"FifoQueue\":\"true\"}}");
    set_up("SendMessage",
           "{\"QueueUrl\":\"jobs.fifo\",\"MessageBody\":\"x\",\"MessageGroupId\":\"g\","
           "\"MessageDeduplicationId\":\"x\"}");
    set_up("SendMessage",
           "{\"QueueUrl\":\"jobs.fifo\",\"MessageBody\":\"y\",\"MessageGroupId\":\"h\","
           "\"MessageDeduplicationId\":\"y\"}");
    set_up("ReceiveMessage", "{\"QueueUrl\":\"jobs.fifo\",\"ReceiveRequestAttemptId\":\"old\"}");
    set_up(
        "AddPermission",
        "{\"QueueUrl\":\"jobs\",\"Label\":\"one\",\"AWSAccountIds\":[\"1\"],\"Actions\":[\"*\"]}");
    set_up("StartMessageMoveTask",
           "{\"SourceArn\":\"" ARN "dead\",\"DestinationArn\":\"" ARN "jobs\"}");
    snprintf(cancel, sizeof cancel, "{\"TaskHandle\":\"%s\"}", move_handle);
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        current_call = &calls[i];
        /* libcrypto, which makes receipt handles, can do without some of what it asks for */
        survive_or(local_action, strcmp(calls[i].action, "ReceiveMessage") ? LK_E_NOMEM : LK_OK);
    }
    lk_store_close(store);
    spare_jansson = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_says_that_memory_ran_out),
        cmocka_unit_test(json_says_that_memory_ran_out),
        cmocka_unit_test(digests_and_signatures_say_that_memory_ran_out),
        cmocka_unit_test_setup_teardown(configuration_says_that_memory_ran_out, make_files,
                                        remove_files),
        cmocka_unit_test(credentials_that_could_not_be_replaced_stay),
        cmocka_unit_test(workers_say_that_memory_ran_out),
        cmocka_unit_test(local_actions_say_that_memory_ran_out),
    };
    json_set_alloc_funcs(jansson_malloc, __wrap_free);
    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
