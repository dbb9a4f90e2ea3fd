#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs the gem's tests with each Rails of ruby/gemfiles, or with those named: tools/matrix.sh 6_1 7_0.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root/ruby"

versions=("$@")
[ $# -gt 0 ] || mapfile -t versions < <(printf '%s\n' gemfiles/rails_*.gemfile | sed 's/.*rails_\(.*\)\.gemfile/\1/')

for version in "${versions[@]}"; do
  export BUNDLE_GEMFILE=$root/ruby/gemfiles/rails_$version.gemfile
  [ -f "$BUNDLE_GEMFILE" ] || die "no such file: $BUNDLE_GEMFILE"
  bundle_for .
  say "gem tests with Rails ${version/_/.}"
  bundle exec rake test
done
