/* SPDX-License-Identifier: MIT
 *
 * test_credentials_profile: roles, web identities and processes, against a peer that plays STS.
 */
#include "lk_test.h"

#include "credentials.h"
#include "lk_test_config.h"
#include "lk_test_http.h"
#include "sigv4.h"

#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS INT64_C(1735700000000) /* 2025-01-01T02:53:20Z */

static lk_err err;
static int64_t now_ms;
static lk_env env;
static lk_credentials_provider *provider;
static lk_profile *profile;
static lk_test_http *sts;

static int64_t test_wall_ms(void *ctx)
{
    (void)ctx;
    return now_ms;
}

/* What STS says; set by the tests. */
static struct {
    int status;
    int failures;           /* answered with the status before it succeeds; -1: for ever */
    const char *body;       /* instead of a result */
    const char *expiration; /* of the result */
    int serial;
} answer;

static void play_sts(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    (void)request;
    (void)ctx;
    if (answer.failures != 0) {
        answer.failures--;
        response->status = answer.status;
        lk_buf_addf(&response->body,
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
                    "<Type>Sender</Type><Code>%s</Code><Message>not &lt;you&gt;</Message></Error>"
                    "<RequestId>r</RequestId></ErrorResponse>",
                    answer.status >= 500 ? "InternalFailure" : "AccessDenied");
        return;
    }
    if (answer.body) {
        lk_buf_add_str(&response->body, answer.body);
        return;
    }
    lk_buf_addf(&response->body,
                "<XResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><XResult>\n"
                "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>"
                "<Credentials><AccessKeyId>R%d</AccessKeyId>\n<SecretAccessKey>rs%d"
                "</SecretAccessKey><SessionToken>rt</SessionToken><Expiration>%s</Expiration>"
                "</Credentials></XResult></XResponse>",
                answer.serial + 1, answer.serial + 1, answer.expiration);
    answer.serial++;
}

static int set_up(void **state)
{
    (void)state;
    lk_test_config_clear();
    now_ms = NOW_MS;
    env = lk_env_default;
    env.wall_ms = test_wall_ms;
    memset(&answer, 0, sizeof(answer));
    answer.expiration = "2025-01-01T04:00:00Z";
    sts = lk_test_http_start(play_sts, NULL);
    setenv("AWS_ENDPOINT_URL_STS", lk_test_http_url(sts), 1);
    provider = lk_credentials_provider_new(&env, &err);
    profile = NULL;
    return provider ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    lk_credentials_provider_free(provider);
    lk_profile_free(profile);
    lk_test_http_stop(sts);
    lk_test_config_clear();
    return 0;
}

static void use(const char *config)
{
    lk_profile_free(profile);
    profile = lk_test_config_profile(config, NULL);
}

static int get(const lk_credentials **found)
{
    return lk_credentials_get(provider, profile, "eu-west-1", found, &err);
}

static void assert_keys(const char *id, const char *secret, const char *token)
{
    const lk_credentials *found = NULL;
    assert_lk_ok(get(&found));
    assert_string_equal(found->access_key_id, id);
    assert_string_equal(found->secret_access_key, secret);
    assert_string_equal(found->session_token ? found->session_token : "", token);
}

static void assert_fails(int code, const char *message)
{
    const lk_credentials *found = NULL;
    assert_lk_fails(get(&found), code);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
}

/* The nth request's form has "&NAME=value", as encoded. */
static void assert_form(size_t index, const char *part)
{
    const lk_test_request *request = lk_test_http_at(sts, index);
    assert_non_null(request);
    if (!memmem(request->body.ptr, request->body.len, part, strlen(part)))
        fail_msg("\"%.*s\" does not hold \"%s\"", LK_SLICE_FMT(request->body), part);
}

/* --- Web identity --------------------------------------------------------------------------- */

static void a_web_identity_of_the_environment_is_taken_to_sts_unsigned(void **state)
{
    (void)state;
    char path[64];
    lk_test_config_file(path, "token+1\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
    setenv("AWS_ROLE_SESSION_NAME", "me", 1);
    assert_keys("R1", "rs1", "rt");
    assert_keys("R1", "rs1", "rt");
    assert_int_equal(lk_test_http_count(sts), 1);
    const lk_test_request *request = lk_test_http_at(sts, 0);
    assert_string_equal(request->method, "POST");
    assert_null(lk_test_request_header(request, "Authorization").ptr);
    assert_slice(lk_test_request_header(request, "Content-Type"),
                 "application/x-www-form-urlencoded; charset=utf-8");
    assert_slice(request->body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                                "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me"
                                "&WebIdentityToken=token%2B1");
    unlink(path);
}

static void the_token_file_is_read_at_each_refresh(void **state)
{
    (void)state;
    char path[64];
    lk_test_config_file(path, "one");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
    assert_keys("R1", "rs1", "rt");
    assert_form(0, "&RoleSessionName=lambdakiq-1735700000");
    FILE *file = fopen(path, "w");
    fputs("two", file);
    fclose(file);
    now_ms = INT64_C(1735704000000) - 299000;
    answer.expiration = "2025-01-01T10:00:00Z";
    assert_keys("R2", "rs2", "rt");
    assert_form(1, "&WebIdentityToken=two");
    /* Gone: those at hand serve to their end. */
    unlink(path);
    now_ms = INT64_C(1735725600000) - 200000;
    assert_keys("R2", "rs2", "rt");
    now_ms = INT64_C(1735725600000) + 1;
    assert_fails(LK_E_CREDENTIALS, path);
}

static void half_a_web_identity_names_the_other_half(void **state)
{
    (void)state;
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token", 1);
    assert_fails(LK_E_CREDENTIALS, "AWS_ROLE_ARN is not");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
    assert_fails(LK_E_CREDENTIALS, "/nonexistent/token");
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    use("[default]\nweb_identity_token_file = /x\n");
    assert_fails(LK_E_CONFIG, "no role_arn");
}

static void a_profile_may_hold_the_web_identity(void **state)
{
    (void)state;
    char path[64];
    char config[256];
    lk_test_config_file(path, "token");
    snprintf(config, sizeof(config),
             "[default]\nrole_arn = arn:r\nweb_identity_token_file = %s\nrole_session_name = n\n",
             path);
    use(config);
    assert_keys("R1", "rs1", "rt");
    assert_form(0, "&RoleArn=arn%3Ar&RoleSessionName=n&WebIdentityToken=token");
    unlink(path);
}

static void
the_environments_keys_go_before_its_web_identity_and_that_before_the_profile(void **state)
{
    (void)state;
    char path[64];
    lk_test_config_file(path, "token");
    use("[default]\naws_access_key_id = P\naws_secret_access_key = ps\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:r", 1);
    assert_keys("R1", "rs1", "rt");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
    assert_keys("E", "es", "");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    assert_keys("P", "ps", "");
    unlink(path);
}

/* --- STS's answers -------------------------------------------------------------------------- */

static const char role_by_keys[] = "[default]\nrole_arn = arn:r\nsource_profile = base\n"
                                   "[profile base]\naws_access_key_id = B\n"
                                   "aws_secret_access_key = bs\n";

static void a_refusal_is_told_in_the_words_of_sts_and_not_repeated(void **state)
{
    (void)state;
    use(role_by_keys);
    answer.status = 403;
    answer.failures = -1;
    assert_fails(LK_E_CREDENTIALS, "STS refused the role arn:r: HTTP 403 AccessDenied: not <you>");
    assert_string_equal(err.aws_code, "AccessDenied");
    assert_int_equal(err.http_status, 403);
    assert_int_equal(lk_test_http_count(sts), 1);
}

static void a_failure_of_sts_is_tried_again_twice(void **state)
{
    (void)state;
    use(role_by_keys);
    answer.status = 503;
    answer.failures = 2;
    assert_keys("R1", "rs1", "rt");
    assert_int_equal(lk_test_http_count(sts), 3);
    assert_true(lk_credentials_invalidate(provider));
    answer.failures = -1;
    assert_fails(LK_E_CREDENTIALS, "HTTP 503");
    assert_int_equal(lk_test_http_count(sts), 6);
}

static void an_sts_that_cannot_be_reached_is_named(void **state)
{
    (void)state;
    use(role_by_keys);
    setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1", 1);
    assert_fails(LK_E_CREDENTIALS, "no credentials from STS for the role arn:r");
}

static void an_answer_that_is_no_result_is_an_error_without_its_text(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "hello",
        "<a><b><Credentials></Credentials></b></a>",
        "<a><b><Credentials><AccessKeyId>SECRETISH</AccessKeyId></Credentials></b></a>",
        "<a><b><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>SECRETISH"
        "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>soon</Expiration>"
        "</Credentials></b></a>",
        "<!DOCTYPE a [<!ENTITY x \"SECRETISH\">]><a><b><Credentials>&x;</Credentials></b></a>"};
    use(role_by_keys);
    for (size_t i = 0; i < LK_COUNT(bodies); i++) {
        answer.body = bodies[i];
        assert_fails(LK_E_CREDENTIALS, "the answer of STS");
        assert_null(strstr(err.message, "SECRETISH"));
    }
}

static void the_general_endpoint_serves_sts_too(void **state)
{
    (void)state;
    use(role_by_keys);
    unsetenv("AWS_ENDPOINT_URL_STS");
    setenv("AWS_ENDPOINT_URL", lk_test_http_url(sts), 1);
    assert_keys("R1", "rs1", "rt");
}

/* --- Roles ---------------------------------------------------------------------------------- */

/* The signature of the nth request is that of this secret. */
static void assert_signed(size_t index, const char *id, const char *secret, const char *token)
{
    const lk_test_request *request = lk_test_http_at(sts, index);
    char hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(request->body, hash));
    lk_name_value headers[] = {
        {LK_SLICE_LITERAL("content-type"), lk_test_request_header(request, "Content-Type")},
        {LK_SLICE_LITERAL("host"), lk_test_request_header(request, "Host")},
        {LK_SLICE_LITERAL("x-amz-date"), lk_test_request_header(request, "X-Amz-Date")},
        {LK_SLICE_LITERAL("x-amz-security-token"),
         lk_test_request_header(request, "X-Amz-Security-Token")}};
    assert_slice(headers[2].value, "20250101T025320Z");
    if (token)
        assert_slice(headers[3].value, token);
    lk_sigv4_request signed_request = {.method = LK_SLICE_LITERAL("POST"),
                                       .path = LK_SLICE_LITERAL("/"),
                                       .headers = headers,
                                       .header_count = token ? 4 : 3,
                                       .payload_hash = lk_slice_of(hash),
                                       .amz_date = headers[2].value,
                                       .region = LK_SLICE_LITERAL("eu-west-1"),
                                       .service = LK_SLICE_LITERAL("sts")};
    lk_sigv4_key key = {.valid = false};
    lk_buf expected = {0};
    assert_lk_ok(lk_sigv4_authorization(&signed_request, lk_slice_of(id), lk_slice_of(secret), &key,
                                        &expected, &err));
    assert_slice(lk_test_request_header(request, "Authorization"), expected.ptr);
    lk_buf_clear(&expected);
}

static void a_role_is_assumed_with_the_source_profiles_keys(void **state)
{
    (void)state;
    use("[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nexternal_id = e x\n"
        "role_session_name = me\nduration_seconds = 1800\naws_access_key_id = OTHER\n"
        "aws_secret_access_key = os\n"
        "[profile base]\naws_access_key_id = B\naws_secret_access_key = bs\n"
        "aws_session_token = bt\n");
    assert_keys("R1", "rs1", "rt");
    assert_int_equal(lk_test_http_count(sts), 1);
    assert_slice(lk_test_http_at(sts, 0)->body,
                 "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
                 "&RoleSessionName=me&ExternalId=e%20x&DurationSeconds=1800");
    assert_signed(0, "B", "bs", "bt");
}

static void roles_form_chains(void **state)
{
    (void)state;
    use("[default]\nrole_arn = arn:c\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:b\nsource_profile = a\n"
        "[profile a]\naws_access_key_id = A\naws_secret_access_key = as\n");
    assert_keys("R2", "rs2", "rt");
    assert_form(0, "&RoleArn=arn%3Ab");
    assert_signed(0, "A", "as", NULL);
    assert_form(1, "&RoleArn=arn%3Ac");
    assert_signed(1, "R1", "rs1", "rt");
}

static void a_profile_with_keys_may_be_its_own_source(void **state)
{
    (void)state;
    use("[default]\nrole_arn = arn:r\nsource_profile = default\naws_access_key_id = D\n"
        "aws_secret_access_key = ds\n");
    assert_keys("R1", "rs1", "rt");
    assert_signed(0, "D", "ds", NULL);
}

static void the_environment_may_be_a_source_under_a_chosen_profile(void **state)
{
    (void)state;
    profile = lk_test_config_profile(
        "[profile p]\nrole_arn = arn:r\ncredential_source = Environment\n", "p");
    assert_fails(LK_E_CREDENTIALS, "AWS_ACCESS_KEY_ID is not set");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
    assert_keys("R1", "rs1", "rt");
    assert_signed(0, "E", "es", NULL);
}

static void play_machine(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    (void)ctx;
    if (strcmp(request->path, "/latest/meta-data/iam/security-credentials/") == 0)
        lk_buf_add_str(&response->body, "role");
    else if (strcmp(request->path, "/latest/api/token") == 0)
        lk_buf_add_str(&response->body, "token");
    else
        lk_buf_add_str(&response->body,
                       "{\"AccessKeyId\":\"M\",\"SecretAccessKey\":\"ms\","
                       "\"Token\":\"mt\",\"Expiration\":\"2030-01-01T00:00:00Z\"}");
}

static void the_machine_may_be_a_source(void **state)
{
    (void)state;
    lk_test_http *machine = lk_test_http_start(play_machine, NULL);
    use("[default]\nrole_arn = arn:r\ncredential_source = EcsContainer\n");
    assert_fails(LK_E_CREDENTIALS, "EcsContainer");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lk_test_http_url(machine), 1);
    assert_keys("R1", "rs1", "rt");
    assert_signed(0, "M", "ms", "mt");
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", lk_test_http_url(machine), 1);
    use("[default]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n");
    assert_true(lk_credentials_invalidate(provider));
    assert_keys("R2", "rs2", "rt");
    assert_signed(1, "M", "ms", "mt");
    lk_test_http_stop(machine);
}

static void profiles_that_cannot_work_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *message;
    } cases[] = {
        {"[default]\nrole_arn = r\n", "neither source_profile nor credential_source"},
        {"[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment\n",
         "both source_profile and credential_source"},
        {"[default]\nrole_arn = r\ncredential_source = Elsewhere\n", "\"Elsewhere\""},
        {"[default]\nrole_arn = r\nsource_profile = gone\n", "\"gone\""},
        {"[default]\nrole_arn = r\nsource_profile = e\n[profile e]\nregion = x\n",
         "has no credentials"},
        {"[default]\nrole_arn = r\nsource_profile = default\n", "back to it"},
        {"[default]\nrole_arn = r\nsource_profile = a\n[profile a]\nrole_arn = r\n"
         "source_profile = b\n[profile b]\nrole_arn = r\nsource_profile = a\n",
         "back to it"},
        {"[default]\nrole_arn = r\nsource_profile = a\nduration_seconds = long\n[profile a]\n",
         "duration_seconds"},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        use(cases[i].config);
        assert_fails(LK_E_CONFIG, cases[i].message);
    }
    assert_int_equal(lk_test_http_count(sts), 0);
}

static void a_source_that_only_the_sdk_supports_is_named(void **state)
{
    (void)state;
    use("[default]\nrole_arn = r\nsource_profile = s\n[profile s]\nsso_session = x\n");
    assert_fails(LK_E_UNSUPPORTED, "the AWS profile \"s\" uses sso_session");
}

static void a_chain_without_end_ends(void **state)
{
    (void)state;
    lk_buf config = {0};
    lk_buf_add_str(&config, "[default]\nrole_arn = r\nsource_profile = p0\n");
    for (int i = 0; i < 100; i++)
        lk_buf_addf(&config, "[profile p%d]\nrole_arn = r\nsource_profile = p%d\n", i, i + 1);
    use(config.ptr);
    assert_fails(LK_E_CONFIG, "more than 16");
    lk_buf_clear(&config);
}

/* --- Processes ------------------------------------------------------------------------------ */

/* A profile whose process is this script; how often it ran is the length of the file `runs`. */
static void use_process(const char *script, char *path, char *runs)
{
    char config[256];
    lk_buf text = {0};
    lk_test_config_file(runs, "");
    lk_buf_addf(&text, "#!/bin/sh\nprintf x >>%s\n%s\n", runs, script);
    lk_test_config_file(path, text.ptr);
    chmod(path, 0700);
    snprintf(config, sizeof(config), "[default]\ncredential_process = %s 'an argument'\n", path);
    use(config);
    lk_buf_clear(&text);
}

static int64_t runs_of(const char *runs)
{
    struct stat info;
    assert_int_equal(stat(runs, &info), 0);
    return info.st_size;
}

static void a_process_gives_keys_that_are_refreshed(void **state)
{
    (void)state;
    char path[64];
    char runs[64];
    use_process("printf '{\"Version\":1,\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"xs\","
                "\"SessionToken\":\"xt\",\"Expiration\":\"2025-01-01T04:00:00Z\"}' \"$1\"",
                path, runs);
    assert_keys("an argument", "xs", "xt");
    assert_keys("an argument", "xs", "xt");
    assert_int_equal(runs_of(runs), 1);
    now_ms = INT64_C(1735704000000) - 299000;
    assert_keys("an argument", "xs", "xt");
    assert_int_equal(runs_of(runs), 2);
    unlink(path);
    unlink(runs);
}

static void keys_without_expiration_are_kept_until_the_service_refuses_them(void **state)
{
    (void)state;
    char path[64];
    char runs[64];
    use_process("echo '{\"Version\":1,\"AccessKeyId\":\"X\",\"SecretAccessKey\":\"xs\"}'", path,
                runs);
    assert_keys("X", "xs", "");
    now_ms += INT64_C(1000) * 3600 * 24 * 365;
    assert_keys("X", "xs", "");
    assert_int_equal(runs_of(runs), 1);
    assert_true(lk_credentials_invalidate(provider));
    assert_keys("X", "xs", "");
    assert_int_equal(runs_of(runs), 2);
    unlink(path);
    unlink(runs);
}

static void a_process_that_fails_shows_its_stderr_and_never_its_output(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *message;
    } cases[] = {
        {"echo SECRETISH; printf 'log in\\n\\033first\\n' >&2; exit 4",
         "\"default\" failed with status 4: log in  first"},
        {"echo SECRETISH; exit 1", "it wrote nothing to stderr"},
        {"echo SECRETISH", "no JSON"},
        {"echo '{\"Version\":2,\"AccessKeyId\":\"SECRETISH\"}'", "not of Version 1"},
        {"echo '{\"Version\":1,\"AccessKeyId\":\"SECRETISH\"}'", "holds no credentials"},
        {"", "no JSON"},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        char path[64];
        char runs[64];
        use_process(cases[i].script, path, runs);
        assert_fails(LK_E_CREDENTIALS, cases[i].message);
        assert_null(strstr(err.message, "SECRETISH"));
        unlink(path);
        unlink(runs);
    }
}

static void a_process_that_cannot_be_started_is_named(void **state)
{
    (void)state;
    use("[default]\ncredential_process = /nonexistent/program x\n");
    assert_fails(LK_E_CREDENTIALS, "cannot start \"/nonexistent/program\"");
    use("[default]\ncredential_process = \"open\n");
    assert_fails(LK_E_CREDENTIALS, "a quote is not closed");
    use("[default]\ncredential_process = ' '\n");
    assert_fails(LK_E_CREDENTIALS, "cannot start \" \"");
}

static void a_process_may_be_the_source_of_a_role(void **state)
{
    (void)state;
    char path[64];
    char runs[64];
    char config[256];
    use_process("echo '{\"Version\":1,\"AccessKeyId\":\"X\",\"SecretAccessKey\":\"xs\"}'", path,
                runs);
    snprintf(config, sizeof(config),
             "[default]\nrole_arn = arn:r\nsource_profile = p\n[profile p]\n"
             "credential_process = %s\n",
             path);
    use(config);
    assert_keys("R1", "rs1", "rt");
    assert_signed(0, "X", "xs", NULL);
    unlink(path);
    unlink(runs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_web_identity_of_the_environment_is_taken_to_sts_unsigned),
        TEST(the_token_file_is_read_at_each_refresh),
        TEST(half_a_web_identity_names_the_other_half),
        TEST(a_profile_may_hold_the_web_identity),
        TEST(the_environments_keys_go_before_its_web_identity_and_that_before_the_profile),
        TEST(a_refusal_is_told_in_the_words_of_sts_and_not_repeated),
        TEST(a_failure_of_sts_is_tried_again_twice),
        TEST(an_sts_that_cannot_be_reached_is_named),
        TEST(an_answer_that_is_no_result_is_an_error_without_its_text),
        TEST(the_general_endpoint_serves_sts_too),
        TEST(a_role_is_assumed_with_the_source_profiles_keys),
        TEST(roles_form_chains),
        TEST(a_profile_with_keys_may_be_its_own_source),
        TEST(the_environment_may_be_a_source_under_a_chosen_profile),
        TEST(the_machine_may_be_a_source),
        TEST(profiles_that_cannot_work_say_why),
        TEST(a_source_that_only_the_sdk_supports_is_named),
        TEST(a_chain_without_end_ends),
        TEST(a_process_gives_keys_that_are_refreshed),
        TEST(keys_without_expiration_are_kept_until_the_service_refuses_them),
        TEST(a_process_that_fails_shows_its_stderr_and_never_its_output),
        TEST(a_process_that_cannot_be_started_is_named),
        TEST(a_process_may_be_the_source_of_a_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
