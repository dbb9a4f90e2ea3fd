# frozen_string_literal: true

require 'active_job'
require 'aws-activejob-sqs'
require_relative 'ledger'

ActiveJob::Base.logger = nil

class EchoJob < ActiveJob::Base
  self.queue_adapter = :sqs
  queue_as :echo

  def perform(text)
    Ledger.write('echo', text)
  end
end

# Works at the third try, half a minute after each.
class RetriedJob < EchoJob
  retry_on RuntimeError, wait: 30, attempts: 3

  def perform(text)
    Ledger.write('retried', text, executions)
    raise 'not yet' if executions < 3
  end
end

class OrderedJob < EchoJob
  queue_as :ordered

  def perform(number)
    Ledger.write('ordered', number)
  end
end
