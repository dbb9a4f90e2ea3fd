# frozen_string_literal: true

module Lambdakiq
  class SQS
    # What an answer is made of: members with readers, `[]`, `to_h`, `==`. Members SQS left out are nil,
    # lists [] and maps {}.
    module Structure
      # @param member [Symbol, String]
      # @raise [NameError] there is no such member
      def [](member)
        super(member.to_sym)
      end

      # @return [Hash{Symbol => Object}] without what is nil
      def to_h
        each_pair.with_object({}) { |(member, value), hash| hash[member] = plain(value) unless value.nil? }
      end
      alias to_hash to_h

      def empty?
        to_h.empty?
      end

      private

      def plain(value)
        case value
        when Structure then value.to_h
        when Array then value.map { |item| plain(item) }
        when Hash then value.transform_values { |item| plain(item) }
        else value
        end
      end
    end

    # What the answer of a whole operation knows besides.
    module Response
      def successful?
        true
      end

      # @return [nil] a call that fails raises
      def error
        nil
      end

      # @return [self] as the SDK's answers have it
      def data
        self
      end
    end

    # The answer of operations that have none.
    class EmptyStructure
      include Response

      # @return [Hash] empty
      def to_h
        {}
      end
      alias to_hash to_h

      def [](member)
        raise NameError, "no member '#{member}' in struct"
      end

      # Answers without members are equal.
      def ==(other)
        other.is_a?(EmptyStructure)
      end

      def empty?
        true
      end
    end

    # Makes answers of SQS's JSON, or of the symbols of a stub.
    #
    # @api private
    module Reader
      @classes = {}.compare_by_identity

      module_function

      # @param values [Hash] with wire names
      def response(operation, values)
        build(Shapes.output(operation), Response) { |member| values[Shapes.wire(operation, member)] }
      end

      # Parameters as Ruby would give them.
      #
      # @param values [Hash] with wire names
      # @return [Hash{Symbol => Object}]
      def params(operation, values)
        plain_hash(Shapes.input(operation), values)
      end

      def build(shape, *roles)
        return EmptyStructure.new if shape.empty?

        values = shape.map { |member, type| read(type, yield(member)) }
        struct_class(shape, roles).new(*values)
      end

      def read(type, value)
        case type
        when Array then (value || []).map { |item| read(type.first, item) }
        when Hash then read_hash(type, value)
        when :blob then value&.unpack1('m')
        else value
        end
      end

      def read_hash(type, value)
        return (value || {}).transform_values { |item| read(type.fetch(:string), item) } if Shapes.map?(type)

        build(type) { |member| (value || {})[Shapes.wire(nil, member)] }
      end

      def struct_class(shape, roles)
        @classes[shape] ||= Struct.new(*shape.keys) do
          include Structure
          roles.each { |role| include role }
        end
      end

      def plain_hash(shape, values)
        shape.each_with_object({}) do |(member, type), hash|
          value = values[Shapes.wire(nil, member)]
          hash[member] = plain(type, value) unless value.nil?
        end
      end

      def plain(type, value)
        case type
        when Array then value.map { |item| plain(type.first, item) }
        when Hash
          Shapes.map?(type) ? value.transform_values { |item| plain(type.fetch(:string), item) } : plain_hash(type, value)
        when :blob then value.unpack1('m')
        else value
        end
      end
    end
  end
end
