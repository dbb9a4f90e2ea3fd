# frozen_string_literal: true

module Lambdakiq
  # Performs the jobs of one event, one after the other.
  #
  # What is done with each is the core's decision; this is the loop that ActiveJob needs around it. It
  # keeps records from touching each other: whatever a job raises is its own failure, and only what ends
  # the process ends the batch (B3, B7).
  class Batch
    # These end the process. Nothing more is started, what is done is settled, the rest is reported
    # failed; then, when the response is out, the process ends as it would have.
    ENDING = [SignalException, NoMemoryError].freeze

    class << self
      # @return [Exception, nil] what a job raised that should end this process
      attr_accessor :ending
    end

    # @param records [Array<Hash>]
    # @param context [#get_remaining_time_in_millis, nil]
    def initialize(records, context)
      @records = records
      @deadline_ms = deadline_ms(context)
    end

    # @return [Array<String>] messageIds of the records to report failed
    def run
      return [] if @records.empty?

      jobs = @records.to_h { |record| [record.is_a?(Hash) ? record['messageId'] : nil, record] }
      open_steps do |steps|
        @records.each { |record| steps.add(record) }
        each_job(steps, jobs)
        steps.response
      end
    end

    # Performs one job that the caller holds.
    #
    # @api private
    def run_alone(job)
      open_steps do |steps|
        steps.add(job.record.data)
        work(steps, job) if steps.next
        failed = steps.response
        job.error ||= FifoDelayError.new(job.record.message_id) if failed.any?
      end
    end

    private

    # A step that fails is the core's trouble with SQS, not with a record: what could not be started
    # comes back, what is done stays done.
    def each_job(steps, jobs)
      while (message_id = steps.next)
        work(steps, Job.new(jobs.fetch(message_id)))
        steps.stop if Batch.ending
      end
    rescue Error => e
      Lambdakiq.logger.error("[Lambdakiq] the batch was cut short: #{ErrorText.of(e)}")
      steps.stop
    end

    # The core's batch, or one that calls {Client#sqs}. What there is to say is said on every way out.
    def open_steps
      Batch.ending = nil
      Performing.deadline_ms = @deadline_ms
      open_engine do |steps|
        yield steps
      ensure
        Notes.tell(steps)
      end
    end

    def open_engine
      client = Lambdakiq.client
      return yield ClientBatch.new(client) unless client.native?

      client.with_reports do |native|
        @renew = -> { client.prepare(native) }
        yield Native::Batch.new(native, options)
      end
    end

    def options
      config = Lambdakiq.config
      { max_retries: config.max_retries, deadline_ms: @deadline_ms, delete: config.delete,
        guard_ms: (config.guard_seconds * 1000).to_i, jitter_percent: config.jitter,
        recursion_allowed: config.recursion_allowed }
    end

    def deadline_ms(context)
      return unless context.respond_to?(:get_remaining_time_in_millis)

      (Time.now.to_f * 1000).to_i + context.get_remaining_time_in_millis
    end

    # From a job in hand to its outcome.
    def work(steps, job)
      return finish(steps, job, :poison) unless understand(job)
      return unless steps.start(*job_options(job)).first == :run

      job.job_data['executions'] = steps.executions(job.body_executions)
      finish(steps, job, perform(job))
    end

    # Whether there is a job class to run; else the record is poison.
    def understand(job)
      job.job_class
      true
    rescue Exception => e # a class body may raise anything when it is loaded
      Batch.ending = e if ending?(e)
      job.error = e
      false
    end

    def job_options(job)
      options = job.job_class.respond_to?(:lambdakiq_options_hash) ? job.job_class.lambdakiq_options_hash : {}
      [Options.native_retry(options[:retry], job.job_class.name), options[:dead] == :dlq]
    rescue OptionError => e
      # Set past `lambdakiq_options`, which would have refused it.
      Lambdakiq.logger.error("[Lambdakiq] #{e.message}; the default is used")
      [Native::RETRY_UNSET, false]
    end

    def perform(job)
      job.execute
      :done
    rescue Exception => e # SystemExit, ScriptError, SystemStackError … are this job's own failure
      Batch.ending = e if ending?(e)
      job.error = e
      job.performed? ? :failed : :poison
    end

    def ending?(error)
      ENDING.any? { |ending| ending === error }
    end

    def finish(steps, job, outcome)
      @renew&.call # a job may run for longer than the credentials that the batch began with are good
      decision = steps.finish(outcome)
      Failure.new(job, decision).tell unless outcome == :done
    end
  end
end
