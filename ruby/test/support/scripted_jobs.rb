# frozen_string_literal: true

require 'lambdakiq'
require 'timeout'

# Jobs whose argument says what happens at each try; known to the process that enqueues as well.
#
#     ScriptedJob.perform_later('acts' => %w[raise kill work])
#
# The last act repeats. 'group' is the FIFO group.
class ScriptedJob < ActiveJob::Base
  class Failure < StandardError; end
  class Hiccup < StandardError; end

  GROUP = ->(job) { job.arguments.first['group'] }

  include Lambdakiq::Worker
  lambdakiq_options message_group_id: GROUP
  retry_on Hiccup, wait: 3, attempts: 5
  after_discard { |job, _| ScriptedApp.note('discarded', job: job.job_id) } if respond_to?(:after_discard)

  def perform(script)
    run = ScriptedApp.count_run(job_id)
    act = script.fetch('acts').at(run - 1) || script.fetch('acts').last
    ScriptedApp.note('run', job: job_id, message: provider_job_id, run: run, executions: executions, act: act)
    act(act, script)
    ScriptedApp.note('done', job: job_id)
  end

  private

  def act(name, script)
    case name
    when 'raise' then raise Failure, 'as told'
    when 'hiccup' then raise Hiccup, 'as told'
    when 'exit' then exit(3)
    when 'throw' then throw :nobody
    when 'kill' then Process.kill('KILL', Process.pid)
    when 'signal' then raise SignalException, 'TERM'
    when 'enqueue' then self.class.set(queue: queue_name).perform_later(script)
    when 'enqueue_async' then AsyncScriptedJob.set(queue: queue_name).perform_later('acts' => ['work'])
    when 'sleep' then sleep(script.fetch('sleep_s', 60))
    when 'slow' then sleep(3.05) # of NeverLose::World::TIMEOUT_S: less than the guard is left
    when 'until stopping' then work_until_stopping
    end
  end

  # As inside of a lock of Active Record or of connection_pool: what is raised into the thread comes at once.
  def work_until_stopping
    Thread.handle_interrupt(Exception => :immediate) do
      Timeout.timeout(60) { sleep 0.01 until Lambdakiq.stopping? }
      sleep 0.2
    end
  end

  # `retry: 0` … each as a class of its own.
  WITH_RETRY = [0, 1, 5, 12].to_h do |count|
    job_class = const_set("Retry#{count}", Class.new(self))
    job_class.lambdakiq_options(retry: count, message_group_id: GROUP)
    [count, job_class]
  end.merge(nil => self).freeze

  # The same with `dead: :dlq`.
  KEPT = [0, 1, 5, 12].to_h do |count|
    job_class = const_set("Kept#{count}", Class.new(self))
    job_class.lambdakiq_options(retry: count, dead: :dlq, message_group_id: GROUP)
    [count, job_class]
  end.freeze

  # `retry: true` and `false`.
  class AllRetriesJob < self
    lambdakiq_options retry: true
  end

  class NoRetriesJob < self
    lambdakiq_options retry: false
  end

  # To the dead-letter queue instead of being deleted.
  class KeptJob < self
    lambdakiq_options retry: 1, dead: :dlq, message_group_id: GROUP
  end
end

class AsyncScriptedJob < ScriptedJob
  lambdakiq_options async: true, message_group_id: GROUP
end

class QuietScriptedJob < ScriptedJob
  self.log_arguments = false
end

# As ActionMailer's and Turbo's jobs are: no Worker.
class PlainScriptedJob < ActiveJob::Base
  def perform(word)
    ScriptedApp.note('run', job: job_id, message: provider_job_id, executions: executions, act: word)
    raise ScriptedJob::Failure, 'as told' if word == 'raise'
  end
end
