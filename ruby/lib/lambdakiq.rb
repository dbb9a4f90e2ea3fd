# frozen_string_literal: true

require 'active_job'
require 'json'
require_relative 'lambdakiq/errors'

# ActiveJob on Amazon SQS and AWS Lambda.
#
# What happens to a job is decided by the C core (ext/lambdakiq/src); this library is its Rails side.
# The core is loaded when it is first needed, or at boot where the application is loaded eagerly: its
# libcurl brings more libraries than everything here together.
#
#     config.active_job.queue_adapter = :lambdakiq
module Lambdakiq
  autoload :AwsErrors, "#{__dir__}/lambdakiq/aws_error_matching"
  autoload :Backoff, "#{__dir__}/lambdakiq/backoff"
  autoload :Batch, "#{__dir__}/lambdakiq/batch"
  autoload :Client, "#{__dir__}/lambdakiq/client"
  autoload :ClientBatch, "#{__dir__}/lambdakiq/client_batch"
  autoload :ClientSend, "#{__dir__}/lambdakiq/client_send"
  autoload :Config, "#{__dir__}/lambdakiq/config"
  autoload :Containment, "#{__dir__}/lambdakiq/containment"
  autoload :Context, "#{__dir__}/lambdakiq/context"
  autoload :CurrentAttributes, "#{__dir__}/lambdakiq/current_attributes"
  autoload :Deaths, "#{__dir__}/lambdakiq/deaths"
  autoload :DefaultQueue, "#{__dir__}/lambdakiq/default_queue"
  autoload :EnqueueFailure, "#{__dir__}/lambdakiq/enqueue_failure"
  autoload :ErrorReports, "#{__dir__}/lambdakiq/error_reports"
  autoload :ErrorText, "#{__dir__}/lambdakiq/error_text"
  autoload :Event, "#{__dir__}/lambdakiq/event"
  autoload :Failure, "#{__dir__}/lambdakiq/failure"
  autoload :FailureLog, "#{__dir__}/lambdakiq/failure_log"
  autoload :HandlerName, "#{__dir__}/lambdakiq/handler_name"
  autoload :HandlerProcess, "#{__dir__}/lambdakiq/handler_process"
  autoload :HashLike, "#{__dir__}/lambdakiq/hash_like"
  autoload :Job, "#{__dir__}/lambdakiq/job"
  autoload :LongWaits, "#{__dir__}/lambdakiq/long_waits"
  autoload :Message, "#{__dir__}/lambdakiq/message"
  autoload :MetricArguments, "#{__dir__}/lambdakiq/metric_arguments"
  autoload :Metrics, "#{__dir__}/lambdakiq/metrics"
  autoload :Native, "#{__dir__}/lambdakiq/native"
  autoload :Notes, "#{__dir__}/lambdakiq/notes"
  autoload :Options, "#{__dir__}/lambdakiq/options"
  autoload :Outbox, "#{__dir__}/lambdakiq/outbox"
  autoload :Performing, "#{__dir__}/lambdakiq/performing"
  autoload :Pool, "#{__dir__}/lambdakiq/pool"
  autoload :Queue, "#{__dir__}/lambdakiq/queue"
  autoload :Record, "#{__dir__}/lambdakiq/record"
  autoload :RequestId, "#{__dir__}/lambdakiq/request_id"
  autoload :Requests, "#{__dir__}/lambdakiq/requests"
  autoload :RetryIn, "#{__dir__}/lambdakiq/retry_in"
  autoload :Shutdown, "#{__dir__}/lambdakiq/shutdown"
  autoload :SidekiqMethods, "#{__dir__}/lambdakiq/sidekiq_methods"
  autoload :SQS, "#{__dir__}/lambdakiq/sqs"
  autoload :Trace, "#{__dir__}/lambdakiq/trace"
  autoload :VERSION, "#{__dir__}/lambdakiq/native"
  autoload :Worker, "#{__dir__}/lambdakiq/worker"

  extend self

  CLIENT_LOCK = Mutex.new
  private_constant :CLIENT_LOCK

  # The settings, see {Config}. In Rails: `config.lambdakiq`.
  #
  # @return [Config]
  def config
    @config ||= Config.new.tap { |config| Metrics.listen(config) }
  end

  # @return [Client] made at first use and kept: one for all threads, or {.flush} would not know of the jobs
  #   that another has on their way
  def client
    @client || CLIENT_LOCK.synchronize { @client ||= Client.new }
  end

  # Whether an event of a Lambda function carries jobs: one of its records has our attribute.
  #
  # @param event [Hash] as Lambda hands it to the function
  def jobs?(event)
    Event.jobs?(event)
  end

  # Performs the jobs of an SQS event.
  #
  # @param event [Hash] as Lambda hands it to the function
  # @param context [#get_remaining_time_in_millis, nil] Lambda's; with it, no job starts that the
  #   function's timeout would kill, see {Config#guard_seconds}
  # @return [Hash] the batch response, `{ batchItemFailures: [{ itemIdentifier: … }] }`
  def handler(event, context = nil)
    Job.handler(event, context)
  end

  # The same as a Lambda handler: `config/environment.Lambdakiq.cmd` as a container's command.
  def cmd(event:, context:)
    handler(event, context)
  end

  # Whether this process is about to end, by SIGTERM or by the function's timeout: jobs that run long may
  # stop early and go on in another message.
  #
  # @return [Boolean]
  def stopping?
    Shutdown.stopping?
  end

  # Waits until SQS has answered for each job that was sent without waiting (`async: true`). Rails calls it
  # at the end of every request and job, {.handler} before it returns, and Ruby when the process ends
  # (but not at `exit!`). A job that was not accepted does not raise here: it is logged, reported to
  # Rails.error, and told as `enqueue_failed.lambdakiq` with `job`, `job_data`, `error` and `queue`.
  #
  # @param timeout [Numeric, nil] seconds; nil: until each job has its answer or its error
  # @return [Boolean] whether each has; the others stay on their way
  def flush(timeout: nil)
    @client ? @client.outbox.flush(timeout) : true
  end

  # {.flush} where something else is about to end: bounded, and not its failure.
  #
  # @param context [#get_remaining_time_in_millis, nil] Lambda's
  # @api private
  def collect(context = nil)
    seconds = config.flush_timeout
    seconds = [seconds, (context.get_remaining_time_in_millis - 500) / 1000.0].min if context.respond_to?(:get_remaining_time_in_millis)
    return if flush(timeout: [seconds, 0].max)

    logger.warn('[Lambdakiq] jobs sent with async: true have no answer yet; they are waited for at the next occasion')
  rescue Error => e
    logger.error("[Lambdakiq] jobs sent with async: true could not be collected: #{ErrorText.of(e)}")
  end

  # The trace that the running job belongs to, as X-Ray writes it: of its message, which carries the one
  # it was enqueued in; outside of a job that of the invocation. A job that is sent again carries its own
  # on; other jobs carry the invocation's, or what {Config#trace_header} gives.
  #
  # @return [String, nil] `Root=…;Parent=…;Sampled=…`
  def trace_header
    Trace.current
  end

  # The id of the web request that this code works for: of the one that the running job was enqueued in,
  # directly or by another job; in the web function of the one that is being answered. See
  # {Config#request_id}.
  #
  # @return [String, nil]
  def request_id
    RequestId.current
  end

  # @api private
  def logger
    ActiveJob::Base.logger || (@logger ||= Logger.new($stderr))
  end
end

module ActiveJob
  module QueueAdapters
    autoload :LambdakiqAdapter, "#{__dir__}/active_job/queue_adapters/lambdakiq_adapter"
  end
end

ActiveSupport.on_load(:active_job) do
  prepend Lambdakiq::RequestId::Carried
  Lambdakiq::Metrics.install
end
# Once there is a Rails application: at once, or later where `lambdakiq-handler` loads it.
ActiveSupport.on_load(:before_configuration) { require_relative 'lambdakiq/railtie' }
require_relative 'lambdakiq/railtie' if defined?(Rails::Railtie)
