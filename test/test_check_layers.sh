#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools/check_layers.sh must be silent about a house in order, and name each way out of order.
set -eu
check=$(cd "$(dirname "$0")/.." && pwd)/tools/check_layers.sh
house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT
failures=0

# A house of four modules, one library and one restricted folder.
build() {
  rm -rf "$house"/*
  mkdir -p "$house/tools" "$house/src" "$house/local" "$house/ruby/ext/lambdakiq"
  printf '%s\n' '# the order' src/low src/high local/store local/top ruby/ext/lambdakiq/ext \
    'share local src/low' 'share ruby/ext/lambdakiq' 'library db.h local/store*' \
    >"$house/tools/layers.txt"
  echo '#include <stdio.h>' >"$house/src/low.h"
  echo '#include "low.h"' >"$house/src/low.c"
  echo '#include "low.h"' >"$house/src/high.h"
  printf '%s\n' '#include "high.h"' '#include "lambdakiq.h"' >"$house/src/high.c"
  printf '%s\n' '#include "low.h"' '#include <db.h>' >"$house/local/store.c"
  echo '#include "low.h"' >"$house/local/top.c"
  echo '#include "lambdakiq.h"' >"$house/ruby/ext/lambdakiq/ext.c"
}

offence() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

expect_order() {
  said=$("$check" "$house" 2>&1) || offence "a house in order was refused: $said"
  [ -z "$said" ] || offence "a house in order was talked about: $said"
}

# The check fails and says TEXT; then all is put in order again.
expect() {
  if said=$("$check" "$house" 2>&1); then offence "not found: $1"; fi
  printf '%s\n' "$said" | grep -qF -- "$1" || offence "expected \"$1\", got \"$said\""
  build
}

build
expect_order
echo '#include "high.h"' >>"$house/src/low.c"
expect 'src/low.c: must not include high.h: src/high stands behind it'
echo ' #  include "high.h"' >>"$house/src/low.h"
expect 'src/low.h: must not include high.h'
echo '#include "high.h"' >>"$house/local/top.c"
expect 'local/top.c: must not include high.h: src/high is not shared with local'
echo '#include "low.h"' >>"$house/ruby/ext/lambdakiq/ext.c"
expect 'src/low is not shared with ruby/ext/lambdakiq'
echo '#include "other.h"' >>"$house/src/low.c"
expect 'src/low.c: includes other.h, which is not in tools/layers.txt'
echo '' >"$house/src/new.c"
expect 'src/new.c: is not in tools/layers.txt'
rm "$house"/src/high.*
expect 'tools/layers.txt: src/high does not exist'
echo src/low >>"$house/tools/layers.txt"
expect 'tools/layers.txt: src/low is listed twice'
echo '#include <db.h>' >>"$house/local/top.c"
expect 'local/top.c: must not include db.h'
echo '#include <db.h>' >>"$house/local/store.h"
echo '#include "store.h"' >>"$house/local/top.c"
expect 'local/top.c: gets <db.h…> through the header of local/store'
echo ruby/ext/lambdakiq/high >>"$house/tools/layers.txt"
echo '' >"$house/ruby/ext/lambdakiq/high.c"
expect 'has the basename of'

[ "$failures" -eq 0 ]
