# frozen_string_literal: true

module Lambdakiq
  # A job on its way out: its JSON, and what the core needs to know to make a message of it.
  class Message
    # What marks a message as a job of ours.
    LAMBDAKIQ_ATTRIBUTE = { 'lambdakiq' => { string_value: '1', data_type: 'String' }.freeze }.freeze

    # Longer waits are told of, see {LongWaits}.
    A_DAY_MS = 86_400_000
    private_constant :A_DAY_MS

    attr_reader :queue, :job, :options

    # @param queue [Queue]
    # @param job [ActiveJob::Base]
    # @param options [Hash] `delay_seconds:` or `delay_ms:`; others stand in {#params} as they are
    def initialize(queue, job, options = {})
      @queue = queue
      @job = job
      @options = options
    end

    # @return [String] the job as ActiveJob serialises it, with its {RequestId}
    # @raise [InvalidError] it has arguments that JSON does not know (B3)
    def body
      @body ||= escape(JSON.generate(RequestId.serialize(job)))
    rescue JSON::JSONError, EncodingError => e
      raise InvalidError, "#{job.class} cannot be enqueued: its arguments are not JSON (#{ErrorText.message(e)}); " \
                          'NaN, Infinity and text that is not UTF-8 are not'
    rescue SystemStackError
      raise InvalidError, "#{job.class} cannot be enqueued: its arguments contain themselves, or are nested too deep"
    end

    # What {Native::Client#send_job} takes after the queue.
    #
    # @api private
    def to_native
      @to_native ||= lay_out
    end

    # The message as parameters of SendMessage, without `queue_url`.
    #
    # @return [Hash{Symbol => Object}]
    def params
      SQS.params(:send_message, JSON.parse(params_json)).merge(options.except(:delay_seconds, :delay_ms))
    end

    # The same as SQS's JSON.
    #
    # @api private
    def params_json
      @params_json ||= Lambdakiq.client.with { |native| native.send_params(queue.reference, *to_native) }
    end

    # Whether the job's class does not wait for SQS's answer. A job that is sent again while it is performed
    # always does: its message is deleted next.
    #
    # @api private
    def async?
      job.respond_to?(:lambdakiq_async?) && job.lambdakiq_async? && Performing.resend_of(job.job_id).nil?
    end

    private

    def lay_out
      LongWaits.tell(job.class, delay_ms, queue.fifo?) if delay_ms > A_DAY_MS
      [body, job.job_id, delay_ms, Options.group_id(job), Performing.resend_of(job.job_id),
       Lambdakiq.config.long_delays, Trace.outgoing(job.job_id)]
    end

    # Two characters that JSON may hold and SQS refuses.
    def escape(json)
      return json if json.ascii_only?

      json.gsub(/[\u{FFFE}\u{FFFF}]/) { |character| format('\u%04x', character.ord) }
    end

    def delay_ms
      options[:delay_ms] || ((options[:delay_seconds] || 0) * 1000).to_i
    end
  end
end
