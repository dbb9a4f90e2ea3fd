#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Formatting (clang-format) and static checks (clang-tidy, cppcheck) over all C sources of ours.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

mapfile -t sources < <(git ls-files 'src/*.[ch]' 'local/*.[ch]' 'cli/*.[ch]' 'test/*.[ch]' 'examples/*.[ch]' 'ruby/ext/lambdakiq/*.[ch]' include)
clang-format --dry-run --Werror "${sources[@]}"

mapfile -t units < <(git ls-files 'src/*.c' 'local/*.c' 'cli/*.c')
[ -f build/dev/compile_commands.json ] || die "build first: cmake --preset dev"
printf '%s\n' "${units[@]}" | xargs -P 2 -n 4 clang-tidy --quiet -p build/dev \
  --extra-arg=-Wno-unknown-warning-option
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
  --suppress=missingIncludeSystem -Iinclude -Isrc -Ilocal "${units[@]}"
