# frozen_string_literal: true

require 'minitest'

# Did the tests call every operation of the SDK? Asked last, when the servers are stopped.
Minitest.after_run do
  known = Aws::SQS::Client.api.operation_names
  missing = known - SqsCase::CALLED.to_a
  abort "operations that no test called: #{missing.join(', ')}" if missing.any?
  puts "aws-sdk-sqs #{Aws::SQS::GEM_VERSION}: all #{known.size} operations were called"
end

%w[queues messages fifo signatures].each { |name| require_relative "#{name}_test" }
