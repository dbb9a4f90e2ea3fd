#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs the gem's tests of the extension with the extension built for AddressSanitizer and UBSan: what
# it reads, frees and overruns between Ruby and the core, threads, forks and collections included.
#   tools/check_gem_asan.sh [TEST.rb…]   default: the native, safety and handler tests
#
# Ruby itself is not instrumented. It scans stacks on purpose and frees little at its end, so leaks are
# not asked for here: test/long/leaks_test.rb counts those.
set -euo pipefail
. "$(dirname "$0")/env.sh"

cc=${CC:-gcc}
asan=$("$cc" -print-file-name=libasan.so)
[ -f "$asan" ] || die "no libasan.so of $cc: install its sanitizer libraries"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# The lib of the checkout, with an extension of its own.
cp -R "$root/ruby/lib" "$place/lib"
rm -f "$place/lib/lambdakiq/lambdakiq.so"
mkdir "$place/build"
cd "$place/build"
flags='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'
quietly ruby "$root/ruby/ext/lambdakiq/extconf.rb"
quietly make -j2 CC="$cc" optflags="$flags" LDSHARED="$cc -shared -fsanitize=address,undefined"
cp lambdakiq.so "$place/lib/lambdakiq/lambdakiq.so"

cd "$root/ruby"
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(test/native_test.rb test/safety_*_test.rb test/handler_test.rb test/async_test.rb)
# Ruby has the signal stacks of its threads to itself; stack use after return needs a stack nobody scans.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:use_sigaltstack=0:handle_segv=0:abort_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1
for test in "${tests[@]}"; do
  say "$test"
  LD_PRELOAD=$asan bundle exec ruby -Itest -I"$place/lib" -e '
    require "lambdakiq"
    Lambdakiq::Native
    extension = $LOADED_FEATURES.grep(/lambdakiq\.so/).first
    abort "loaded from elsewhere: #{extension}" unless extension.start_with?(ARGV.first)
    require File.expand_path(ARGV.last)
  ' -- "$place" "$test"
done
