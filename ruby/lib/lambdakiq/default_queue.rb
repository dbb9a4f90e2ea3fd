# frozen_string_literal: true

module Lambdakiq
  # Jobs that name no queue of their own. Rails sends mail to "mailers" and everything else to "default",
  # queues that hardly anyone has on SQS (B16, B19).
  module DefaultQueue
    # What Rails calls the queues of its own jobs.
    OF_RAILS = /\A(mailers|active_storage_\w+|action_mailbox_\w+)\z/

    module_function

    # Gives the job the queue {Config#default_queue} where it has none. It stands in the body too: older
    # workers take it from there.
    #
    # @param job [ActiveJob::Base]
    def assign(job)
      target = Lambdakiq.config.default_queue if for?(job)
      job.queue_name = target if target
    end

    # With {Worker} a class says where it wants to go; only an explicit setting changes what it forgot.
    def for?(job)
      return nameless?(job) || OF_RAILS.match?(bare_name(job)) unless job.respond_to?(:lambdakiq?)

      Lambdakiq.config.default_queue? && nameless?(job)
    end

    def nameless?(job)
      name = job.queue_name.to_s
      name.empty? || bare_name(job) == job.class.default_queue_name
    end

    # Without the application's `queue_name_prefix`.
    def bare_name(job)
      prefix = job.class.queue_name_prefix
      prefix = "#{prefix}#{job.class.queue_name_delimiter}" if prefix
      prefix ? job.queue_name.to_s.delete_prefix(prefix) : job.queue_name.to_s
    end

    # The error with what to do about it, when it is that there is no such queue.
    #
    # @param error [Exception]
    # @param job_class [Class, String]
    # @return [Exception]
    def explain(error, job_class, queue_name)
      missing = error.respond_to?(:code) && error.code.to_s.end_with?('NonExistentQueue')
      return error unless missing && [nil, '', 'default'].include?(queue_name)

      error.exception("#{error.message} #{job_class} has no queue of its own, so ActiveJob used " \
                      '"default": is the variable set that its queue_as reads, as in ' \
                      '`queue_as ENV["JOBS_QUEUE_NAME"]`, in the function that enqueues as well? ' \
                      'Or set config.lambdakiq.default_queue.')
    end
  end
end
