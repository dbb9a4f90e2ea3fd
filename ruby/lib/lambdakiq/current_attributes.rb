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
      # A job that came with some keeps them when it sends itself again, whatever it has changed since.
      def serialize
        return super unless CurrentAttributes.any?

        super.merge(KEY => @lambdakiq_current || CurrentAttributes.dump)
      end

      def deserialize(job_data)
        @lambdakiq_current = job_data[KEY]
        super
      end

      def perform_now
        return super unless @lambdakiq_current

        CurrentAttributes.apart do
          @lambdakiq_performing = true
          super
        end
      end

      # What the job has for its end is called with what it came with as well. A record that is gone by then
      # does not keep it from being called.
      #
      # @api private
      def lambdakiq_with_current
        return yield unless @lambdakiq_current

        CurrentAttributes.apart do
          CurrentAttributes.try_restore(@lambdakiq_current)
          yield
        end
      end

      private

      # Where ActiveJob looks up the records among the arguments, and lets the class say what is to become
      # of the job when one is gone.
      def deserialize_arguments_if_needed
        super
        CurrentAttributes.restore(@lambdakiq_current) if @lambdakiq_performing
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

      # Runs the block with nothing set; afterwards they are what they were.
      def apart
        outer = instances.to_h { |instance| [instance, instance.attributes.dup] }
        outer.each_key(&:reset)
        yield
      ensure
        outer&.each { |instance, attributes| instance.attributes = attributes }
      end

      # Sets them.
      #
      # @param dumped [Hash] of {#dump}, maybe of another deployment
      # @raise [ActiveJob::DeserializationError] a record among them is gone
      def restore(dumped)
        dumped.each do |name, arguments|
          klass = ActiveSupport::Inflector.safe_constantize(name) if @names.include?(name)
          next tell(name) unless klass

          known(klass, name, ActiveJob::Arguments.deserialize(arguments).first)
            .each { |attribute, value| klass.instance.public_send("#{attribute}=", value) }
        end
      end

      # The same as far as it goes.
      #
      # @api private
      def try_restore(dumped)
        restore(dumped)
      rescue ActiveJob::DeserializationError => e
        Lambdakiq.logger.warn("[Lambdakiq] what was current cannot be restored: #{ErrorText.of(e)}")
      end

      private

      def instances
        @names.filter_map { |name| ActiveSupport::Inflector.safe_constantize(name)&.instance }
      end

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
