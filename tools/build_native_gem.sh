#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds a precompiled gem for this Ruby's minor version and this platform:
#   tools/build_native_gem.sh DIRECTORY
# makes DIRECTORY/lambdakiq-VERSION-x86_64-linux.gem, which needs neither compiler nor headers to be
# installed. It runs where glibc, libcurl.so.4 and libcrypto are not older than here, and prints what
# that means. jansson is linked in, or comes along.
set -euo pipefail
. "$(dirname "$0")/env.sh"

{ [ $# = 1 ] && [ "${1#-}" = "$1" ]; } || { show_help; exit 2; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ruby_minor=$(ruby -e 'print RUBY_VERSION[/\A\d+\.\d+/]')
stage=$work/gem
lib=$stage/lib/lambdakiq

# Some distributions give libcurl's symbols versions of their own, which others' loaders would miss:
# linked against a stand-in of the same name, the extension takes any.
make_curl_stand_in() {
  mkdir "$work/stand-in"
  nm -u "$work"/build/*.o | sed -n 's/.* U \(curl_[a-z_]*\)$/void \1(void);void \1(void){}/p' | sort -u |
    cc -shared -fPIC -x c -Wl,-soname,libcurl.so.4 -o "$work/stand-in/libcurl.so" -
}

# Without libruby, whose name differs between distributions: the interpreter has its symbols.
build_extension() {
  mkdir "$work/build"
  cd "$work/build"
  quietly ruby "$root/ruby/ext/lambdakiq/extconf.rb"
  quietly make -s
  make_curl_stand_in
  rm lambdakiq.so
  # shellcheck disable=SC2016 # $ORIGIN is the loader's
  quietly make -s LIBRUBYARG_SHARED= LIBPATH="-L$work/stand-in" \
    dldflags='-Wl,-rpath,'\''$$ORIGIN/..'\'''
  strip --strip-unneeded lambdakiq.so
}

needs() {
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# jansson's library and licence, unless it was linked in.
add_jansson() {
  needs lambdakiq.so | grep -q jansson || return 0
  local library
  library=$(ldd lambdakiq.so | awk '/libjansson/ {print $3}')
  cp -L "$library" "$lib/libjansson.so.4"
  cp /usr/share/doc/libjansson4/copyright "$lib/libjansson.LICENSE" 2>/dev/null ||
    die "jansson's licence is not where Debian has it; it must come along"
}

stage_files() {
  mkdir -p "$lib/$ruby_minor"
  cp -r "$root/ruby/lib/." "$stage/lib"
  rm -f "$lib/lambdakiq.so"
  cp -r "$root/ruby/exe" "$root/ruby/LICENSE" "$stage"
  cp lambdakiq.so "$lib/$ruby_minor/"
  add_jansson
}

build_extension
stage_files
cd "$stage"
quietly ruby -rrubygems/package -e '
  spec = Gem::Specification.load(ARGV.fetch(0))
  minor = ARGV.fetch(1)
  spec.platform = Gem::Platform.new("#{Gem::Platform.local.cpu}-linux")
  spec.extensions = []
  spec.required_ruby_version = [">= #{minor}", "< #{minor.sub(/\d+\z/) { |n| (n.to_i + 1).to_s }}.dev"]
  spec.files = Dir["{lib,exe}/**/*", "LICENSE"].select { |path| File.file?(path) }
  Gem::Package.build(spec, false, false, File.join(ARGV.fetch(2), "#{spec.full_name}.gem"))
' "$root/ruby/lambdakiq.gemspec" "$ruby_minor" "$output"

glibc=$(objdump -T "$lib/$ruby_minor/lambdakiq.so" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
say "$(basename "$output"/lambdakiq-*-linux.gem): Ruby $ruby_minor, $glibc, $(needs "$lib/$ruby_minor/lambdakiq.so" | tr '\n' ' ')"
