# frozen_string_literal: true

module Lambdakiq
  # Performs the jobs of one event, one after the other.
  #
  # What is done with each is the core's decision; this is the loop that ActiveJob needs around it. It
  # keeps records from touching each other: whatever a job does is its own failure, and only what ends
  # the process ends the batch (B3, B7).
  class Batch
    # @return [Exception, nil] what a job of this thread's last batch raised that should end the process
    def self.ending
      Containment.ending
    end

    # @param records [Array<Hash>]
    # @param context [#get_remaining_time_in_millis, nil]
    def initialize(records, context)
      @records = records
      @deadline_ms = deadline_ms(context)
    end

    # @return [Array<String>] messageIds of the records to report failed; nil for one that has none,
    #   which makes Lambda take the whole batch as failed
    def run
      return [] if @records.empty?

      open_steps do |steps|
        @records.each { |record| steps.add(record) }
        each_job(steps) { |index| Job.new(@records.fetch(index)) }
        steps.response
      end
    end

    # Performs one job that the caller holds.
    #
    # @api private
    def run_alone(job)
      open_steps do |steps|
        steps.add(job.record.data)
        each_job(steps) { job }
        failed = steps.response
        job.postpone if failed.any? && !job.error
      end
    end

    private

    # A step that fails is the core's trouble with SQS, or what a client of the application's own answered, not
    # with a record: what could not be started comes back, what is done stays done.
    def each_job(steps)
      loop do
        steps.stop if Containment.ending || Shutdown.requested?
        index = steps.next or break
        work(steps, yield(index))
      end
    rescue StandardError => e
      Lambdakiq.logger.error("[Lambdakiq] the batch was cut short: #{ErrorText.of(e)}")
      steps.stop
    end

    # The core's batch, or one that calls {Client#sqs}. What there is to say is said on every way out.
    def open_steps
      Containment.ending = nil unless Shutdown.performing?
      Shutdown.watch if ENV['AWS_LAMBDA_RUNTIME_API']
      Shutdown.during(@deadline_ms) do
        open_engine do |steps|
          yield steps
        ensure
          Notes.tell(steps)
        end
      end
    end

    def open_engine
      client = Lambdakiq.client
      return yield ClientBatch.new(client, options) unless client.native?

      client.with_reports do |native|
        @renew = -> { client.renew(native) } if client.option(:credentials)
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
      job.error = Containment.run { job.job_class } || false # a class body may do anything when it is loaded
      return give_up(steps, job) if job.error
      return unless steps.start(*job_options(job)).first == :run

      job.error = Containment.run { job.run } || false
      @renew&.call # a job may run for longer than the credentials that the batch began with are good
      job.error ? give_up(steps, job) : steps.finish(:done)
    end

    def job_options(job)
      options = nil
      error = Containment.run { options = read_options(job) }
      return options unless error

      # Set past `lambdakiq_options`, which would have refused it; or a method of the class's own failed.
      Lambdakiq.logger.error("[Lambdakiq] #{job.job_class}: its options are not used: #{ErrorText.of(error)}")
      [Native::RETRY_UNSET, nil]
    end

    def read_options(job)
      klass = job.job_class
      options = klass.respond_to?(:lambdakiq_options_hash) ? klass.lambdakiq_options_hash : {}
      [Options.native_retry(Options.retry_of(klass, job.job_data), klass.name), options[:dead]]
    end

    # Told before it is carried out: should the process end in between, the message comes back, and
    # nobody misses a death.
    def give_up(steps, job)
      failure = Failure.decide(steps, job)
      failure.tell
    ensure
      steps.finish if failure
    end
  end
end
