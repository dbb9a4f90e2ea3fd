# frozen_string_literal: true

require 'active_support/concern'
require 'active_support/core_ext/class/attribute'

module Lambdakiq
  # Options for a class of jobs.
  #
  #     class OrderJob < ApplicationJob
  #       include Lambdakiq::Worker
  #       lambdakiq_options retry: 2
  #     end
  #
  # Jobs without it work as well, with the defaults.
  module Worker
    extend ActiveSupport::Concern

    included do
      unless method_defined?(:perform_now)
        raise OptionError, "#{name} includes Lambdakiq::Worker and is no job: write class #{name} < ApplicationJob"
      end

      extend SidekiqMethods
      class_attribute :lambdakiq_options_hash, instance_predicate: false, default: {}
    end

    class_methods do
      # Replaces the options of this class and its subclasses; with `merge: true` those that are not
      # named stay as the superclass has them.
      #
      # @param options [Hash]
      # @option options [Integer, Boolean] :retry how many retries; overrides `config.lambdakiq.max_retries`
      # @option options [String, #call] :message_group_id the FIFO group, or what computes it from the job
      # @option options [Boolean] :async put jobs on their way without waiting for SQS's answer: they have no
      #   `provider_job_id`, and a failure is told later, see {Lambdakiq.flush}
      # @option options [:dlq] :dead a job whose own retries are spent goes to the dead-letter queue
      #   instead of being deleted
      # @raise [OptionError] an option makes no sense
      def lambdakiq_options(options = {})
        options = options.to_h
        merge = options.delete(:merge) || options.delete('merge') if options.key?(:merge) || options.key?('merge')
        options = Options.worker(name || inspect, options)
        self.lambdakiq_options_hash = merge ? lambdakiq_options_hash.merge(options) : options
      end
    end

    def lambdakiq?
      true
    end

    # @return [Integer] how many retries this job may have, before its queue has a say
    def lambdakiq_retry
      value = lambdakiq_options_hash[:retry]
      Options.check_retry(value, self.class.name)
      value = { nil => Lambdakiq.config.max_retries, false => 0, true => Config::MAX_RETRIES }.fetch(value, value)
      [value, Config::MAX_RETRIES].min
    end

    def lambdakiq_async?
      lambdakiq_options_hash[:async] ? true : false
    end

    # @return [String, nil] the group the job asks for as SQS gets it; nil when it asks for none
    def lambdakiq_message_group_id
      group = Options.group_id(self)
      return group if group.nil? || group.length <= 128

      require 'digest'
      Digest::SHA256.hexdigest(group)
    end
  end
end
