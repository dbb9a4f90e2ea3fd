#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs the library and the command into an empty place and uses them from there, as people do who
# have no checkout: with pkg-config and with CMake, shared and static, in C and in C++, as the core alone,
# as Debian packages, and as a package for Lambda that is run from where it was unpacked.
set -euo pipefail
. "$(dirname "$0")/env.sh"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
consumer=$root/test/consumer
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-qual -Werror)

build_and_install() { # NAME [CMAKE OPTION]...
  quietly cmake -S "$root" -B "$place/build-$1" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DLAMBDAKIQ_TESTS=OFF "-DCMAKE_INSTALL_PREFIX=$place/$1" "${@:2}"
  quietly cmake --build "$place/build-$1"
  quietly cmake --install "$place/build-$1"
}

has() { # PLACE FILE...
  for file in "${@:2}"; do
    compgen -G "$place/$1/$file" >/dev/null || die "$1: $file was not installed"
  done
}

say "the library and the command, installed"
build_and_install whole -DCMAKE_INSTALL_LIBDIR=lib
has whole include/lambdakiq.h 'lib/liblambdakiq.so.3.*' lib/liblambdakiq.so lib/liblambdakiq.a \
  lib/pkgconfig/lambdakiq.pc lib/cmake/lambdakiq/lambdakiqConfig.cmake bin/lambdakiq \
  share/man/man1/lambdakiq.1 share/man/man3/lambdakiq.3
"$place/whole/bin/lambdakiq" --version | grep -q '^lambdakiq 3\.' || die "the installed command does not run"
export LD_LIBRARY_PATH=$place/whole/lib PKG_CONFIG_PATH=$place/whole/lib/pkgconfig

say "used with pkg-config, in C11 and C++17 with all warnings"
cc -std=c11 "${warnings[@]}" "$consumer/main.c" -o "$place/with-pkg-config" $(pkg-config --cflags --libs lambdakiq)
"$place/with-pkg-config" >/dev/null
c++ -std=c++17 "${warnings[@]}" "$consumer/main.cpp" -o "$place/cxx" $(pkg-config --cflags --libs lambdakiq)
"$place/cxx" >/dev/null
cc -std=c11 "$consumer/main.c" -o "$place/static" $(pkg-config --cflags lambdakiq) "$place/whole/lib/liblambdakiq.a" \
  $(pkg-config --libs libcurl libcrypto jansson)
env -u LD_LIBRARY_PATH "$place/static" >/dev/null

{ printf '#include <lambdakiq.h>\nint shrink(const char *path, int64_t width, lk_err *err);\n'
  sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/README.md"; } >"$place/readme.c"
cc -std=c11 "${warnings[@]}" -c "$place/readme.c" -o "$place/readme.o" $(pkg-config --cflags lambdakiq) ||
  die "the README's job in C does not compile"
quietly cmake --install "$place/build-whole" --prefix "$place/elsewhere"
[ "$(PKG_CONFIG_PATH=$place/elsewhere/lib/pkgconfig pkg-config --variable=includedir lambdakiq)" -ef "$place/elsewhere/include" ] ||
  die "installed elsewhere than configured, pkg-config does not find it"

say "used with find_package"
quietly cmake -S "$consumer" -B "$place/consumer" -G Ninja "-DCMAKE_PREFIX_PATH=$place/whole"
quietly cmake --build "$place/consumer"
for program in with_shared with_static from_cxx; do "$place/consumer/$program" >/dev/null; done

say "the example in C, built outside of the tree and packed"
cp -r "$root/examples/c_worker" "$place/example"
quietly cmake -S "$place/example" -B "$place/build-example" -G Ninja "-DCMAKE_PREFIX_PATH=$place/whole"
quietly cmake --build "$place/build-example" --target lambda-package
[ -s "$place/build-example/bootstrap.zip" ] || die "the example was not packed"

say "packed for Lambda, and run from the package alone"
quietly cmake --build "$place/consumer" --target lambda-package
mkdir "$place/task"
(cd "$place/task" && cmake -E tar xf "$place/consumer/bootstrap.zip")
env -i PATH=/usr/bin:/bin "$place/task/bootstrap" >/dev/null
missing=$("$place"/task/lib/ld-linux* --library-path "$place/task/lib" --list "$place/task/bin/with_shared" |
  awk -v task="$place/task/" '$2 == "=>" && index($3, task) != 1 {print $1}')
[ -z "$missing" ] || die "the package takes from the system: $missing"

say "the core alone"
build_and_install core -DLAMBDAKIQ_LOCAL=OFF
[ ! -e "$place/core/bin" ] || die "the core alone installs a command"

say "Debian packages"
(cd "$place/build-whole" && quietly cpack -G DEB)
for package in liblambdakiq3 liblambdakiq-dev lambdakiq; do
  deb=$(compgen -G "$place/build-whole/${package}_*.deb") || die "no package $package"
  dpkg-deb --info "$deb" | grep -E '^ (Package|Depends):' | sed 's/^ //' | paste -sd' '
done
# The command links the core into itself; the library's package is for other programs.
contents=$(dpkg-deb --contents "$(compgen -G "$place/build-whole/lambdakiq_*.deb")")
grep -q './usr/bin/lambdakiq$' <<<"$contents" || die "the package lambdakiq has no command"
