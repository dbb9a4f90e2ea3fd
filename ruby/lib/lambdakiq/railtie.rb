# frozen_string_literal: true

module Lambdakiq
  # Offers the settings as `config.lambdakiq`.
  class Railtie < ::Rails::Railtie
    config.lambdakiq = Lambdakiq.config

    # Where everything is loaded at boot, the core is too: before the first request, and before a server
    # forks its workers.
    config.before_eager_load { Native }
  end
end
