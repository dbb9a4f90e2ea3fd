# frozen_string_literal: true

module Lambdakiq
  # What users set, checked when they set it: an error at class load is seen by the one who wrote it, an
  # error when a job fails at night is not (B17).
  #
  # @api private
  module Options
    KNOWN = %i[retry async message_group_id dead].freeze

    module_function

    # The options of a job class as they are kept.
    #
    # @param owner [String] how errors name the class
    def worker(owner, options)
      options = options.to_h.transform_keys(&:to_sym)
      check_retry(options[:retry], owner)
      one_of("#{owner}: lambdakiq_options dead", options[:dead], [nil, :dlq, :delete])
      one_of("#{owner}: lambdakiq_options async", options[:async], [nil, true, false])
      unknown = options.keys - KNOWN
      Lambdakiq.logger.warn("[Lambdakiq] #{owner}: unknown lambdakiq_options #{unknown.join(', ')}") if unknown.any?
      options
    end

    # nil (unset), false (none), true (all there are) or a number from 0.
    def check_retry(value, owner)
      return if [nil, true, false].include?(value) || (value.is_a?(Integer) && value >= 0)

      raise OptionError, "#{owner}: lambdakiq_options retry is #{value.inspect}; " \
                         'use a number from 0, true (as many as there are) or false (none)'
    end

    # The same as the core wants it.
    def native_retry(value, owner)
      return Native::RETRY_UNSET if value.nil?

      check_retry(value, owner)
      { false => 0, true => Native::RETRY_MAX }.fetch(value) { [value, Config::MAX_RETRIES].min }
    end

    # The group a job wants to be in, by the method that its class may have for it; nil when it does not say.
    def group_id(job)
      group_text(job.lambdakiq_message_group_id) if job.respond_to?(:lambdakiq_message_group_id)
    end

    # The same by the class's options.
    def group_option(job)
      group = job.lambdakiq_options_hash&.fetch(:message_group_id, nil)
      group_text(group.respond_to?(:call) ? group.call(job) : group)
    end

    def group_text(group)
      return if group.nil?

      group = group.to_s
      group unless group.match?(/\A[[:space:]]*\z/)
    end

    # Retries as a job's class has them, by its options or by a method of its own.
    def retry_of(job_class, job_data)
      return unless job_class.method_defined?(:lambdakiq_retry)
      return job_class.lambdakiq_options_hash[:retry] if job_class.instance_method(:lambdakiq_retry).owner.equal?(Worker)

      ActiveJob::Base.deserialize(job_data).lambdakiq_retry
    end

    def block(name, block)
      block or raise OptionError, "#{name} needs a block"
    end

    def integer(name, value, range)
      return value if value.is_a?(Integer) && range.cover?(value)

      raise OptionError, "#{name} is #{value.inspect}; use an integer from #{range.min} to #{range.max}"
    end

    def number(name, value, range)
      return value if value.is_a?(Numeric) && range.cover?(value)

      raise OptionError, "#{name} is #{value.inspect}; use a number from #{range.min} to #{range.max}"
    end

    def text(name, value)
      return value if value.is_a?(String) && !value.empty?

      raise OptionError, "#{name} is #{value.inspect}; use a text"
    end

    # Names of classes, for which classes may stand.
    def class_names(name, values)
      Array(values).map do |value|
        case value
        when Module then value.name
        when String, Symbol then value.to_s
        else raise OptionError, "#{name} has #{value.inspect}; use the names of classes"
        end
      end.freeze
    end

    def sqs_client(name, value)
      return value if value.nil? || value.respond_to?(:send_message)

      raise OptionError, "#{name} is #{value.inspect}; use an Aws::SQS::Client, or what answers its calls"
    end

    def callable(name, value, others)
      return value if others.include?(value) || value.respond_to?(:call)

      raise OptionError, "#{name} is #{value.inspect}; use a lambda, or one of #{others.map(&:inspect).join(', ')}"
    end

    def dimensions(name, set)
      return set.dup.freeze if set.is_a?(Array) && set.any? && (set - Metrics::DIMENSIONS.keys).empty?

      raise OptionError, "#{name} has the set #{set.inspect}; use some of #{Metrics::DIMENSIONS.keys.join(', ')}"
    end

    def events(name, values)
      names = values.map { |value| value.to_s.delete_suffix('.active_job') }.uniq if values.is_a?(Array)
      return names.freeze if names&.any? && (names - Metrics::EVENTS).empty?

      raise OptionError, "#{name} is #{values.inspect}; use a list of some of #{Metrics::EVENTS.join(', ')} " \
                         '(metrics_enabled = false for none)'
    end

    def one_of(name, value, choices)
      return value if choices.include?(value)

      raise OptionError, "#{name} is #{value.inspect}; use one of #{choices.map(&:inspect).join(', ')}"
    end
  end
end
