#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_symbols.sh LIBRARY [--update]: does the shared library export exactly what tools/symbols.txt
# lists, and nothing that is not lk_*? What is exported is promised: a symbol that comes or goes is a
# decision, so the list is committed. --update writes it.
set -eu
library=$1
list=$(dirname "$0")/symbols.txt

symbols=$(nm -D --defined-only "$library")
# A is a version's own name.
exported=$(printf '%s\n' "$symbols" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort)
foreign=$(printf '%s\n' "$exported" | grep -v '^lk_[a-z0-9_]*$' || true)
if [ -n "$foreign" ]; then
  printf '%s exports what is not ours (is -fvisibility=hidden missing?):\n%s\n' "$library" "$foreign"
  exit 1
fi
if [ "${2:-}" = --update ]; then
  printf '%s\n' "$exported" >"$list"
elif ! printf '%s\n' "$exported" | diff -u "$list" -; then
  printf 'if that is meant: tools/check_symbols.sh %s --update\n' "$library"
  exit 1
fi
