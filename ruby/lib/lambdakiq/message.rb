# frozen_string_literal: true

module Lambdakiq
  # A job on its way out: its JSON, and what the core needs to know to make a message of it.
  class Message
    # What marks a message as a job of ours.
    LAMBDAKIQ_ATTRIBUTE = { 'lambdakiq' => { string_value: '1', data_type: 'String' }.freeze }.freeze

    attr_reader :queue, :job, :options

    # @param queue [Queue]
    # @param job [ActiveJob::Base]
    # @param options [Hash] `delay_seconds:` or `delay_ms:`
    def initialize(queue, job, options = {})
      @queue = queue
      @job = job
      @options = options
    end

    # @return [String] the job as ActiveJob serialises it
    # @raise [InvalidError] it has arguments that JSON does not know (B3)
    def body
      @body ||= JSON.generate(job.serialize)
    rescue JSON::JSONError => e
      raise InvalidError, "#{job.class} cannot be enqueued: its arguments are not JSON (#{e.message}); " \
                          'NaN, Infinity and text that is not UTF-8 are not'
    end

    # What {Native::Client#send_job} takes after the queue.
    #
    # @api private
    def to_native
      [body, job.job_id, delay_ms, Options.group_id(job), Performing.resend_of(job.job_id),
       Lambdakiq.config.long_delays]
    end

    # The message as parameters of SendMessage, without `queue_url`.
    #
    # @return [Hash{Symbol => Object}]
    def params
      json = Lambdakiq.client.with { |native| native.send_params(queue.reference, *to_native) }
      SQS.params(:send_message, JSON.parse(json))
    end

    private

    def delay_ms
      options[:delay_ms] || ((options[:delay_seconds] || 0) * 1000).to_i
    end
  end
end
