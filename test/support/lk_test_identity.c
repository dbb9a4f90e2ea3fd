/* SPDX-License-Identifier: MIT
 *
 * lk_test_identity: made by the openssl command.
 */
#include "lk_test_identity.h"

#include "lk_test.h"

#include <unistd.h>

static char *read_all(const char *directory, const char *name)
{
    char path[64];
    lk_buf text = {0};
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int c;
    while ((c = getc(file)) != EOF)
        lk_buf_add_char(&text, (char)c);
    fclose(file);
    return lk_buf_take(&text);
}

int lk_test_identity_make(void **state)
{
    lk_test_identity *id = calloc(1, sizeof(*id));
    assert_non_null(id);
    strcpy(id->directory, "/tmp/lk_test_tls_XXXXXX");
    assert_non_null(mkdtemp(id->directory));
    char command[400];
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-keyout key.pem -out cert.pem -days 2 -subj /CN=test "
             "-addext subjectAltName=IP:127.0.0.1 2>openssl.log",
             id->directory);
    assert_int_equal(system(command), 0);
    id->certificate = read_all(id->directory, "cert.pem");
    id->key = read_all(id->directory, "key.pem");
    snprintf(id->certificate_path, sizeof(id->certificate_path), "%s/cert.pem", id->directory);
    snprintf(id->key_path, sizeof(id->key_path), "%s/key.pem", id->directory);
    *state = id;
    return 0;
}

int lk_test_identity_drop(void **state)
{
    lk_test_identity *id = *state;
    const char *const names[] = {"key.pem", "cert.pem", "openssl.log"};
    for (size_t i = 0; i < LK_COUNT(names); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", id->directory, names[i]);
        unlink(path);
    }
    rmdir(id->directory);
    free(id->certificate);
    free(id->key);
    free(id);
    return 0;
}
