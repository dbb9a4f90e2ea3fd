#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Packs the gem, installs it into empty places outside the checkout (which compiles the packed
# sources), and loads it there: a packing list that misses a file shows here, not at a user's. Three
# ways: as anybody would, without pkg-config, and with a jansson archive that can be linked in. Then
# the precompiled gem, which must not compile anything.
set -euo pipefail
. "$(dirname "$0")/env.sh"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

# install NAME GEM [CONFIGURE OPTION]...: into $place/NAME
install() {
  quietly gem install "$2" --install-dir "$place/$1" --no-document --ignore-dependencies -- "${@:3}"
}

# Loads what was installed into $place/NAME, and nothing of the checkout.
load() {
  BUNDLE_GEMFILE=$root/ruby/Gemfile bundle exec ruby -e '
    place = File.join(ARGV.fetch(0), "")
    $LOAD_PATH.reject! { |path| path.start_with?(ENV.fetch("LAMBDAKIQ_ROOT") + "/ruby/lib") }
    $LOAD_PATH.unshift(*Dir[place + "gems/lambdakiq-*/lib"], *Dir[place + "extensions/*/*/lambdakiq-*"])
    require "lambdakiq"
    abort "the backoff is wrong" unless Lambdakiq::Backoff.backoff(1) == 30
    elsewhere = $LOADED_FEATURES.grep(/lambdakiq\.so/).reject { |path| path.start_with?(place) }
    abort "loaded from elsewhere: #{elsewhere}" unless elsewhere.empty?
    puts "#{File.basename(place)}: installed and loaded lambdakiq #{Lambdakiq::VERSION}"
  ' "$place/$1"
}

extension_of() {
  find "$place/$1" -name lambdakiq.so -path '*/lib/*' | head -1
}

needs() {
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# A static jansson as distributions have it that build archives of position independent code, made of
# this machine's objects: those only lack that in their use of stdin.
make_archive() {
  local archive
  archive=$(cc -print-file-name=libjansson.a)
  [ -f "$archive" ] || die "no libjansson.a to try with"
  mkdir -p "$place/archive/objects"
  (cd "$place/archive/objects" && ar x "$archive")
  for object in "$place"/archive/objects/*.o; do objcopy --redefine-sym stdin=unused_stdin "$object"; done
  echo 'void *unused_stdin;' | cc -c -fPIC -x c - -o "$place/archive/objects/unused.o"
  ar rcs "$place/archive/libjansson.a" "$place"/archive/objects/*.o
}

(cd "$root/ruby" && quietly gem build lambdakiq.gemspec --output "$place/lambdakiq.gem")

install as-usual lambdakiq.gem
load as-usual

PKG_CONFIG=/nonexistent/pkg-config install without-pkg-config lambdakiq.gem
load without-pkg-config

make_archive
install static-jansson lambdakiq.gem "--with-jansson-lib=$place/archive"
load static-jansson
extension=$(extension_of static-jansson)
! needs "$extension" | grep jansson || die "jansson was linked dynamically although it need not be"
exported=$(nm -D --defined-only "$extension" | awk '{print $3}' | grep -v '^Init_' || true)
[ -z "$exported" ] || die "the extension exports more than its Init: $exported"

"$root/tools/build_native_gem.sh" "$place/native-gem"
CC=/nonexistent/cc install precompiled "$place"/native-gem/lambdakiq-*-linux.gem
load precompiled
[ ! -e "$place/precompiled/extensions" ] || [ -z "$(find "$place/precompiled/extensions" -name '*.so')" ] ||
  die "the precompiled gem was compiled"
