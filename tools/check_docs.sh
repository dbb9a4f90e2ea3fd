#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Has every public class, method and attribute of the gem its YARD documentation? Prints what has none.
set -euo pipefail
. "$(dirname "$0")/env.sh"

cd "$root/ruby"
export BUNDLE_GEMFILE=$root/ruby/gemfiles/docs.gemfile
bundle_for .
undocumented=$(bundle exec yard stats --list-undoc --compact --no-save --no-progress --quiet 'lib/**/*.rb' 2>/dev/null |
  sed -n '/^Undocumented Objects/,$p' | grep -E '[#.][a-z_]+[=?!]?( |$)' || true)
[ -z "$undocumented" ] || die "without documentation:
$undocumented"
echo "every public method is documented"
