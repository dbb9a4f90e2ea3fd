# frozen_string_literal: true

module Lambdakiq
  class SQS
    # Parameters as Ruby gives them into SQS's JSON, and back. All that is wrong with them is said at
    # once, in one ArgumentError, as the SDK does.
    class Request
      # @param operation [Symbol]
      # @param params [Hash{Symbol => Object}]
      def initialize(operation, params)
        @operation = operation
        @params = params
        @errors = []
      end

      # @return [Hash{String => Object}] what goes over the wire
      # @raise [ArgumentError]
      def to_wire
        missing = Shapes.required(@operation).reject { |member| @params.key?(member) && !@params[member].nil? }
        missing.each { |member| @errors << "missing required parameter params[#{member.inspect}]" }
        wire = structure(Shapes.input(@operation), @params, 'params')
        raise ArgumentError, message unless @errors.empty?

        wire
      end

      private

      def message
        return @errors.first if @errors.size == 1

        "parameter validator found #{@errors.size} errors:\n  - #{@errors.join("\n  - ")}"
      end

      def structure(shape, value, path)
        return refuse(value, 'a Hash', path) unless value.respond_to?(:to_h) && !value.is_a?(Array)

        value.to_h.each_with_object({}) do |(member, item), wire|
          type = shape[member]
          next @errors << "unexpected value at #{path}[#{member.inspect}]" unless type
          next if item.nil?

          wire[Shapes.wire(@operation, member)] = convert(type, item, "#{path}[#{member.inspect}]")
        end
      end

      def convert(type, value, path)
        case type
        when Array then list(type.first, value, path)
        when Hash then Shapes.map?(type) ? map(type.fetch(:string), value, path) : structure(type, value, path)
        else scalar(type, value, path)
        end
      end

      def list(type, value, path)
        return refuse(value, 'an Array', path) unless value.is_a?(Array)

        value.each_with_index.map { |item, index| convert(type, item, "#{path}[#{index}]") }
      end

      # Keys are the application's own names and stay as they are.
      def map(type, value, path)
        return refuse(value, 'a Hash', path) unless value.is_a?(Hash)

        value.to_h { |key, item| [key.to_s, convert(type, item, "#{path}[#{key.inspect}]")] }
      end

      def scalar(type, value, path)
        case type
        when :integer then value.is_a?(Integer) ? value : refuse(value, 'an Integer', path)
        when :blob then blob(value, path)
        else value.is_a?(String) || value.is_a?(Symbol) ? value.to_s : refuse(value, 'a String', path)
        end
      end

      def blob(value, path)
        value = value.read if value.respond_to?(:read)
        value.is_a?(String) ? [value].pack('m0') : refuse(value, 'a String or IO object', path)
      end

      def refuse(value, expected, path)
        @errors << "expected #{path} to be #{expected}, got class #{value.class} instead."
        nil
      end
    end
  end
end
