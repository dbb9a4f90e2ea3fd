# frozen_string_literal: true

module Lambdakiq
  # What Lambda hands to the function.
  module Event
    extend self

    # Whether it carries jobs. Any value may be asked for: an HTTP event, nil, a String.
    def jobs?(event)
      records(event).any? { |record| job?(record) }
    end

    # Whether a record is one of ours.
    def job?(record)
      return false unless record.is_a?(Hash)

      attributes = record['messageAttributes']
      ours = attributes['lambdakiq'] if attributes.is_a?(Hash)
      ours.is_a?(Hash) && ours['stringValue'] == '1'
    end

    # @return [Array<Hash>]
    def records(event)
      records = event['Records'] if event.is_a?(Hash)
      records.is_a?(Array) ? records : []
    end
  end
end
