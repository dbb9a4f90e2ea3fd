/* SPDX-License-Identifier: MIT
 *
 * test_without_md5: a libcrypto without MD5, as FIPS demands: digests of transport are not checked,
 * and everything else works. Runs itself again with an OPENSSL_CONF that takes MD5 away.
 */
#include "lk_test.h"

#include "digest.h"
#include "lk_test_sqs.h"

#include <unistd.h>

static lk_err err;

#define SOME_DIGEST "00112233445566778899aabbccddeeff"

static void md5_is_gone_and_sha_256_is_there(void **state)
{
    (void)state;
    char md5[LK_MD5_HEX_SIZE];
    char sha[LK_SHA256_HEX_SIZE];
    unsigned char hmac[LK_SHA256_BYTES];
    lk_md5_attribute attribute = {LK_SLICE_LITERAL("n"), LK_SLICE_LITERAL("String"),
                                  LK_SLICE_LITERAL("v")};
    assert_false(lk_md5_hex(LK_SLICE_LITERAL("abc"), md5));
    assert_false(lk_md5_attributes_hex(&attribute, 1, md5));
    assert_true(lk_sha256_hex(LK_SLICE_LITERAL("abc"), sha));
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(lk_hmac_sha256(LK_SLICE_LITERAL("key"), LK_SLICE_LITERAL("abc"), hmac));
}

static lk_client *client_of(lk_test_sqs *sqs)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = lk_test_sqs_url(sqs);
    options.region = "us-east-1";
    options.access_key_id = "A";
    options.secret_access_key = "s";
    lk_client *client = lk_client_new(&options, &err);
    assert_non_null(client);
    return client;
}

static void a_send_is_accepted_whatever_digest_the_answer_has(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.body = "{\"MessageId\":\"m1\",\"MD5OfMessageBody\":\"" SOME_DIGEST
                 "\",\"MD5OfMessageAttributes\":\"" SOME_DIGEST "\"}"},
        {.body = "{\"Successful\":[{\"Id\":\"0\",\"MessageId\":\"m2\",\"MD5OfMessageBody\":"
                 "\"" SOME_DIGEST "\"},{\"Id\":\"1\",\"MessageId\":\"m3\","
                 "\"MD5OfMessageBody\":\"" SOME_DIGEST "\"}],\"Failed\":[]}"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, LK_COUNT(answers));
    lk_client *client = client_of(sqs);
    lk_slice queue = LK_SLICE_LITERAL("jobs");
    lk_slice body = LK_SLICE_LITERAL("{}");
    lk_sent sent;
    assert_lk_ok(lk_send(client, queue, body, NULL, &sent, &err));
    assert_string_equal(sent.message_id, "m1");
    lk_send_entry entries[2] = {{.body = body, .options = LK_SEND_OPTIONS_INIT},
                                {.body = body, .options = LK_SEND_OPTIONS_INIT}};
    lk_send_result results[2];
    assert_lk_ok(lk_send_batch(client, queue, entries, 2, results, &err));
    assert_int_equal(results[0].err.code, LK_OK);
    assert_int_equal(results[1].err.code, LK_OK);
    assert_string_equal(results[1].sent.message_id, "m3");
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_message_is_received_whatever_digest_it_has(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.body = "{\"Messages\":[{\"MessageId\":\"m\",\"ReceiptHandle\":\"r\",\"Body\":\"b\","
                 "\"MD5OfBody\":\"" SOME_DIGEST "\"}]}"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, LK_COUNT(answers));
    lk_client *client = client_of(sqs);
    char *answer = NULL;
    size_t len = 0;
    assert_lk_ok(lk_sqs_call(client, "ReceiveMessage",
                             LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":0}"),
                             &answer, &len, &err));
    assert_non_null(strstr(answer, "\"m\""));
    lk_free(answer);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* Becomes this program with MD5 taken away. */
static void run_again(char **argv)
{
    char path[] = "/tmp/lk_openssl_XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        return;
    fprintf(file,
            "openssl_conf = all\n[all]\nproviders = providers\n[providers]\nwithout_md5 = one\n"
            "[one]\nmodule = %s\nactivate = 1\n",
            LK_TEST_FIXTURE_DIR "/fixture_without_md5.so");
    fclose(file);
    setenv("OPENSSL_CONF", path, 1);
    setenv("LK_TEST_WITHOUT_MD5", path, 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_is_gone_and_sha_256_is_there),
        cmocka_unit_test(a_send_is_accepted_whatever_digest_the_answer_has),
        cmocka_unit_test(a_message_is_received_whatever_digest_it_has),
    };
    (void)argc;
    const char *conf = getenv("LK_TEST_WITHOUT_MD5");
    if (!conf) {
        run_again(argv);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(conf);
    return failed;
}
