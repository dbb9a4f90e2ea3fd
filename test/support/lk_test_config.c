/* SPDX-License-Identifier: MIT
 *
 * lk_test_config: see the header.
 */
#include "lk_test.h"

#include "lk_test_config.h"

#include <unistd.h>

extern char **environ;

static char written[64]; /* path of the config file; "": none */

void lk_test_config_clear(void)
{
    for (size_t i = 0; environ[i];) {
        char name[128];
        const char *end = strchr(environ[i], '=');
        bool aws =
            strncmp(environ[i], "AWS_", 4) == 0 && end &&
            lk_slice_copy((lk_slice){environ[i], (size_t)(end - environ[i])}, name, sizeof(name));
        if (!aws || unsetenv(name) != 0)
            i++;
    }
    if (written[0])
        unlink(written);
    written[0] = '\0';
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
}

void lk_test_config_file(char *path, const char *content)
{
    strcpy(path, "/tmp/lk_config_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

void lk_test_config_write(const char *text)
{
    if (written[0])
        unlink(written);
    lk_test_config_file(written, text);
    setenv("AWS_CONFIG_FILE", written, 1);
}

lk_profile *lk_test_config_profile(const char *text, const char *name)
{
    lk_err err;
    lk_profile *profile = NULL;
    lk_test_config_write(text);
    assert_lk_ok(lk_profile_load(name, &profile, &err));
    return profile;
}
