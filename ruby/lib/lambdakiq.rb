# frozen_string_literal: true

require 'active_job'
require 'json'
require 'lambdakiq/errors'

# ActiveJob on Amazon SQS and AWS Lambda.
#
# What happens to a job is decided by the C core (ext/lambdakiq/src); this library is its Rails side.
# The core is loaded when it is first needed, or at boot where the application is loaded eagerly: its
# libcurl brings more libraries than everything here together.
#
#     config.active_job.queue_adapter = :lambdakiq
module Lambdakiq
  autoload :Backoff, 'lambdakiq/backoff'
  autoload :Batch, 'lambdakiq/batch'
  autoload :Client, 'lambdakiq/client'
  autoload :ClientBatch, 'lambdakiq/client_batch'
  autoload :Config, 'lambdakiq/config'
  autoload :Context, 'lambdakiq/context'
  autoload :Event, 'lambdakiq/event'
  autoload :HandlerName, 'lambdakiq/handler_name'
  autoload :HandlerProcess, 'lambdakiq/handler_process'
  autoload :Job, 'lambdakiq/job'
  autoload :Message, 'lambdakiq/message'
  autoload :Metrics, 'lambdakiq/metrics'
  autoload :Native, 'lambdakiq/lambdakiq'
  autoload :Notes, 'lambdakiq/notes'
  autoload :Options, 'lambdakiq/options'
  autoload :Performing, 'lambdakiq/performing'
  autoload :Pool, 'lambdakiq/pool'
  autoload :Queue, 'lambdakiq/queue'
  autoload :Record, 'lambdakiq/record'
  autoload :Requests, 'lambdakiq/requests'
  autoload :SQS, 'lambdakiq/sqs'
  autoload :VERSION, 'lambdakiq/lambdakiq'
  autoload :Worker, 'lambdakiq/worker'

  extend self

  # The settings, see {Config}. In Rails: `config.lambdakiq`.
  #
  # @return [Config]
  def config
    @config ||= Config.new
  end

  # @return [Client] made at first use and kept
  def client
    @client ||= Client.new
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

  # Whether this process is about to end: jobs that run long may stop early and go on in another
  # message.
  def stopping?
    Performing.stopping?
  end

  # @api private
  def logger
    ActiveJob::Base.logger || (@logger ||= Logger.new($stderr))
  end
end

module ActiveJob
  module QueueAdapters
    autoload :LambdakiqAdapter, 'active_job/queue_adapters/lambdakiq_adapter'
  end
end

ActiveSupport.on_load(:active_job) { Lambdakiq::Metrics.install }
require 'lambdakiq/railtie' if defined?(Rails::Railtie)
