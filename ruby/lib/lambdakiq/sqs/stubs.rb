# frozen_string_literal: true

module Lambdakiq
  class SQS
    # Answers without a server, for tests of applications: what `stub_responses: true` means to the SDK.
    class Stubs
      # What a Proc stub is given.
      Context = Struct.new(:operation_name, :params, :client)

      # The members of a whole HTTP answer.
      HTTP = %i[body headers status_code].freeze

      # @param stubs [true, Hash] stubs by operation
      def initialize(stubs = true)
        @sequences = {}
        @requests = []
        @lock = Mutex.new
        stubs.each { |operation, stub| set(operation.to_sym, [stub]) } if stubs.is_a?(Hash)
      end

      # @return [Array<Hash>] all requests so far: operation_name, params, context
      def requests
        @lock.synchronize { @requests.dup }
      end

      # Sets what an operation answers: a Hash, an error code, an exception (class or instance), a Proc
      # that takes a {Context} and gives one of these; or several in sequence, the last of which repeats.
      def set(operation, stubs)
        stubs = stubs.flatten
        stubs.each { |stub| read(operation, stub) if stub.is_a?(Hash) && !http?(stub) }
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
      def data(operation, values = {})
        wire = Shapes.output(operation).to_h do |member, type|
          [Shapes.wire(operation, member), member == :next_token ? nil : default(type)]
        end
        Reader.response(operation, wire.merge(wire(operation, values)))
      end

      private

      def take(operation)
        sequence = @sequences[operation] || []
        sequence.size > 1 ? sequence.shift : sequence.first
      end

      def resolve(operation, stub, context)
        case stub
        when Proc then resolve(operation, stub.call(context), context)
        when String then raise SQS.service_error(stub, 'stubbed-response-error-message')
        when Exception, Class then raise stub
        when nil, true then data(operation)
        else http?(stub) ? read_http(operation, stub) : read(operation, stub)
        end
      end

      # An answer with these members only, as SQS leaves out what there is not.
      def read(operation, values)
        Reader.response(operation, wire(operation, values))
      end

      def wire(operation, values)
        values = values.to_h unless values.is_a?(Hash)
        Request.new(operation, values, shape: Shapes.output(operation), strict: false).to_wire
      end

      def http?(stub)
        stub.is_a?(Hash) && stub.keys.sort == HTTP
      rescue ArgumentError, NoMethodError # keys of several kinds
        false
      end

      def read_http(operation, stub)
        body = stub[:body].respond_to?(:read) ? stub[:body].read : stub[:body].to_s
        json = body.empty? ? {} : JSON.parse(body)
        return Reader.response(operation, json) if stub[:status_code].between?(200, 299)

        code = stub[:headers].transform_keys { |name| name.to_s.downcase }['x-amzn-query-error'].to_s.split(';').first
        raise SQS.service_error(code || json['__type'].to_s.split('#').last, json['message'] || json['Message'])
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
