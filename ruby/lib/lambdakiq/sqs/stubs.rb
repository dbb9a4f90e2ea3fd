# frozen_string_literal: true

module Lambdakiq
  class SQS
    # Answers without a server, for tests of applications: what `stub_responses: true` means to the SDK.
    class Stubs
      # What a Proc stub is given.
      Context = Struct.new(:operation_name, :params, :client)

      # @return [Array<Hash>] all requests so far: operation_name, params, context
      attr_reader :requests

      def initialize
        @sequences = {}
        @requests = []
        @lock = Mutex.new
      end

      # Sets what an operation answers: a Hash, an error code, an exception (class or instance), a Proc
      # that takes a {Context} and gives one of these; or several in sequence, the last of which repeats.
      def set(operation, stubs)
        stubs.each { |stub| check(operation, stub) }
        @lock.synchronize { @sequences[operation] = stubs }
      end

      # Answers one call.
      def answer(operation, params, client)
        context = Context.new(operation, params, client)
        stub = @lock.synchronize do
          @requests << { operation_name: operation, params: params, context: context }
          take(operation)
        end
        resolve(operation, stub, context)
      end

      # An answer with the given members, and defaults for the others.
      def data(operation, values)
        values.each_key do |member|
          next if Shapes.output(operation).key?(member)

          raise ArgumentError, "unexpected value at params[#{member.inspect}]"
        end
        wire = Shapes.output(operation).to_h do |member, type|
          [Shapes.wire(operation, member), values.key?(member) ? wire(type, values[member]) : default(type)]
        end
        Reader.response(operation, wire)
      end

      private

      def take(operation)
        sequence = @sequences[operation]
        return {} unless sequence

        sequence.size > 1 ? sequence.shift : sequence.first
      end

      def check(operation, stub)
        data(operation, stub) if stub.is_a?(Hash)
      end

      def resolve(operation, stub, context)
        case stub
        when Proc then resolve(operation, stub.call(context), context)
        when String then raise SQS.service_error(stub, 'stubbed-response-error-message')
        when Exception, Class then raise stub
        when nil, true then data(operation, {})
        else data(operation, stub.to_h)
        end
      end

      # A message of a list of messages has no members but those the stub gives it.
      def wire(type, value)
        case type
        when Array then value.map { |item| wire(type.first, item) }
        when Hash
          return value.to_h { |key, item| [key.to_s, wire(type.fetch(:string), item)] } if Shapes.map?(type)

          value.to_h { |member, item| [Shapes.wire(nil, member), wire(type.fetch(member), item)] }
        when :blob then [value].pack('m0')
        else value
        end
      end

      # As the SDK has them: the name of a string's shape, zero, nothing.
      def default(type)
        case type
        when :string then 'String'
        when :integer then 0
        when :boolean then false
        end
      end
    end
  end
end
