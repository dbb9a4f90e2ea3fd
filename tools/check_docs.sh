#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Has every public class, method and attribute of the gem its YARD documentation? Prints what has none.
# And are the manual pages those of the command and the header as they are?
set -euo pipefail
. "$(dirname "$0")/env.sh"

ruby "$root/tools/make_man.rb" "$root/build/release/lambdakiq" --check
cd "$root/ruby"
export BUNDLE_GEMFILE=$root/ruby/gemfiles/docs.gemfile
bundle_for .
undocumented=$(bundle exec yard stats --list-undoc --compact --no-save --no-progress --quiet 'lib/**/*.rb' 2>/dev/null |
  sed -n '/^Undocumented Objects/,$p' | grep -E '[#.][a-z_]+[=?!]?( |$)' || true)
[ -z "$undocumented" ] || die "without documentation:
$undocumented"
echo "every public method is documented, the manual pages are up to date"
