# frozen_string_literal: true

require 'bundler/setup'
require 'rails'
require 'active_record/railtie'
require 'action_controller/railtie'
require 'action_mailer/railtie'
require 'active_job/railtie'
require 'active_storage/engine'
require 'action_cable/engine'
Bundler.require

module Shop
  # A whole application with the defaults of its Rails, whichever that is. What it writes is below
  # SHOP_DATA.
  class Application < Rails::Application
    DATA = ENV.fetch('SHOP_DATA')

    config.load_defaults Rails::VERSION::STRING.to_f
    config.eager_load = true
    config.secret_key_base = 'only-for-this-test-' * 4
    config.cache_store = :null_store
    config.logger = ActiveSupport::Logger.new($stderr)
    config.log_level = :info
    config.active_support.deprecation = :stderr
    config.active_storage.service = :local
    config.action_mailer.delivery_method = :file
    config.action_mailer.file_settings = { location: "#{DATA}/mails" }

    config.active_job.queue_adapter = :lambdakiq
  end
end
