# frozen_string_literal: true

module Lambdakiq
  # Offers the settings as `config.lambdakiq`, and loads what the first enqueue needs.
  class Railtie < ::Rails::Railtie
    # On the way of a job out of this process.
    ON_THE_WAY = %i[Native Client Message Options Performing Pool Queue Requests].freeze

    config.lambdakiq = Lambdakiq.config

    # At the end of boot, not in the first request that enqueues; and before a server forks its workers.
    config.after_initialize do |application|
      adapter = application.config.active_job.queue_adapter
      ON_THE_WAY.each { |name| Lambdakiq.const_get(name) } if adapter.to_s == 'lambdakiq'
    end
  end
end
