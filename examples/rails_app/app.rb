# frozen_string_literal: true

# The one handler file of both Lambda functions. The web function gets HTTP events, the jobs function
# SQS events; Lamby tells them apart and hands jobs to Lambdakiq.

ENV['RAILS_ENV'] ||= 'production'
require_relative 'config/boot'
require 'rails'
require 'lamby'
require_relative 'config/application'
require_relative 'config/environment'

$app = Rack::Builder.new { run Rails.application }.to_app

def handler(event:, context:)
  Lamby.handler $app, event, context
end
