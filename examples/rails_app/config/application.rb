# frozen_string_literal: true

require_relative 'boot'
require 'rails'
require 'active_job/railtie'
require 'action_mailer/railtie'
require 'action_controller/railtie'
require 'lambdakiq'

module Storefront
  # A shop with next to nothing in it but its background jobs.
  class Application < Rails::Application
    config.root = File.expand_path('..', __dir__)
    config.load_defaults 7.2
    config.eager_load = true
    config.secret_key_base = ENV.fetch('SECRET_KEY_BASE') { 'only-for-this-example-' * 4 }
    config.hosts.clear
    config.log_level = :info
    config.logger = ActiveSupport::Logger.new($stdout)

    config.active_job.queue_adapter = :lambdakiq

    # Mail is written to files, one for each recipient.
    config.action_mailer.delivery_method = :file
    config.action_mailer.file_settings = { location: ENV.fetch('MAIL_DIR') { root.join('tmp/mails').to_s } }
  end
end
