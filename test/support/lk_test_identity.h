/* SPDX-License-Identifier: MIT
 *
 * lk_test_identity: a self-signed certificate for 127.0.0.1 in a directory of its own, for tests of
 * both ends of TLS.
 */
#ifndef LK_TEST_IDENTITY_H
#define LK_TEST_IDENTITY_H

typedef struct lk_test_identity {
    char directory[40];
    char certificate_path[64];
    char key_path[64];
    char *certificate; /* PEM */
    char *key;
} lk_test_identity;

/* cmocka set-up and tear-down; *state is the lk_test_identity. */
int lk_test_identity_make(void **state);
int lk_test_identity_drop(void **state);

#endif
