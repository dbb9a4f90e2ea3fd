#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the programs of `bin/bench worker` into build/bench: ours and the floor, with what bin/setup
# built, and a function on aws-lambda-cpp, whose sources the npm package aws-lambda-ric carries.
# Without npm or network that one is left out, and so is its column.
set -euo pipefail
. "$(dirname "$0")/../../tools/env.sh"
cd "$root"
out=$root/build/bench
ric=3.3.0 runtime=0.2.8

gcc -O2 -s -Iinclude -o "$out/worker_ours" bench/worker/ours.c build/release/liblambdakiq_core.a \
  $(pkg-config --libs libcurl libcrypto jansson)
gcc -O2 -s -D_GNU_SOURCE -o "$out/worker_floor" bench/worker/floor.c
# The same, but the system loads what it loads for ours: what of start and memory is not ours to change.
gcc -O2 -s -D_GNU_SOURCE -Wl,--no-as-needed -o "$out/worker_floor_libcurl" bench/worker/floor.c \
  $(pkg-config --libs libcurl libcrypto jansson)
gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc -Ilocal -o "$out/worker_host" bench/worker/host.c \
  build/release/liblambdakiq_local.a build/release/liblambdakiq_core.a -pthread \
  $(pkg-config --libs libcurl libcrypto jansson libmicrohttpd sqlite3)

fetch() { # the sources, unpacked
  (cd "$out" && npm pack --silent "aws-lambda-ric@$ric" &&
    tar xzf "aws-lambda-ric-$ric.tgz" "package/deps/aws-lambda-cpp-$runtime.tar.gz" &&
    tar xzf "package/deps/aws-lambda-cpp-$runtime.tar.gz")
}

build() {
  cmake -S "$out/aws-lambda-cpp-$runtime" -B "$out/aws-lambda-cpp" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DENABLE_TESTS=OFF -DCMAKE_INSTALL_PREFIX="$out/aws-lambda-cpp-installed" &&
    cmake --build "$out/aws-lambda-cpp" --target install &&
    g++ -O2 -s -std=c++11 -I"$out/aws-lambda-cpp-installed/include" -o "$out/worker_aws_lambda_cpp" \
      bench/worker/aws_lambda_cpp.cpp "$out"/aws-lambda-cpp-installed/lib*/libaws-lambda-runtime.a \
      $(pkg-config --libs libcurl)
}

if [ ! -x "$out/worker_aws_lambda_cpp" ]; then
  say "building aws-lambda-cpp $runtime for comparison"
  { fetch && build; } >"$out/aws-lambda-cpp.log" 2>&1 ||
    say "aws-lambda-cpp cannot be had or built here, see $out/aws-lambda-cpp.log: its column stays empty"
fi
