#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Has every public class, method and attribute of the gem its YARD documentation? Prints what has none.
# And are the manual pages those of the command and the header as they are? Do links lead somewhere?
set -euo pipefail
. "$(dirname "$0")/env.sh"

ruby "$root/tools/make_man.rb" "$root/build/release/lambdakiq" --check
ruby "$root/tools/check_links.rb"
cd "$root/ruby"
export BUNDLE_GEMFILE=$root/ruby/gemfiles/docs.gemfile
bundle_for .
report=$(bundle exec yard stats --list-undoc --compact --no-save --no-progress --quiet 'lib/**/*.rb' 2>/dev/null) ||
  die "yard does not run: bundle exec yard stats in ruby/ says why"
# Methods, and classes and modules of ours; constants with capitals only may go without.
undocumented=$(sed -n '/^Undocumented Objects/,$p' <<<"$report" |
  grep -E '[#.][a-z][a-z0-9_]*[=?!]?( |$)|^Lambdakiq(::\w+)*::[A-Z]+[a-z]\w*( |$)' || true)
[ -z "$undocumented" ] || die "without documentation:
$undocumented"
echo "every public class and method is documented, the manual pages are up to date, links lead somewhere"
