#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Lays out the zip package of a Lambda function for the managed Ruby runtime:
#   tools/pack_zip.sh APPLICATION DIRECTORY
# copies the application into the DIRECTORY, which must be empty or new, installs its gems into
# vendor/bundle there, puts the shared libraries that they need and Lambda lacks into lib/, and makes
# DIRECTORY.zip where zip is installed. A lambdakiq that the Gemfile takes from a checkout is compiled
# into vendor/lambdakiq. To be run on the system of the function, in its build image.
set -euo pipefail
. "$(dirname "$0")/env.sh"

[ $# = 2 ] || { show_help; exit 2; }
unset RUBYOPT RUBYLIB BUNDLE_GEMFILE BUNDLE_BIN_PATH # of a bundle that started this
application=$(cd "$1" && pwd)
mkdir -p "$2"
package=$(cd "$2" && pwd)
[ -z "$(ls -A "$package")" ] || die "$package is not empty"

# What the managed runtime has; /var/task/lib is on its library path.
of_the_runtime='^(ld-linux|libc|libm|libdl|libpthread|librt|libresolv|libcrypt|libgcc_s|libstdc\+\+|libruby|libcurl|libssl|libcrypto|libz|libyaml|libffi|libgmp)[-.0-9a-z]*\.so'

# BUNDLE_PATH of ours would win over the package's own settings.
bundle_there() {
  (cd "$package" && quietly env -u BUNDLE_PATH bundle "$@")
}

# Without keys: on Lambda they are variables (RAILS_MASTER_KEY). The package may be in the application.
copy_application() {
  (cd "$application" && tar -cf - --exclude=./tmp --exclude=./log --exclude=./vendor/bundle \
    --exclude=./.bundle --exclude=./.git --exclude='./config/*.key' --exclude='./config/credentials/*.key' \
    --exclude=".${package#"$application"}" --exclude=".${package#"$application"}.zip" .) | tar -xf - -C "$package"
}

# The gem as it is packed, compiled in place: Bundler takes such a directory as it is.
vendor_lambdakiq() {
  grep -q "gem 'lambdakiq', path:" "$package/Gemfile" || return 0
  local work=$package/vendor/lambdakiq
  mkdir -p "$package/vendor"
  (cd "$root/ruby" && quietly gem build lambdakiq.gemspec --output "$package/vendor/lambdakiq.gem")
  (cd "$package/vendor" && gem specification lambdakiq.gem --ruby >lambdakiq.gemspec &&
    quietly gem unpack lambdakiq.gem && mv lambdakiq.gemspec lambdakiq/)
  rm "$package/vendor/lambdakiq.gem"
  (cd "$work/ext/lambdakiq" && quietly ruby extconf.rb && quietly make -s)
  mv "$work/ext/lambdakiq/lambdakiq.so" "$work/lib/lambdakiq/"
  rm -r "$work/ext"
  sed -i '/s\.extensions = /d' "$work/lambdakiq.gemspec"
  sed -i "s|gem 'lambdakiq', path:.*|gem 'lambdakiq', path: 'vendor/lambdakiq'|" "$package/Gemfile"
  sed -i '/^PATH$/,/^$/s|^  remote: .*|  remote: vendor/lambdakiq|' "$package/Gemfile.lock"
}

# Begins with the gems that the checkout's bundle has, compiled already; bundle clean takes out what the
# application does not use.
install_gems() {
  mkdir -p "$package/vendor/bundle"
  [ ! -d "${BUNDLE_PATH:-/nonexistent}/ruby" ] || cp -a "$BUNDLE_PATH/ruby" "$package/vendor/bundle/"
  bundle_there config set --local path vendor/bundle
  bundle_there config set --local without development:test
  bundle_there config set --local deployment true
  (cd "$package" && env -u BUNDLE_PATH bundle install --local >/dev/null 2>&1) || bundle_there install
  bundle_there clean --force
  rm -rf "$package"/vendor/bundle/ruby/*/cache
}

# Only what is needed directly: what the runtime has brings its own.
add_libraries() {
  mkdir -p "$package/lib"
  find "$package/vendor" -name '*.so' -exec ldd {} + 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" {print $1, $3}' | sort -u >"$package/lib/all"
  find "$package/vendor" -name '*.so' -exec readelf -d {} + | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    sort -u | grep -Ev "$of_the_runtime" | while read -r name; do
    cp -L "$(awk -v name="$name" '$1 == name {print $2; exit}' "$package/lib/all")" "$package/lib/$name"
  done
  rm "$package/lib/all"
}

copy_application
vendor_lambdakiq
install_gems
add_libraries
say "packed into $package: $(du -sh "$package" | cut -f1), libraries: $(ls "$package/lib" | tr '\n' ' ')"
if command -v zip >/dev/null; then
  (cd "$package" && quietly zip -qry "$package.zip" .)
  say "$package.zip"
else
  say "zip is not installed; to make the file: cd $package && zip -qry ../function.zip ."
fi
