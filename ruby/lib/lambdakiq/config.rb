# frozen_string_literal: true

module Lambdakiq
  # The settings of `config.lambdakiq`, with their defaults. A value that makes no sense is refused when
  # it is set, with an {OptionError}; a name that is no setting is warned of, see {HashLike}.
  class Config
    include HashLike

    # What nothing can go beyond: the last retry comes eleven and a half hours after the first failure,
    # and SQS hides a message twelve hours at most.
    MAX_RETRIES = 12

    # The metrics' CloudWatch namespace when nothing else is set.
    NAMESPACE = 'Lambdakiq'

    # What the core takes as a limit.
    MESSAGE_BYTES = (1..((2**31) - 1)).freeze
    private_constant :MESSAGE_BYTES

    # @return [Integer] retries of jobs that do not say otherwise, 0 to 12 (12, as nil and larger numbers are)
    attr_reader :max_retries

    # @return [String] CloudWatch namespace of the metrics ('Lambdakiq', as nil is)
    attr_reader :metrics_namespace

    # @return [Logger, nil] where metric lines go; nil (default): straight to standard output, where
    #   Lambda picks them up whatever the log's level and format are
    attr_accessor :metrics_logger

    # @return [Boolean] whether there are metrics (true)
    attr_reader :metrics_enabled

    # @return [Array<String>] which events are counted, of {Metrics::EVENTS}; default all of them
    attr_reader :metrics_events

    # @return [Array<String>] names of the classes of `ActiveSupport::CurrentAttributes` that jobs take along
    #   (none)
    attr_reader :current_attributes

    # @return [true, false, #call] whether jobs take along the id of the web request that they are enqueued in,
    #   and have it as a tag of their log lines (true): the one of `ActionDispatch::RequestId`, or what this
    #   returns. It is called, maybe more than once, where a job is enqueued, unless a job with an id enqueues it;
    #   what it raises is logged, and keeps no job from being sent
    attr_reader :request_id

    # @return [#call, nil] gives the trace that jobs take along, as X-Ray writes it; nil, or where it returns
    #   nil: what the variable `_X_AMZN_TRACE_ID` says, which is the invocation's. It is called when a job is
    #   enqueued; what it raises is logged, and keeps no job from being sent
    attr_reader :trace_header

    # @return [Array<Array<String>>] sets of dimensions under which each event is counted; default
    #   `[%w[AppName JobEvent JobName]]`. Each combination of values is a metric that CloudWatch bills:
    #   `%w[AppName JobEvent]` counts all classes of jobs together. QueueName is the fourth there is.
    attr_reader :metrics_dimensions

    # @return [true, :cap, :raise] what becomes of waits over 15 minutes: kept to the second (true, the
    #   default), cut to 15 minutes as Lambdakiq 2 did, or refused
    attr_reader :long_delays

    # @return [:each, :mapping] whether each finished job is deleted at once (:each, the default), or
    #   the last one of a batch is left to the event source mapping
    attr_reader :delete

    # @return [Numeric] a job is not started when the function has less time left than this (1). Calls to
    #   SQS are settled half a second before the deadline. A little more than a job usually takes is a
    #   good value; it must be well below the function's timeout, or nothing is ever started
    attr_reader :guard_seconds

    # @return [Boolean] whether Lambda is asked to announce the end of this process with SIGTERM (false):
    #   setting it to true registers an internal extension, on Lambda only. Set it while the function
    #   starts, as in `config/application.rb` or an initializer
    attr_reader :shutdown_extension

    # @return [Integer] percentage of the backoff that is added at random, 0 to 100 (0)
    attr_reader :jitter

    # @return [Boolean] the function has `RecursiveLoop: Allow`, so re-sent jobs may keep their lineage
    attr_reader :recursion_allowed

    # @return [Integer, nil] messages over this size are refused before the network; default 1 MiB
    attr_reader :max_message_bytes

    # @return [Object, nil] an SQS client of your own, anything that answers as `Aws::SQS::Client` does;
    #   nil (default): Lambdakiq's
    attr_reader :client

    # @return [Numeric] seconds that a request, a handler or a process waits at its end for the answers to
    #   jobs that were sent with `async: true` (5)
    attr_reader :flush_timeout

    # @param value [String, false, nil] see {#default_queue}
    attr_writer :default_queue

    def initialize
      @max_retries = MAX_RETRIES
      @metrics_namespace = NAMESPACE
      @metrics_enabled = true
      @metrics_events = Metrics::EVENTS
      @current_attributes = [].freeze
      @request_id = true
      @metrics_dimensions = [%w[AppName JobEvent JobName].freeze].freeze
      @long_delays = true
      @delete = :each
      @guard_seconds = 1
      @shutdown_extension = false
      @jitter = 0
      @recursion_allowed = false
      @flush_timeout = 5
    end

    def max_retries=(value)
      value = MAX_RETRIES if value.nil? || (value.is_a?(Integer) && value > MAX_RETRIES)
      @max_retries = Options.integer('config.lambdakiq.max_retries', value, 0..MAX_RETRIES)
    end

    def long_delays=(value)
      @long_delays = Options.one_of('config.lambdakiq.long_delays', value, [true, :cap, :raise])
    end

    def delete=(value)
      @delete = Options.one_of('config.lambdakiq.delete', value, %i[each mapping])
    end

    def guard_seconds=(value)
      @guard_seconds = Options.number('config.lambdakiq.guard_seconds', value, 0..900)
    end

    def shutdown_extension=(value)
      @shutdown_extension = Options.one_of('config.lambdakiq.shutdown_extension', value, [true, false])
      Shutdown.register if value
    end

    def jitter=(value)
      @jitter = Options.integer('config.lambdakiq.jitter', value, 0..100)
    end

    def metrics_namespace=(value)
      @metrics_namespace = Options.text('config.lambdakiq.metrics_namespace', value || NAMESPACE)
    end

    def metrics_enabled=(value)
      @metrics_enabled = value
      Metrics.listen(self)
    end

    # With or without `.active_job`.
    def metrics_events=(value)
      @metrics_events = Options.events('config.lambdakiq.metrics_events', value)
      Metrics.listen(self)
    end

    def recursion_allowed=(value)
      @recursion_allowed = Options.one_of('config.lambdakiq.recursion_allowed', value, [true, false])
    end

    def max_message_bytes=(value)
      @max_message_bytes = value && Options.integer('config.lambdakiq.max_message_bytes', value, MESSAGE_BYTES)
    end

    def client=(value)
      @client = Options.sqs_client('config.lambdakiq.client', value)
    end

    def request_id=(value)
      @request_id = Options.callable('config.lambdakiq.request_id', value, [true, false])
    end

    def trace_header=(value)
      @trace_header = Options.callable('config.lambdakiq.trace_header', value, [nil])
    end

    def flush_timeout=(value)
      @flush_timeout = Options.number('config.lambdakiq.flush_timeout', value, 0..900)
    end

    # Where jobs go that name no queue of their own: those of Rails and other libraries, without
    # {Worker}, in a queue that Rails made up ("default", "mailers", "active_storage_…"); and when it is
    # set here, those with {Worker} in "default" too.
    #
    # @return [String, nil] default: the variable JOBS_QUEUE_NAME; nil when that is not set, or false was set
    def default_queue
      return @default_queue || nil unless @default_queue.nil?

      name = ENV['JOBS_QUEUE_NAME']
      name unless name.nil? || name.empty?
    end

    # @return [Boolean] whether it was set here, not by the environment
    # @api private
    def default_queue?
      @default_queue ? true : false
    end

    # Names or classes.
    def current_attributes=(value)
      @current_attributes = Options.class_names('config.lambdakiq.current_attributes', value)
      CurrentAttributes.carry(@current_attributes)
    end

    # One set, or several.
    def metrics_dimensions=(value)
      sets = value.is_a?(Array) && value.first.is_a?(Array) ? value : [value]
      @metrics_dimensions = sets.map { |set| Options.dimensions('config.lambdakiq.metrics_dimensions', set) }.freeze
    end

    # @param value [#to_s, nil] see {#metrics_app_name}
    def metrics_app_name=(value)
      @metrics_app_name = value&.to_s
    end

    # @return [String, nil] dimension AppName; default the name of the application's module
    def metrics_app_name
      @metrics_app_name ||= rails_app_name
    end

    # All that can be set.
    SETTINGS = public_instance_methods(false).grep(/\w=\z/).map { |name| name.name.chomp('=').to_sym }.freeze

    private

    def rails_app_name
      return unless defined?(Rails.application) && Rails.application

      Rails.application.class.name.to_s.split('::').first
    end
  end
end
