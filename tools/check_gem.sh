#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Packs the gem, installs it into an empty place outside the checkout (which compiles the packed
# sources), and loads it there: a packing list that misses a file shows here, not at a user's.
set -euo pipefail
. "$(dirname "$0")/env.sh"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

(cd "$root/ruby" && quietly gem build lambdakiq.gemspec --output "$place/lambdakiq.gem")
quietly gem install "$place/lambdakiq.gem" --install-dir "$place/gems" --no-document \
  --ignore-dependencies
cd "$place"
BUNDLE_GEMFILE=$root/ruby/Gemfile bundle exec ruby -e '
  $LOAD_PATH.reject! { |path| path.start_with?(ENV.fetch("LAMBDAKIQ_ROOT") + "/ruby/lib") }
  lib = Dir[File.join(ARGV.fetch(0), "gems/gems/lambdakiq-*/lib")].first
  extension = Dir[File.join(ARGV.fetch(0), "gems/extensions/**/lambdakiq.so")].first
  abort "the installed gem has no lib or no extension" unless lib && extension
  $LOAD_PATH.unshift(lib)
  require "lambdakiq"
  loaded = $LOADED_FEATURES.grep(/lambdakiq\.so/)
  abort "loaded from elsewhere: #{loaded}" unless loaded.all? { |path| path.start_with?(ARGV.fetch(0)) }
  abort "the backoff is wrong" unless Lambdakiq::Backoff.backoff(1) == 30
  puts "packed, installed and loaded: lambdakiq #{Lambdakiq::VERSION}"
' "$place"
