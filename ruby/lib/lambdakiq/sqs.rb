# frozen_string_literal: true

module Lambdakiq
  # SQS with the call shapes of `Aws::SQS::Client`: one method for each operation, keyword parameters in
  # snake case, answers with readers. Any number of threads may use one.
  #
  #     Lambdakiq.client.sqs.receive_message(queue_url: 'jobs', max_number_of_messages: 10).messages
  #
  # A queue_url may be a queue's name, URL or ARN.
  class SQS
    autoload :Pages, "#{__dir__}/sqs/pages"
    autoload :Reader, "#{__dir__}/sqs/response"
    autoload :EmptyStructure, "#{__dir__}/sqs/response"
    autoload :Request, "#{__dir__}/sqs/request"
    autoload :Shapes, "#{__dir__}/sqs/shapes"
    autoload :Structure, "#{__dir__}/sqs/response"
    autoload :Stubs, "#{__dir__}/sqs/stubs"

    class << self
      # An answer made here.
      #
      # @api private
      def response(operation, members)
        Reader.response(operation, members.transform_keys { |member| Shapes.wire(operation, member) })
      end

      # Parameters of an operation from SQS's JSON.
      #
      # @api private
      def params(operation, values)
        Reader.params(operation, values)
      end

      # What a call raises when SQS answers with this code.
      #
      # @api private
      def service_error(code, message)
        ServiceError.new(message).tap do |error|
          error.instance_variable_set(:@code, code)
          error.instance_variable_set(:@aws_code, code)
        end
      end
    end

    # @api private
    def initialize(client, stubbed: false)
      @client = client
      @stubs = stubbed ? Stubs.new(stubbed) : nil
    end

    Shapes::OPERATIONS.each_key do |operation|
      # @param params [Hash] as `Aws::SQS::Client` takes them
      define_method(operation) { |params = {}, _options = {}| call(operation, params) }
    end

    # @return [Array<Symbol>]
    def operation_names
      Shapes::OPERATIONS.keys
    end

    # Sets what an operation answers from now on, see {Stubs#set}.
    #
    # @raise [RuntimeError] the client was not made with `stub_responses: true`
    def stub_responses(operation, *stubs)
      stubs!.set(operation.to_sym, stubs)
    end

    # An answer as the operation would give it, with defaults for what is not named.
    def stub_data(operation, data = {})
      (@stubs || Stubs.new).data(operation.to_sym, data)
    end

    # @return [Array<Hash>] the requests so far of a stubbed client: operation_name, params, context
    def api_requests(_options = {})
      stubs!.requests
    end

    # @return [Config] some of the options it was made with
    def config
      Config.new(@client.option(:region), @client.option(:endpoint), @client.option(:credentials), !@stubs.nil?)
    end

    # What {#config} tells.
    Config = Struct.new(:region, :endpoint, :credentials, :stub_responses)

    # @return [Array] SQS has none
    def waiter_names
      []
    end

    private

    def stubs!
      @stubs || raise('stubbing is not enabled; use Lambdakiq::Client.default_options.merge!(stub_responses: true)')
    end

    def call(operation, params)
      request = Request.new(operation, params)
      params = request.params
      answer = @stubs ? @stubs.answer(operation, params, self) : ask(operation, params, request.to_wire)
      Shapes::PAGED.include?(operation) ? Pages.of(answer, self, operation, params) : answer
    rescue Error => e
      raise e.during(operation, params, self)
    end

    def ask(operation, params, wire)
      json = @client.with do |native|
        Requests.observe(native, operation, params[:queue_url]) do
          native.call(Shapes.action(operation), JSON.generate(wire), Shapes::REPEATABLE.include?(operation))
        end
      end
      Reader.response(operation, JSON.parse(json))
    end
  end
end
