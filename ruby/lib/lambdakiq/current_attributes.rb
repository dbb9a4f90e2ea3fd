# frozen_string_literal: true

require 'active_support/current_attributes'

module Lambdakiq
  # Takes an application's current attributes along with its jobs: what they are where a job is enqueued
  # they are again while it is performed. They travel in the job's JSON, beside what ActiveJob writes;
  # workers of Lambdakiq 2 ignore them.
  #
  #     config.lambdakiq.current_attributes = ['Current']
  module CurrentAttributes
    # In the job's JSON: class name => attributes, serialised as arguments are.
    KEY = 'lambdakiq_current'

    # What ActiveJob::Base does on top when there are attributes to take along. Applications without any
    # never get it.
    #
    # @api private
    module Carried
      def serialize
        CurrentAttributes.any? ? super.merge(KEY => CurrentAttributes.dump) : super
      end

      def deserialize(job_data)
        @lambdakiq_current = job_data[KEY]
        super
      end

      def perform_now
        return super unless @lambdakiq_current

        CurrentAttributes.with(@lambdakiq_current) { super }
      end
    end

    @told = {}

    class << self
      # @param names [Array<String>] of classes; they are looked up when they are needed, since Rails
      #   reloads them
      # @api private
      def carry(names)
        @names = names
        @installed ||= names.any? && ActiveSupport.on_load(:active_job) { prepend Carried }
      end

      def any?
        @names.any?
      end

      # @return [Hash{String => Array}] what is set here and now
      # @raise [ActiveJob::SerializationError] an attribute is nothing that a job can carry
      def dump
        @names.to_h do |name|
          values = ActiveSupport::Inflector.constantize(name).instance.attributes.compact
          [name, ActiveJob::Arguments.serialize([values.transform_keys(&:to_s)])]
        end
      end

      # Runs the block with them; afterwards they are what they were.
      #
      # @param dumped [Hash] of {#dump}, maybe of another deployment
      def with(dumped, &block)
        dumped.reverse_each.inject(block) do |inner, (name, arguments)|
          klass = ActiveSupport::Inflector.safe_constantize(name)
          next inner.tap { tell(name) } unless klass

          values = known(klass, name, ActiveJob::Arguments.deserialize(arguments).first)
          -> { klass.set(values, &inner) }
        end.call
      end

      private

      def known(klass, name, values)
        values.select do |attribute, _|
          klass.instance.respond_to?("#{attribute}=") || tell("#{name}.#{attribute}")
        end
      end

      # Once for each: an older deployment's jobs may be many.
      def tell(what)
        @told[what] ||= begin
          Lambdakiq.logger.warn("[Lambdakiq] a job came with #{what}, which is not known here; it is left out")
          true
        end
        false
      end
    end
  end
end
