# frozen_string_literal: true

# What jobs did, for tests to look at.
module Ledger
  @lines = []

  class << self
    attr_reader :lines

    def write(*line)
      @lines << line
    end

    def clear
      @lines.clear
    end
  end
end

class ApplicationJob < ActiveJob::Base
  include Lambdakiq::Worker
end

# Does what its argument says.
class ActJob < ApplicationJob
  class Failure < StandardError; end

  def perform(act = 'work', *rest)
    Ledger.write(act, executions, *rest)
    case act
    when 'fail' then raise Failure, 'as told'
    when 'exit' then exit(3)
    when 'throw' then throw :nobody
    when 'script error' then raise NotImplementedError, 'as told'
    when 'deep' then perform(act)
    when 'interrupt' then raise SignalException, 'TERM'
    when 'no memory' then raise NoMemoryError, 'as told'
    end
  end
end

# Not a Worker, as ActionMailer's and Turbo's jobs are not.
class PlainJob < ActiveJob::Base
  def perform(word)
    Ledger.write('plain', word)
  end
end

class OnceJob < ActJob
  lambdakiq_options retry: false
end

class AgainJob < ApplicationJob
  class Hiccup < StandardError; end

  retry_on Hiccup, wait: 1, attempts: 3

  def perform
    Ledger.write('again', executions)
    raise Hiccup if executions < 3
  end
end

class GroupJob < ApplicationJob
  lambdakiq_options message_group_id: ->(job) { job.arguments.first }

  def perform(group, word)
    Ledger.write(group, word)
    raise ActJob::Failure if word == 'fail'
  end
end

class QuietJob < ActJob
  self.log_arguments = false
end
