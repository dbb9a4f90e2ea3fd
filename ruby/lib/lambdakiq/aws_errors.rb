# frozen_string_literal: true

require 'lambdakiq'

# `Aws::SQS::Errors::…` for an application that rescues these names and no longer has the AWS SDK:
#
#     require 'lambdakiq/aws_errors'
#
# With aws-sdk-sqs in the bundle its own classes are meant, and loaded. Errors of Lambdakiq match either
# by what SQS calls them.
if Gem.loaded_specs.key?('aws-sdk-sqs')
  require 'aws-sdk-sqs'
else
  module Aws
    module SQS
      # Any error that SQS may name: Errors::NonExistentQueue, Errors::QueueDoesNotExist …
      module Errors
        if defined?(::Aws::Errors::DynamicErrors) # the SDK's core is here for another service
          extend ::Aws::Errors::DynamicErrors
        else
          # As the SDK's: made with a context, a message and data.
          class ServiceError < RuntimeError
            class << self
              attr_accessor :code
            end

            attr_reader :code, :context
            attr_accessor :data

            def initialize(context = nil, message = nil, data = nil)
              @code = self.class.code
              @context = context
              @data = data
              super(message.to_s.empty? ? self.class.name : message)
            end
          end

          @lock = Mutex.new

          # @return [Class] the error that SQS calls so, made when it is first named
          def self.const_missing(name)
            @lock.synchronize do
              next const_get(name, false) if const_defined?(name, false)

              const_set(name, Class.new(ServiceError)).tap { |error| error.code = name.name }
            end
          end
        end
      end
    end
  end
end

Lambdakiq::AwsErrors.match_loaded
