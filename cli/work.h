/* SPDX-License-Identifier: MIT */
#ifndef LK_CLI_WORK_H
#define LK_CLI_WORK_H

#include "cli.h"

extern const lk_cli_command lk_cli_work;

#endif
