/* SPDX-License-Identifier: MIT
 *
 * serve: `lambdakiq serve`, the local SQS alone.
 */
#ifndef LK_CLI_SERVE_H
#define LK_CLI_SERVE_H

#include "cli.h"

extern const lk_cli_command lk_cli_serve;

#endif
