# frozen_string_literal: true

module Lambdakiq
  # A record and the job in it.
  class Job
    class << self
      # Performs the jobs of an event. See {Lambdakiq.handler}.
      def handler(event, context = nil)
        { batchItemFailures: Batch.new(Event.records(event), context).run.map { |id| { itemIdentifier: id } } }
      ensure
        Lambdakiq.collect(context)
      end
    end

    # @return [Record]
    attr_reader :record

    # @return [Exception, false] why the job did not succeed
    attr_accessor :error

    # @param record [Record, Hash]
    def initialize(record)
      @record = record.is_a?(Record) ? record : Record.new(record)
      @error = false
    end

    # The body, with `provider_job_id` and `executions` as this receive makes them.
    #
    # @return [Hash]
    # @raise [JSON::ParserError, RecordError] it is not a job's JSON
    def job_data
      @job_data ||= parse
    end

    # @return [Class]
    # @raise [NameError, RecordError]
    def job_class
      @job_class ||= resolve(job_data['job_class'])
    end

    # The instance that was performed, or else one made for looking at.
    #
    # @return [ActiveJob::Base]
    def active_job
      @active_job ||= ActiveJob::Base.deserialize(job_data)
    end

    # @return [Queue] where the message came from (B21)
    def queue
      Lambdakiq.client.queues[record.queue_arn || job_data['queue_name']]
    end

    # @return [Integer] how often the job was started, this time included once it has been
    def executions
      active_job.executions
    end

    # @return [String] the messageId
    def provider_job_id
      record.message_id
    end

    # Does with the record alone what {Job.handler} does with a batch.
    #
    # @return [Exception, nil] why it did not succeed; {FifoDelayError} when it is not due
    def perform
      Batch.new([], nil).run_alone(self)
      error || nil
    end
    alias execute perform

    # Runs the job, without a word to SQS about its outcome.
    #
    # @api private
    def run
      Performing.during(job_data, record) do |frame|
        ActiveJob::Base.execute(job_data)
        raise frame.raised if frame.raised
      ensure
        @active_job = frame.job if frame.job # the one that ran
      end
    end

    # Whether ActiveJob came so far as to perform it.
    #
    # @api private
    def performed?
      !@active_job.nil?
    end

    # Marks the job as one that waits for another of its FIFO group.
    #
    # @return [FifoGroupError]
    def skip
      self.error = FifoGroupError.new(label)
    end

    # Marks the job as one that is not due, or that may not start now.
    #
    # @return [FifoDelayError]
    # @api private
    def postpone
      self.error = FifoDelayError.new(label)
    end

    private

    def parse
      data = JSON.parse(record.body)
      raise RecordError, "the body of message #{record.message_id} is not a job" unless data.is_a?(Hash)

      data['provider_job_id'] = record.message_id
      data['executions'] = executions_before(data['executions'])
      data
    end

    # ActiveJob's count before it adds this time.
    def executions_before(body_executions)
      (body_executions.is_a?(Integer) ? body_executions : 0) + record.attempt - 1
    end

    # How the errors of FIFO queues name the job, readable or not.
    def label
      job_data['job_id']
    rescue StandardError
      record.message_id
    end

    def resolve(name)
      unless name.is_a?(String) && !name.empty?
        raise RecordError, "the body of message #{record.message_id} names no job_class: it is not ActiveJob's"
      end

      klass = ActiveSupport::Inflector.constantize(name)
      return klass if klass.is_a?(Class) && klass.method_defined?(:perform_now)

      raise RecordError, "#{name} of message #{record.message_id} is not a job class"
    end
  end
end
