#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the fuzzers with clang and runs each for a while; fails on a crash, a leak, a hang, or when a
# promise of theirs does not hold.
#   tools/fuzz.sh [SECONDS [TARGET…]]    20 seconds each; all of test/fuzz/fuzz_*.c
#
# What a run finds interesting is kept in build/fuzz/corpus and used by the next one; the seeds are in
# test/fuzz/seeds. Again with one input: build/fuzz/test/fuzz/fuzz_TARGET FILE
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

case "${1:-}" in -h | --help) show_help; exit 0 ;; esac
seconds=${1:-20}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "not a number of seconds: $seconds (see tools/fuzz.sh --help)"
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls test/fuzz/seeds)
command -v clang >/dev/null || die "clang is missing: bin/bootstrap --all installs it"

[ -f build/fuzz/build.ninja ] || quietly cmake --preset fuzz
quietly cmake --build --preset fuzz

fuzz() {
  local corpus=build/fuzz/corpus/$1 crashes=build/fuzz/crashes log=build/fuzz/$1.log
  mkdir -p "$corpus" "$crashes"
  if ! "build/fuzz/test/fuzz/fuzz_$1" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
    "-artifact_prefix=$crashes/$1-" -print_final_stats=1 "$corpus" "test/fuzz/seeds/$1" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die "fuzz_$1 failed; the input is in $crashes, the whole output in $log"
  fi
  say "fuzz_$1: $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs in $seconds s"
}

for target in "${targets[@]}"; do
  [ -d "test/fuzz/seeds/$target" ] || die "no such target: $target (there are: $(echo $(ls test/fuzz/seeds)))"
  fuzz "$target"
done
