# frozen_string_literal: true

module Lambdakiq
  class SQS
    # Parameters as Ruby gives them: converted and checked as the SDK does it, and written as SQS's JSON. All
    # that is wrong with them is said at once, in one ArgumentError.
    class Request
      # @param operation [Symbol]
      # @param params [Hash{Symbol => Object}]
      # @param shape [Hash] of the parameters; that of the answer for a stub
      # @param strict [Boolean] whether members may be missing
      def initialize(operation, params, shape: Shapes.input(operation), strict: true)
        @operation = operation
        @shape = shape
        @strict = strict
        @errors = []
        @params = structure(shape, params, 'params', Shapes.required(operation))
        raise ArgumentError, message unless @errors.empty?
      end

      # @return [Hash{Symbol => Object}] converted
      attr_reader :params

      # @return [Hash{String => Object}] what goes over the wire
      def to_wire
        write_structure(@operation, @shape, @params)
      end

      private

      def message
        return @errors.first if @errors.size == 1

        "parameter validator found #{@errors.size} errors:\n  - #{@errors.join("\n  - ")}"
      end

      def structure(shape, values, path, required = Shapes::REQUIRED[shape])
        return refuse(values, 'a hash', path) unless values.is_a?(Hash) || values.is_a?(Structure)

        values = values.to_h
        missing = @strict ? (required || []).select { |member| values[member].nil? } : []
        missing.each { |member| @errors << "missing required parameter #{path}[#{member.inspect}]" }
        values.to_h { |member, value| [member, member(shape, member, value, "#{path}[#{member.inspect}]")] }
      end

      def member(shape, member, value, path)
        return if value.nil?
        return convert(shape[member], value, path) if shape.key?(member)

        @errors << "unexpected value at #{path}"
      end

      def convert(type, value, path)
        case type
        when Array then list(type.first, value, path)
        when Hash then Shapes.map?(type) ? map(type.fetch(:string), value, path) : structure(type, value, path)
        when :integer then integer(value, path)
        when :boolean then boolean(value, path)
        when :blob then blob(value, path)
        else string(value, path)
        end
      end

      def list(type, value, path)
        value = value.to_a if value.is_a?(Enumerable)
        return refuse(value, 'an Array', path) unless value.is_a?(Array)

        value.each_with_index.map { |item, index| item && convert(type, item, "#{path}[#{index}]") }
      end

      # Keys are the application's own names.
      def map(type, value, path)
        return refuse(value, 'a hash', path) unless value.is_a?(Hash)

        value.to_h do |key, item|
          [string(key, "#{path} #{key.inspect} key"), item && convert(type, item, "#{path}[#{key.inspect}]")]
        end
      end

      def string(value, path)
        value.is_a?(String) || value.is_a?(Symbol) ? value.to_s : refuse(value, 'a String', path)
      end

      def integer(value, path)
        number = value.is_a?(Float) ? value.to_i : value
        number = Integer(value, exception: false) || value if value.is_a?(String)
        number.is_a?(Integer) ? number : refuse(value, 'an Integer', path)
      end

      def boolean(value, path)
        [true, false].include?(value) ? value : refuse(value, 'true or false', path)
      end

      def blob(value, path)
        return value if value.is_a?(String) || %i[read rewind size].all? { |name| value.respond_to?(name) }

        refuse(value, 'a String or IO like object that supports read, rewind, and size', path)
      end

      def refuse(value, expected, path)
        @errors << "expected #{path} to be #{expected}, got class #{value.class} instead."
        nil
      end

      def write_structure(operation, shape, values)
        values.each_with_object({}) do |(member, value), wire|
          wire[Shapes.wire(operation, member)] = write(shape.fetch(member), value) unless value.nil?
        end
      end

      def write(type, value)
        case type
        when Array then value.map { |item| write(type.first, item) }
        when Hash then write_hash(type, value)
        when :blob then [value.respond_to?(:read) ? value.read : value].pack('m0')
        else value
        end
      end

      def write_hash(type, value)
        return write_structure(nil, type, value) unless Shapes.map?(type)

        value.transform_values { |item| write(type.fetch(:string), item) }
      end
    end
  end
end
