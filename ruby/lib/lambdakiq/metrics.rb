# frozen_string_literal: true

module Lambdakiq
  # ActiveJob's events as CloudWatch metrics in Embedded Metric Format: one line of JSON for each event.
  module Metrics
    # What is counted: ActiveJob's events by their names.
    EVENTS = %w[enqueue enqueue_at perform_start perform enqueue_retry retry_stopped].freeze

    # By their names on the line, as the core combines them.
    DIMENSIONS = { 'AppName' => 1, 'JobEvent' => 2, 'JobName' => 4, 'QueueName' => 8 }.freeze

    # As many of the usual lines as a pipe takes in one piece (PIPE_BUF), so that no other writer's text comes
    # in between.
    LINES_AT_ONCE = 8
    private_constant :LINES_AT_ONCE

    @lock = Mutex.new
    @listeners = {}

    class << self
      # Listens from now on to what the settings ask for.
      #
      # @api private
      def install
        @installed = true
        listen(Lambdakiq.config)
      end

      # Listens to what the settings ask for now, and to nothing where that is nothing: an event without a
      # listener costs nothing.
      #
      # @param config [Config]
      # @api private
      def listen(config)
        return unless @installed

        wanted = config.metrics_enabled ? sources(config.metrics_events) : []
        @lock.synchronize do
          (@listeners.keys - wanted).each { |name| ActiveSupport::Notifications.unsubscribe(@listeners.delete(name)) }
          (wanted - @listeners.keys).each do |name|
            @listeners[name] = ActiveSupport::Notifications.subscribe(name) { |event| log(event) }
          end
        end
      end

      # Writes the metrics of an event.
      #
      # @param event [ActiveSupport::Notifications::Event]
      def log(event)
        return unless Lambdakiq.config.metrics_enabled

        payload = event.payload
        return log_enqueued(event) if event.name == 'enqueue_all.active_job'

        write(line(event, payload[:job], event.name)) if ours?(payload)
      rescue StandardError => e
        # A job must not fail because it could not be counted.
        Lambdakiq.logger.error("[Lambdakiq] no metrics for #{event.name}: #{e.class}: #{e.message}")
      end

      private

      # Where the events come from: many jobs that are enqueued at once have one for all of them.
      def sources(events)
        names = events.map { |name| "#{name}.active_job" }
        (events & %w[enqueue enqueue_at]).any? ? [*names, 'enqueue_all.active_job'] : names
      end

      # Many jobs that were enqueued at once are counted one by one.
      def log_enqueued(event)
        return unless adapter?(event.payload)

        event.payload[:jobs].select(&:successfully_enqueued?).each_slice(LINES_AT_ONCE) do |jobs|
          write_all(jobs.filter_map { |job| enqueued_line(event, job) })
        end
      end

      def enqueued_line(event, job)
        name = job.scheduled_at ? 'enqueue_at.active_job' : 'enqueue.active_job'
        line(event, job, name) if @listeners.key?(name)
      end

      # A job of another adapter is counted where Lambdakiq performs it, and tells what becomes of it (as
      # {Failure} does, which knows the receive count). What such a job enqueues elsewhere is not.
      def ours?(payload)
        adapter?(payload) || payload.key?(:receive_count) || Performing.frame&.own?(payload[:job])
      end

      def adapter?(payload)
        ActiveJob::QueueAdapters::LambdakiqAdapter === payload[:adapter]
      end

      def line(event, job, name)
        config = Lambdakiq.config
        error = event.payload[:error] || event.payload[:exception_object]
        Native.metrics_line(
          namespace: config.metrics_namespace, app_name: config.metrics_app_name, job_event: name,
          job_name: job.class.name, job_id: job.job_id, queue_name: job.queue_name,
          message_id: job.provider_job_id, request_id: job.lambdakiq_request_id,
          exception_name: error && ErrorText.class_name(error), enqueued_at: time(job.enqueued_at),
          executions: job.executions, duration_ms: event.duration.to_i, arguments: MetricArguments.of(job),
          dimension_sets: dimension_sets(config.metrics_dimensions)
        )
      end

      def dimension_sets(names)
        return @sets if @names.equal?(names)

        @sets = names.map { |set| set.uniq.sum { |name| DIMENSIONS.fetch(name) } }.pack('C*')
        @names = names
        @sets
      end

      # A Time, or a text: until ActiveJob 7.1 that is what a job has.
      def time(value)
        value.instance_of?(Time) || !value.respond_to?(:iso8601) ? value : value.utc.iso8601
      end

      # Raw: a formatter's prefix would hide the metrics from CloudWatch.
      def write(line)
        logger = Lambdakiq.config.metrics_logger
        logger ? logger.info(line) : to_stdout(line << "\n")
      end

      def write_all(lines)
        logger = Lambdakiq.config.metrics_logger
        logger ? lines.each { |line| logger.info(line) } : to_stdout(lines.each { |line| line << "\n" }.join)
      end

      def to_stdout(text)
        @lock.synchronize do
          $stdout.write(text)
          $stdout.flush
        end
      end
    end
  end
end
