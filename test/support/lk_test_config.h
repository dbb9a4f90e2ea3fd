/* SPDX-License-Identifier: MIT
 *
 * lk_test_config: the shared AWS config file of a test, and an environment without AWS settings.
 */
#ifndef LK_TEST_CONFIG_H
#define LK_TEST_CONFIG_H

#include "profile.h"

/* Unsets every AWS_* variable, points the shared files to nowhere and switches instance metadata
 * off. */
void lk_test_config_clear(void);
/* Writes the config file and points AWS_CONFIG_FILE to it, until lk_test_config_clear. */
void lk_test_config_write(const char *text);
/* The same, and loads a profile of it; name NULL: as the library does without a choice. */
lk_profile *lk_test_config_profile(const char *text, const char *name);
/* A new temporary file of this content; path has room for 64 bytes. */
void lk_test_config_file(char *path, const char *content);

#endif
