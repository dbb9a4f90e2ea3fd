# SPDX-License-Identifier: MIT
#
# Sourced by the scripts in bin/ and .ci/: where things are, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LAMBDAKIQ_ROOT=$root

# One place for the gems of ruby/, examples/ and bench/, so that none is installed twice.
export BUNDLE_PATH=${BUNDLE_PATH:-$root/vendor/bundle}
export BUNDLE_SILENCE_ROOT_WARNING=1
export BUNDLE_RETRY=3
export BUNDLE_JOBS=${BUNDLE_JOBS:-2}

say() { printf '== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The comment at the top of the script that calls this, without the licence.
show_help() { awk 'NR > 3 && !/^#/ {exit} NR > 3 {sub(/^# ?/, ""); print}' "$0"; }

# Runs a command quietly; shows what it printed only when it failed.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "failed: $*"
  fi
  rm -f "$log"
}

# bundle install for the Gemfile of a directory, quick when nothing is missing.
bundle_for() {
  (cd "$1" && { bundle check >/dev/null 2>&1 || quietly bundle install; })
}
