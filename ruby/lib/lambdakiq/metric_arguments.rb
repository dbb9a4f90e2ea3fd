# frozen_string_literal: true

module Lambdakiq
  # A job's arguments on its metrics line: as far as they may be printed, and of large ones the beginning.
  # A longer line than CloudWatch takes would be no metric at all, and whoever looks for a job by an
  # argument looks for an id, not for a document.
  #
  # @api private
  module MetricArguments
    # All arguments of a job, as JSON.
    LINE_BYTES = 64 * 1024

    # Stands where something has been left out.
    MARK = '…'

    # ASCII that JSON does not escape.
    PLAIN = /\A[ !#-\[\]-~]*\z/.freeze
    private_constant :PLAIN

    class << self
      # @param job [ActiveJob::Base]
      # @return [Array<String>, nil] JSON texts; nil when there is nothing to print: the job's class does not
      #   want it in logs, or they could not be deserialised, which is what the job failed of
      def of(job)
        klass = job.class
        return if klass.respond_to?(:log_arguments?) && !klass.log_arguments?

        arguments = job.arguments
        texts(arguments) if arguments
      end

      # What Rails hides in its own log; nil when that is nothing. Made anew only when the application's
      # list is another one.
      def parameter_filter
        filters = defined?(Rails.application) && Rails.application ? Rails.application.config.filter_parameters : []
        return @filter if filters == @filters

        require 'active_support/parameter_filter'
        @filter = filters.empty? ? nil : ActiveSupport::ParameterFilter.new(filters)
        @filters = filters.dup
        @filter
      end

      private

      def texts(arguments)
        left = LINE_BYTES
        arguments.each_with_object([]) do |argument, texts|
          break texts << JSON.generate("#{MARK} (#{arguments.size - texts.size} more)") if left <= 0

          texts << text(argument)
          left -= texts.last.bytesize
        end
      end

      # Most are ids and short texts: as they are.
      def text(argument)
        return argument.to_s if argument.is_a?(Integer)

        plain?(argument) ? "\"#{argument}\"" : JSON.generate(Excerpt.new.of(argument))
      end

      # Whether JSON has it between quotes as it is.
      def plain?(argument)
        argument.is_a?(String) && argument.bytesize <= Excerpt::TEXT_BYTES && argument.ascii_only? && PLAIN.match?(argument)
      end
    end

    # One argument as values that JSON knows. First as many members of it as can be shown, then filtered,
    # then its texts cut: a filter that looks at values must see whole ones, and need not see them all.
    #
    # @api private
    class Excerpt
      TEXT_BYTES = 4096
      MEMBERS = 200
      DEPTH = 20

      def initialize
        @bytes = TEXT_BYTES
        @members = MEMBERS
      end

      # @return [Object]
      def of(value)
        shown(filtered(sample(value, DEPTH)))
      end

      private

      # Its first members. An argument that contains itself, which no message can have, ends here too.
      def sample(value, depth)
        value = hash_of(value)
        return MARK if depth.zero? && (value.is_a?(Hash) || value.is_a?(Array))

        case value
        when Hash then sample_hash(value, depth - 1)
        when Array then sample_array(value, depth - 1)
        else value
        end
      end

      # Parameters of a controller are no Hash, and as text they would pass the filter.
      def hash_of(value)
        value.respond_to?(:to_unsafe_h) ? value.to_unsafe_h : value
      end

      def sample_hash(hash, depth)
        hash.each_with_object({}) do |(key, item), members|
          break members.merge!(MARK => "#{hash.size - members.size} more") unless member?

          members[key.to_s] = sample(item, depth)
        end
      end

      def sample_array(array, depth)
        array.each_with_object([]) do |item, members|
          break members << "#{MARK} (#{array.size - members.size} more)" unless member?

          members << sample(item, depth)
        end
      end

      def member?
        (@members -= 1) >= 0
      end

      def filtered(value)
        case value
        when Hash then MetricArguments.parameter_filter&.filter(value) || value
        when Array then value.map { |item| filtered(item) }
        else value
        end
      end

      def shown(value)
        case value
        when nil, true, false, Integer then value
        when Float then value.finite? ? value : value.to_s
        when Hash then shown_hash(value)
        when Array then value.map { |item| shown(item) }
        else cut(text(value))
        end
      end

      # Without text for keys there is no telling its members apart.
      def shown_hash(hash)
        hash.each_with_object({}) do |(key, item), members|
          break members.merge!(MARK => 'more') if @bytes <= 0

          members[cut(key)] = shown(item)
        end
      end

      def text(value)
        return value if value.is_a?(String)

        value.respond_to?(:to_global_id) ? value.to_global_id.to_s : value.to_s
      rescue StandardError # a record without an id, say
        "(#{ErrorText.class_name(value)})"
      end

      # At a character, with the length that it had.
      def cut(text)
        size = text.bytesize
        room = @bytes.clamp(0, size)
        @bytes -= size
        return ErrorText.utf8(text) if size == room

        "#{ErrorText.utf8(text.byteslice(0, room).scrub(''))}#{MARK} (#{size} bytes)"
      end
    end
  end
end
