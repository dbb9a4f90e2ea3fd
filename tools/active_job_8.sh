#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs what the gem's tests say of the adapter, the handler and the jobs with ActiveJob 8.0 and 8.1. They want Ruby 3.2; on 3.1 they are installed in a
# place of their own and given stand-ins for what it lacks (ruby/test/support/active_job_8.rb). The rest
# of Rails stays 7.2, and tests with worker processes are left out: this is ActiveJob 8, not Rails 8.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root/ruby"

tests=(active_job_8 adapter async current_attributes default_queue emf enqueue_input failure handler job
  metric_arguments metrics perform_input request_id retry_options sidekiq_methods stubs trace worker)

bundle_for .
quietly bundle exec rake compile
for version in 8.0.5.2 8.1.4.1; do
  gems=$root/ruby/tmp/active_job-$version
  [ -d "$gems/gems/activejob-$version" ] ||
    quietly gem install --force --ignore-dependencies --no-document --install-dir "$gems" \
      "activesupport:$version" "activejob:$version"
  say "gem tests with ActiveJob $version on Ruby $(ruby -e 'print RUBY_VERSION') with stand-ins"
  LAMBDAKIQ_ACTIVE_JOB=$gems bundle exec ruby -r./test/support/active_job_8 -Itest -Ilib \
    -e 'ARGV.each { |name| require "#{name}_test" }' "${tests[@]}"
done
