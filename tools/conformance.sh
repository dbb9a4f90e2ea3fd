#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs clients of others, unmodified, against the local SQS as people run it: all suites of
# test/conformance, or those named: tools/conformance.sh boto3 …
#   boto3        python3-boto3, by default that of the system: LAMBDAKIQ_PYTHON names another python3
#   awscli       the AWS CLI: LAMBDAKIQ_AWS names another one than /usr/bin/aws
#   javascript   @aws-sdk/client-sqs, from npm
#   ruby         aws-sdk-sqs, from RubyGems
#   shoryuken    the job library: its command works on our queues
#   aws_activejob  aws-activejob-sqs, likewise
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

suites=(boto3 awscli javascript ruby shoryuken aws_activejob)
case "${1:-}" in
  -h | --help) show_help; exit 0 ;;
esac
[ $# -eq 0 ] || suites=("$@")

export LAMBDAKIQ_COMMAND=${LAMBDAKIQ_COMMAND:-$root/build/release/lambdakiq}
[ -x "$LAMBDAKIQ_COMMAND" ] || die "$LAMBDAKIQ_COMMAND is missing: run bin/setup"

# Nothing of the machine's own reaches the clients: no profile, key, endpoint, instance or proxy.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
while IFS= read -r name; do
  unset "$name"
done < <(compgen -e | grep -iE '^(AWS_|LAMBDAKIQ_SECRET|https?_proxy$|all_proxy$)' || true)
export AWS_CONFIG_FILE=$work/none AWS_SHARED_CREDENTIALS_FILE=$work/none AWS_EC2_METADATA_DISABLED=true

# What the tests over TLS trust.
export CONFORMANCE_TLS_CERT=$work/cert.pem CONFORMANCE_TLS_KEY=$work/key.pem
quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout "$CONFORMANCE_TLS_KEY" -out "$CONFORMANCE_TLS_CERT"

run_boto3() {
  PYTHONDONTWRITEBYTECODE=1 "${LAMBDAKIQ_PYTHON:-/usr/bin/python3}" test/conformance/boto3
}

run_awscli() {
  export LAMBDAKIQ_AWS=${LAMBDAKIQ_AWS:-/usr/bin/aws}
  [ -x "$LAMBDAKIQ_AWS" ] || die "$LAMBDAKIQ_AWS is missing: run bin/bootstrap --all, or let LAMBDAKIQ_AWS name it"
  mkdir "$work/awscli"
  test/conformance/awscli/suite.sh "$work/awscli"
}

run_javascript() {
  (
    cd test/conformance/javascript
    npm ls >/dev/null 2>&1 || quietly npm ci --no-audit --no-fund
    node --test --test-reporter=spec suite.mjs
  )
}

run_with_bundle() {
  bundle_for test/conformance/ruby
  (cd test/conformance/ruby && bundle exec ruby "$1")
}
run_ruby() { run_with_bundle suite.rb; }
run_shoryuken() { run_with_bundle shoryuken_test.rb; }
run_aws_activejob() { run_with_bundle aws_activejob_test.rb; }

for suite in "${suites[@]}"; do
  declare -F "run_$suite" >/dev/null || die "no such suite: $suite (see tools/conformance.sh --help)"
  say "conformance: $suite"
  "run_$suite"
done
