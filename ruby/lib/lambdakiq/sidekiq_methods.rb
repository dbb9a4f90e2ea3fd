# frozen_string_literal: true

module Lambdakiq
  # Enqueueing as Sidekiq has it, for every class with {Worker}: the same names and return values. The
  # arguments are ActiveJob's all the same, so records and symbols may be among them.
  #
  #     HardJob.perform_async(1, 'x')
  #     HardJob.perform_in(5.minutes, 1)
  #     HardJob.set(queue: 'bulk').perform_async(1)
  #     HardJob.perform_bulk([[1], [2]])
  module SidekiqMethods
    # Numbers from here on are points in time, below it intervals: Sidekiq's rule.
    EPOCH_FROM = 1_000_000_000

    # As many jobs of a bulk are handed to the adapter at once.
    BATCH_SIZE = 1000

    # ActiveJob's, with the methods below.
    #
    # @param options [Hash] as ActiveJob takes them: queue, priority, wait, wait_until
    # @return [ConfiguredJob]
    def set(options = {})
      ConfiguredJob.new(self, options)
    end

    # @return [String, nil] the job's id; nil when a callback stopped it
    # @raise [Error] it was not accepted
    def perform_async(...)
      SidekiqMethods.jid(perform_later(...))
    end

    # @param interval [Numeric, ActiveSupport::Duration, Time] seconds from now, or (a Time, or a number from
    #   10^9) when; a past time means at once
    # @return [String, nil] the job's id; nil when a callback stopped it
    # @raise [Error] it was not accepted
    def perform_in(interval, ...)
      set.perform_in(interval, ...)
    end

    # The same as {#perform_in}.
    def perform_at(time, ...)
      set.perform_in(time, ...)
    end

    # Sends many jobs, ten a call where ActiveJob can (from 7.1 on; its enqueue callbacks do not run then).
    #
    # @param args_list [Array<Array>] the arguments of each job
    # @param at [Numeric, Time, Array, nil] as for {#perform_in}: one for all, or one for each
    # @param batch_size [Integer] so many are handed over at once
    # @return [Array<String>] their ids
    # @raise [BulkError] some were not accepted
    def perform_bulk(args_list, at: nil, batch_size: BATCH_SIZE)
      set.perform_bulk(args_list, at: at, batch_size: batch_size)
    end

    # What {SidekiqMethods#set} gives.
    class ConfiguredJob < ActiveJob::ConfiguredJob
      # @see SidekiqMethods#perform_async
      def perform_async(...)
        SidekiqMethods.jid(perform_later(...))
      end

      # @see SidekiqMethods#perform_in
      def perform_in(interval, ...)
        SidekiqMethods.jid(@job_class.new(...).enqueue(at(interval)))
      end
      alias perform_at perform_in

      # @see SidekiqMethods#perform_bulk
      def perform_bulk(args_list, at: nil, batch_size: BATCH_SIZE)
        check(args_list)
        times = at.is_a?(Array) ? at : [at] * args_list.size
        raise ArgumentError, "perform_bulk: #{times.size} times for #{args_list.size} jobs" if times.size != args_list.size

        jobs = args_list.zip(times).map { |args, time| [@job_class.new(*args), time ? at(time) : @options] }
        failures = jobs.each_slice(batch_size).map { |slice| Bulk.enqueue(slice) }.reduce({}, :merge)
        raise BulkError.new(failures, jobs.size) if failures.any?

        jobs.map { |job, _| job.job_id }
      end

      private

      def at(interval)
        seconds = interval.to_f
        seconds += Time.now.to_f if seconds < EPOCH_FROM
        @options.merge(wait: nil, wait_until: seconds > Time.now.to_f ? Time.at(seconds) : nil)
      end

      def check(args_list)
        return if args_list.is_a?(Array) && args_list.all?(Array)

        raise ArgumentError, 'perform_bulk takes an Array of Arrays, the arguments of each job: [[1], [2]]'
      end
    end

    # Jobs with their options to the adapter.
    module Bulk
      module_function

      # @param jobs [Array<(ActiveJob::Base, Hash)>]
      # @return [Hash{ActiveJob::Base => Exception}] those that were not accepted
      def enqueue(jobs)
        return one_by_one(jobs) unless ActiveJob.respond_to?(:perform_all_later)

        jobs = jobs.map { |job, options| job.set(options) }
        ActiveJob.perform_all_later(jobs)
        jobs.select(&:enqueue_error).to_h { |job| [job, job.enqueue_error] }
      end

      # As {.enqueue}, where ActiveJob cannot enqueue many at once.
      def one_by_one(jobs)
        jobs.each_with_object({}) do |(job, options), failures|
          job.enqueue(options)
        rescue StandardError => e
          failures[job] = e
        end
      end
    end

    # @api private
    def self.jid(job)
      job.job_id if job
    end
  end
end
