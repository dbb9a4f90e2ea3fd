# frozen_string_literal: true

require 'json'
require 'logger'
require 'lambdakiq'

# The application of the worker processes: jobs that do what they are told, try by try, and a timeline
# of what happened that is on disk before anything else can happen.
module ScriptedApp
  PATH = ENV.fetch('TIMELINE')

  module_function

  # One line, on disk when this returns: the process may be killed next.
  def note(what, **facts)
    line = JSON.generate({ at_ms: now_ms, what: what, pid: Process.pid }.merge(facts))
    File.open(PATH, 'a') do |file|
      file.syswrite("#{line}\n")
      file.fsync
    end
  end

  # Counts up for a job over all processes.
  def count_run(job_id)
    File.open("#{PATH}.#{job_id}", 'a') do |file|
      file.syswrite('.')
      file.fsync
      file.size
    end
  end

  # The clock that SQS and the core go by.
  def now_ms
    (Time.now.to_f * 1000).to_i + File.read(ENV.fetch('LAMBDAKIQ_CLOCK_FILE')).to_i
  rescue Errno::ENOENT
    (Time.now.to_f * 1000).to_i
  end

  # The function. An invocation that is not answered was cut off by a crash or by its timeout.
  def handler(event:, context:)
    note('invoked', request: context.aws_request_id, records: event.fetch('Records').map { |record| summary(record) })
    response = Lambdakiq.cmd(event: event, context: context)
    note('answered', request: context.aws_request_id, failed: response.fetch(:batchItemFailures).map { |item| item[:itemIdentifier] })
    response
  end

  def summary(record)
    { message: record['messageId'], job: record['body'][/"job_id":"([^"]+)"/, 1], queue: record['eventSourceARN'],
      receive: record.dig('attributes', 'ApproximateReceiveCount').to_i, trace: record.dig('attributes', 'AWSTraceHeader') }
  end

  # Rails 7.0 makes the reporter, later ActiveSupport does.
  def report_errors
    ActiveSupport.error_reporter ||= ActiveSupport::ErrorReporter.new
    ActiveSupport.error_reporter.subscribe(self)
  end

  # The error reporter calls it.
  def report(error, handled:, context:, **)
    note('reported', job: context[:job_id], error: error.class.name, handled: handled)
  end

  def listen
    report_errors if ActiveSupport.respond_to?(:error_reporter)
    ActiveSupport::Notifications.subscribe(/\A(retry_stopped|enqueue_retry)\.active_job\z/) do |event|
      job, error, wait = event.payload.values_at(:job, :error, :wait)
      note(event.name[/\A\w+/], job: job.job_id, executions: job.executions, error: error&.class&.name, wait: wait)
    end
    ActiveSupport::Notifications.subscribe(/\A(?!request\.).*\.lambdakiq\z/) do |event|
      note('note', kind: event.name, message: event.payload[:message_id], queue: event.payload[:queue],
                   text: event.payload[:text].to_s)
    end
  end
end

ScriptedApp.listen
at_exit { ScriptedApp.note('ended', stopping: Lambdakiq.stopping?) }
ActiveJob::Base.queue_adapter = :lambdakiq
ActiveJob::Base.logger = Logger.new($stderr, level: ENV.fetch('LOG_LEVEL', 'warn'))
# One retry: what is to fail fails sooner.
Lambdakiq::Client.default_options[:max_attempts] = 2
if ENV['SHUTDOWN_EXTENSION']
  Lambdakiq.config.shutdown_extension = true
  ScriptedApp.note('extension', registered: Lambdakiq::Shutdown.register)
end
require_relative 'scripted_jobs'
