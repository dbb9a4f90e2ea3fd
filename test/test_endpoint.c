/* SPDX-License-Identifier: MIT
 *
 * test_endpoint: regions, hosts, URLs, ARNs, and which configured endpoint wins.
 */
#include "lk_test.h"

#include "endpoint.h"
#include "lk_test_config.h"

static lk_err err;

static int clear_environment(void **state)
{
    (void)state;
    lk_test_config_clear();
    return 0;
}

static lk_profile *profile_of(const char *text)
{
    return lk_test_config_profile(text, NULL);
}

static void assert_region_endpoint(const char *region, const char *url)
{
    lk_buf out = {0};
    assert_lk_ok(lk_endpoint_of_region("sqs", lk_slice_of(region), &out, &err));
    assert_slice(lk_buf_slice(&out), url);
    lk_buf_clear(&out);
}

static void every_partition_has_its_host(void **state)
{
    (void)state;
    assert_region_endpoint("us-east-1", "https://sqs.us-east-1.amazonaws.com");
    assert_region_endpoint("eu-central-2", "https://sqs.eu-central-2.amazonaws.com");
    assert_region_endpoint("cn-northwest-1", "https://sqs.cn-northwest-1.amazonaws.com.cn");
    assert_region_endpoint("us-gov-west-1", "https://sqs.us-gov-west-1.amazonaws.com");
}

static void a_region_that_could_name_another_host_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "evil.com/", "us east", "US-EAST-1", "-a", "a.b", "a-"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_buf out = {0};
        assert_lk_fails(lk_endpoint_of_region("sqs", lk_slice_of(bad[i]), &out, &err), LK_E_CONFIG);
        lk_buf_clear(&out);
    }
}

static void hosts_tell_the_region_to_sign_with(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"sqs.us-east-1.amazonaws.com", "us-east-1"},
        {"sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {"queue.amazonaws.com", "us-east-1"},
        {"eu-west-1.queue.amazonaws.com", "eu-west-1"},
        {"cn-north-1.queue.amazonaws.com.cn", "cn-north-1"},
        {"sqs-fips.us-west-2.amazonaws.com", "us-west-2"},
        {"vpce-0a-1b.sqs.eu-west-3.vpce.amazonaws.com", "eu-west-3"},
        {"sqs.us-east-1.localhost.localstack.cloud", "us-east-1"},
        {"localhost", ""},
        {"127.0.0.1", ""},
        {"sqs", ""},
        {"sqs.us-east-1", ""},
        {"", ""},
    };
    for (size_t i = 0; i < LK_COUNT(pairs); i++)
        assert_slice(lk_endpoint_region_of_host(lk_slice_of(pairs[i][0])), pairs[i][1]);
}

static void a_url_falls_into_its_parts(void **state)
{
    (void)state;
    lk_url url;
    assert_true(lk_url_parse(lk_slice_of("http://localhost:9324/000000000000/jobs"), &url));
    assert_slice(url.scheme, "http");
    assert_slice(url.host, "localhost");
    assert_slice(url.port, "9324");
    assert_slice(url.path, "/000000000000/jobs");
    assert_slice(url.origin, "http://localhost:9324");
    assert_true(lk_url_parse(lk_slice_of("https://[::1]:8443"), &url));
    assert_slice(url.host, "[::1]");
    assert_slice(url.port, "8443");
    assert_slice(url.path, "");
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "jobs",          "ftp://host/",     "http://",
                                      "http:///", "http://a b/",   "http://user@h/x", "http://h:0/",
                                      "http://[", "http://h:70000"};
    lk_url url;
    for (size_t i = 0; i < LK_COUNT(bad); i++)
        assert_false(lk_url_parse(lk_slice_of(bad[i]), &url));
}

static void an_arn_falls_into_its_parts(void **state)
{
    (void)state;
    lk_arn arn;
    assert_true(
        lk_arn_parse(lk_slice_of("arn:aws-cn:sqs:cn-north-1:123456789012:jobs.fifo"), &arn));
    assert_slice(arn.partition, "aws-cn");
    assert_slice(arn.region, "cn-north-1");
    assert_slice(arn.account, "123456789012");
    assert_slice(arn.name, "jobs.fifo");
    static const char *const bad[] = {"", "arn:aws:sns:r:1:t", "arn:aws:sqs:r:1",
                                      "arn:aws:sqs:r:1:", "arn:aws:sqs:r:1:a:b"};
    for (size_t i = 0; i < LK_COUNT(bad); i++)
        assert_false(lk_arn_parse(lk_slice_of(bad[i]), &arn));
}

static void assert_fixed(const char *option, const lk_profile *profile, const char *expected)
{
    lk_buf out = {0};
    assert_lk_ok(lk_endpoint_fixed("sqs", option, profile, &out, &err));
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

static void endpoint_precedence_is_option_then_sqs_variable_then_variable_then_profile(void **state)
{
    (void)state;
    lk_profile *profile =
        profile_of("[default]\nservices = local\nendpoint_url = http://profile:1\n"
                   "[services local]\nsqs =\n  endpoint_url = http://service:1\n");
    setenv("AWS_ENDPOINT_URL", "http://all:1", 1);
    setenv("AWS_ENDPOINT_URL_SQS", "http://sqs:1", 1);
    assert_fixed("http://option:1/", profile, "http://option:1");
    assert_fixed(NULL, profile, "http://sqs:1");
    unsetenv("AWS_ENDPOINT_URL_SQS");
    assert_fixed(NULL, profile, "http://all:1");
    setenv("AWS_ENDPOINT_URL", "", 1);
    assert_fixed(NULL, profile, "http://service:1");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    assert_fixed(NULL, profile, "");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True", 1);
    assert_fixed(NULL, profile, "");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "no", 1);
    assert_fixed(NULL, profile, "http://service:1");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    lk_profile_free(profile);
    assert_fixed(NULL, NULL, "");
}

static void an_endpoint_that_is_no_url_says_what_one_looks_like(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_lk_fails(lk_endpoint_fixed("sqs", "localhost:9324", NULL, &out, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "http://127.0.0.1:9324"));
    lk_buf_clear(&out);
}

static void region_precedence_is_option_then_environment_then_profile(void **state)
{
    (void)state;
    lk_profile *profile = profile_of("[default]\nregion = eu-west-1\n");
    lk_buf out = {0};
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    setenv("AWS_REGION", "us-west-1", 1);
    assert_lk_ok(lk_endpoint_region("sa-east-1", profile, &out, &err));
    assert_slice(lk_buf_slice(&out), "sa-east-1");
    assert_lk_ok(lk_endpoint_region(NULL, profile, &out, &err));
    assert_slice(lk_buf_slice(&out), "us-west-1");
    unsetenv("AWS_REGION");
    assert_lk_ok(lk_endpoint_region(NULL, profile, &out, &err));
    assert_slice(lk_buf_slice(&out), "us-west-2");
    unsetenv("AWS_DEFAULT_REGION");
    assert_lk_ok(lk_endpoint_region(NULL, profile, &out, &err));
    assert_slice(lk_buf_slice(&out), "eu-west-1");
    lk_profile_free(profile);
    lk_buf_clear(&out);
}

static void a_missing_region_says_how_to_set_it(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_lk_fails(lk_endpoint_region(NULL, NULL, &out, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "AWS_REGION"));
    lk_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_partition_has_its_host, clear_environment),
        cmocka_unit_test_setup(a_region_that_could_name_another_host_is_refused, clear_environment),
        cmocka_unit_test_setup(hosts_tell_the_region_to_sign_with, clear_environment),
        cmocka_unit_test_setup(a_url_falls_into_its_parts, clear_environment),
        cmocka_unit_test_setup(what_is_no_url_is_refused, clear_environment),
        cmocka_unit_test_setup(an_arn_falls_into_its_parts, clear_environment),
        cmocka_unit_test_setup(
            endpoint_precedence_is_option_then_sqs_variable_then_variable_then_profile,
            clear_environment),
        cmocka_unit_test_setup(an_endpoint_that_is_no_url_says_what_one_looks_like,
                               clear_environment),
        cmocka_unit_test_setup(region_precedence_is_option_then_environment_then_profile,
                               clear_environment),
        cmocka_unit_test_setup(a_missing_region_says_how_to_set_it, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
