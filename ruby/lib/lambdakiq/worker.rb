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
      class_attribute :lambdakiq_retry_in_block, :lambdakiq_retries_exhausted_block, instance_accessor: false
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
      # @option options [:dlq, :delete] :dead where dead jobs of this class go: always to the dead-letter
      #   queue, or always deleted; without it a job is deleted when its own `retry` is spent, and kept
      #   when it follows `max_retries` or the queue's maxReceiveCount
      # @raise [OptionError] an option makes no sense
      def lambdakiq_options(options = {})
        options = options.to_h
        merge = options.delete(:merge) || options.delete('merge') if options.key?(:merge) || options.key?('merge')
        options = Options.worker(name || inspect, options)
        self.lambdakiq_options_hash = merge ? lambdakiq_options_hash.merge(options) : options
      end

      # Chooses the wait before a retry, as Sidekiq's `sidekiq_retry_in` does. Called after a failed
      # attempt that a retry follows. What it raises is logged and reported, and the usual backoff is
      # used. The wait is cut to what SQS can hide a message for: 12 hours from the receive, and the
      # queue's MessageRetentionPeriod. Subclasses inherit it.
      #
      #     lambdakiq_retry_in { |count, error| error.is_a?(RateLimited) ? 60 * (count + 1) : nil }
      #
      # @yieldparam count [Integer] retries so far, 0 after the first run
      # @yieldparam error [Exception]
      # @yieldparam job [ActiveJob::Base] that failed
      # @yieldreturn [Numeric, :discard, nil] seconds, more than 0; :discard: no retry, and the message is
      #   deleted (event `discard.active_job`); nil: the usual backoff. Sidekiq's :kill has no
      #   counterpart, as SQS alone moves messages to the dead-letter queue: it is warned of, and the
      #   usual backoff is used
      # @raise [OptionError] without a block
      def lambdakiq_retry_in(&block)
        self.lambdakiq_retry_in_block = Options.block("#{name || inspect}: lambdakiq_retry_in", block)
      end

      # Called when a job is dead: its retries are used up, or the queue's maxReceiveCount is. The message
      # is let go only afterwards, so that a process that ends meanwhile cannot skip it; where the job is
      # deleted then, it is performed and the block called once more (at least once). What it raises is
      # logged and reported, and changes nothing. Subclasses inherit it.
      #
      #     lambdakiq_retries_exhausted { |job, error| Order.find(job.arguments.first).failed!(error) }
      #
      # @yieldparam job [ActiveJob::Base] that failed
      # @yieldparam error [Exception] of the last attempt
      # @raise [OptionError] without a block
      def lambdakiq_retries_exhausted(&block)
        self.lambdakiq_retries_exhausted_block = Options.block("#{name || inspect}: lambdakiq_retries_exhausted", block)
      end
    end

    def lambdakiq?
      true
    end

    # What the option `retry` says. A class may have a method of its own instead; it is asked before the job
    # runs, of an instance whose arguments have not been deserialised.
    #
    # @return [Integer, Boolean, nil] nil: the job follows {Config#max_retries}
    def lambdakiq_retry
      lambdakiq_options_hash[:retry]
    end

    def lambdakiq_async?
      lambdakiq_options_hash[:async] ? true : false
    end

    # A class may have a method of its own instead.
    #
    # @return [String, nil] the group the job asks for as SQS gets it; nil when it asks for none
    def lambdakiq_message_group_id
      group = Options.group_option(self)
      return group if group.nil? || group.length <= 128

      require 'digest'
      Digest::SHA256.hexdigest(group)
    end
  end
end
