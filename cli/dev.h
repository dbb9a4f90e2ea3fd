/* SPDX-License-Identifier: MIT
 *
 * dev: `lambdakiq dev`, the whole of SQS and Lambda around one command.
 */
#ifndef LK_CLI_DEV_H
#define LK_CLI_DEV_H

#include "cli.h"

extern const lk_cli_command lk_cli_dev;

#endif
