# frozen_string_literal: true

module Lambdakiq
  # Offers the settings as `config.lambdakiq`, and loads what the first enqueue needs.
  class Railtie < ::Rails::Railtie
    # On the way of a job out of this process.
    ON_THE_WAY = %i[Native Client DefaultQueue Message Options Outbox Performing Pool Queue RequestId Requests
                    Trace].freeze

    config.lambdakiq = Lambdakiq.config

    # An application may have put other options in their place: `config.lambdakiq = config_for(:lambdakiq)`.
    initializer 'lambdakiq.config', after: :load_config_initializers do |application|
      given = application.config.lambdakiq
      application.config.lambdakiq = Lambdakiq.config.merge!(given) unless given.equal?(Lambdakiq.config)
    end

    # The answers to jobs that a request, or a job, sent without waiting are collected at its end.
    initializer 'lambdakiq.collect' do |application|
      application.executor.to_complete { Lambdakiq.collect }
    end

    # First in the stack: further in, it would depend on middleware that an application may have taken out.
    initializer 'lambdakiq.request_id' do |application|
      application.middleware.unshift(RequestId::Middleware)
    end

    # At the end of boot, not in the first request that enqueues; and before a server forks its workers.
    config.after_initialize do |application|
      adapter = application.config.active_job.queue_adapter
      ON_THE_WAY.each { |name| Lambdakiq.const_get(name) } if adapter.to_s == 'lambdakiq'
    end
  end
end
