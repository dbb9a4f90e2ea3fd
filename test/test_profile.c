/* SPDX-License-Identifier: MIT
 *
 * test_profile: AWS's shared config and credentials files, as people write them.
 */
#include "lk_test.h"

#include "profile.h"

#include <sys/stat.h>
#include <unistd.h>

static lk_err err;
static char dir[] = "/tmp/lk_profile_XXXXXX";
static char config_path[64];
static char credentials_path[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(config_path, sizeof(config_path), "%s/config", dir);
    snprintf(credentials_path, sizeof(credentials_path), "%s/credentials", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(config_path);
    unlink(credentials_path);
    return rmdir(dir);
}

static int start_empty(void **state)
{
    (void)state;
    unlink(config_path);
    unlink(credentials_path);
    unsetenv("AWS_PROFILE");
    setenv("AWS_CONFIG_FILE", config_path, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, 1);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static lk_profile *load(const char *name)
{
    lk_profile *profile = NULL;
    assert_lk_ok(lk_profile_load(name, &profile, &err));
    return profile;
}

static void assert_key(const lk_profile *profile, const char *key, const char *expected)
{
    const char *value = lk_profile_get(profile, key);
    if (!expected)
        assert_null(value);
    else
        assert_string_equal(value ? value : "(absent)", expected);
}

static void missing_files_are_an_empty_default_profile(void **state)
{
    (void)state;
    lk_profile *profile = load(NULL);
    assert_string_equal(lk_profile_name(profile), "default");
    assert_key(profile, "region", NULL);
    lk_profile_free(profile);
}

static void a_named_profile_that_is_nowhere_is_an_error_with_its_name(void **state)
{
    (void)state;
    write_file(config_path, "[default]\nregion = us-east-1\n");
    lk_profile *profile = NULL;
    assert_lk_fails(lk_profile_load("staging", &profile, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "staging"));
    setenv("AWS_PROFILE", "other", 1);
    assert_lk_fails(lk_profile_load(NULL, &profile, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "AWS_PROFILE"));
    assert_null(profile);
}

static void keys_are_read_with_comments_spaces_and_windows_line_ends(void **state)
{
    (void)state;
    write_file(config_path, "# a comment\r\n; another\r\n[default]\r\n  \r\n"
                            "region=eu-west-1 # behind the value\r\n"
                            "output   =   json\r\nurl = http://h/#fragment\r\nnonsense\r\n");
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "eu-west-1");
    assert_key(profile, "output", "json");
    assert_key(profile, "url", "http://h/#fragment");
    assert_key(profile, "nonsense", NULL);
    lk_profile_free(profile);
}

static void the_environment_chooses_the_profile_and_an_argument_beats_it(void **state)
{
    (void)state;
    write_file(config_path, "[profile a]\nregion = ra\n[profile \"b c\"]\nregion = rb\n");
    setenv("AWS_PROFILE", "a", 1);
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "ra");
    lk_profile_free(profile);
    profile = load("b c");
    assert_key(profile, "region", "rb");
    lk_profile_free(profile);
}

static void the_credentials_file_names_profiles_bare_and_wins(void **state)
{
    (void)state;
    write_file(config_path, "[profile a]\naws_access_key_id = FROM_CONFIG\nregion = r\n");
    write_file(credentials_path, "[a]\naws_access_key_id = FROM_CREDENTIALS\n"
                                 "aws_secret_access_key = s/+==\n[profile a]\nregion = no\n");
    lk_profile *profile = load("a");
    assert_key(profile, "aws_access_key_id", "FROM_CREDENTIALS");
    assert_key(profile, "aws_secret_access_key", "s/+==");
    assert_key(profile, "region", "r");
    lk_profile_free(profile);
}

static void a_bare_section_of_the_config_file_is_no_profile(void **state)
{
    (void)state;
    write_file(config_path, "[a]\nregion = no\n[profile default]\nregion = yes\n");
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "yes");
    lk_profile_free(profile);
    assert_lk_fails(lk_profile_load("a", &profile, &err), LK_E_CONFIG);
}

static void indented_keys_belong_to_the_key_above_them(void **state)
{
    (void)state;
    write_file(config_path, "[default]\ns3 =\n  region = nested\n  max = 3\nregion = outer\n");
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "outer");
    assert_key(profile, "max", NULL);
    lk_profile_free(profile);
}

static void a_services_section_gives_the_endpoint_of_one_service(void **state)
{
    (void)state;
    write_file(config_path, "[services other]\nsqs =\n  endpoint_url = http://no\n"
                            "[services local]\ns3 =\n  endpoint_url = http://s3\n"
                            "sqs =\n  endpoint_url = http://sqs\n"
                            "[default]\nservices = local\n");
    lk_profile *profile = load(NULL);
    assert_string_equal(lk_profile_service_get(profile, "sqs", "endpoint_url"), "http://sqs");
    assert_null(lk_profile_service_get(profile, "sns", "endpoint_url"));
    assert_null(lk_profile_service_get(profile, "sq", "endpoint_url"));
    lk_profile_free(profile);
}

static void profile_default_beats_default_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[default]\nregion = a\noutput = x\n[profile default]\nregion = b\n",
        "[profile default]\nregion = b\n[default]\nregion = a\noutput = x\n"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        write_file(config_path, texts[i]);
        lk_profile *profile = load(NULL);
        assert_key(profile, "region", "b");
        assert_key(profile, "output", NULL);
        lk_profile_free(profile);
    }
}

static void a_services_section_of_another_profile_or_service_is_not_taken(void **state)
{
    (void)state;
    write_file(config_path, "[default]\nservices = mine\n"
                            "[services other]\nsqs =\n  endpoint_url = http://other\n"
                            "[services mine]\n; the next is of another service\n"
                            "s3 =\n  endpoint_url = http://s3\nendpoint_url = http://nobody\n");
    lk_profile *profile = load(NULL);
    assert_null(lk_profile_service_get(profile, "sqs", "endpoint_url"));
    assert_string_equal(lk_profile_service_get(profile, "s3", "endpoint_url"), "http://s3");
    assert_key(profile, "endpoint_url", NULL);
    lk_profile_free(profile);
}

static void malformed_lines_are_passed_over(void **state)
{
    (void)state;
    write_file(config_path, "region = before any section\n[default\nregion = unclosed\n"
                            "[]\nregion = nameless\n[default] ; comment\n= no key\nno value\n"
                            "region=us-east-1\n  [indented]\n");
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "us-east-1");
    assert_key(profile, "", NULL);
    lk_profile_free(profile);
}

static void a_file_without_end_is_refused(void **state)
{
    (void)state;
    lk_profile *profile = NULL;
    setenv("AWS_CONFIG_FILE", "/dev/zero", 1);
    assert_lk_fails(lk_profile_load(NULL, &profile, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "/dev/zero"));
    assert_null(profile);
}

static void the_last_value_of_a_key_counts(void **state)
{
    (void)state;
    write_file(config_path, "[default]\nregion = one\nregion = two");
    lk_profile *profile = load(NULL);
    assert_key(profile, "region", "two");
    lk_profile_free(profile);
}

static void a_file_that_cannot_be_read_is_an_error_with_its_path(void **state)
{
    (void)state;
    assert_int_equal(mkdir(config_path, 0700), 0);
    lk_profile *profile = NULL;
    assert_lk_fails(lk_profile_load(NULL, &profile, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, config_path));
    rmdir(config_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(missing_files_are_an_empty_default_profile, start_empty),
        cmocka_unit_test_setup(a_named_profile_that_is_nowhere_is_an_error_with_its_name,
                               start_empty),
        cmocka_unit_test_setup(keys_are_read_with_comments_spaces_and_windows_line_ends,
                               start_empty),
        cmocka_unit_test_setup(the_environment_chooses_the_profile_and_an_argument_beats_it,
                               start_empty),
        cmocka_unit_test_setup(the_credentials_file_names_profiles_bare_and_wins, start_empty),
        cmocka_unit_test_setup(a_bare_section_of_the_config_file_is_no_profile, start_empty),
        cmocka_unit_test_setup(indented_keys_belong_to_the_key_above_them, start_empty),
        cmocka_unit_test_setup(a_services_section_gives_the_endpoint_of_one_service, start_empty),
        cmocka_unit_test_setup(profile_default_beats_default_wherever_it_stands, start_empty),
        cmocka_unit_test_setup(a_services_section_of_another_profile_or_service_is_not_taken,
                               start_empty),
        cmocka_unit_test_setup(malformed_lines_are_passed_over, start_empty),
        cmocka_unit_test_setup(a_file_without_end_is_refused, start_empty),
        cmocka_unit_test_setup(the_last_value_of_a_key_counts, start_empty),
        cmocka_unit_test_setup(a_file_that_cannot_be_read_is_an_error_with_its_path, start_empty),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
