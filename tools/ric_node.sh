#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs AWS's runtime interface client for Node.js below `lambdakiq dev` (test/ric_node). Installing it
# compiles its own curl and aws-lambda-cpp, against the headers of the Node.js that is there.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root/test/ric_node"

command -v npm >/dev/null || die "npm is missing: run bin/bootstrap --all"
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
[ -f "$prefix/include/node/node_api.h" ] || die "the headers of Node.js are missing: install libnode-dev"

if ! cmp -s package-lock.json node_modules/.installed; then
  say "installing AWS's runtime interface client for Node.js (minutes)"
  npm_config_nodedir=$prefix quietly npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed
fi

say "AWS's runtime interface client for Node.js $(node --version) below lambdakiq dev"
bundle_for "$root/ruby"
cd "$root/ruby"
bundle exec ruby "$root/test/ric_node/ric_test.rb"
