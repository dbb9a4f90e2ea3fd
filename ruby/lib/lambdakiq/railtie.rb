# frozen_string_literal: true

module Lambdakiq
  # Offers the settings as `config.lambdakiq`.
  class Railtie < ::Rails::Railtie
    config.lambdakiq = Lambdakiq.config
  end
end
