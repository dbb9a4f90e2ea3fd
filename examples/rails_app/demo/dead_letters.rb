# frozen_string_literal: true

# Reads the dead-letter queue the way an operator's script would: through the gem's SQS client.

require_relative '../config/environment'
require 'json'

Rails.logger.level = :warn
response = Lambdakiq.client.sqs.receive_message(
  queue_url: ARGV.fetch(0), max_number_of_messages: 10, wait_time_seconds: 0,
  attribute_names: ['All'], message_attribute_names: ['All']
)
puts JSON.generate(response.messages.map { |message|
  { message_id: message.message_id, body: message.body, attributes: message.attributes,
    lambdakiq: message.message_attributes['lambdakiq']&.string_value }
})
