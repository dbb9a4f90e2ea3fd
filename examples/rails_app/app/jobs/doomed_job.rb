# frozen_string_literal: true

# Always fails: 12 retries over eleven and a half hours, then the dead-letter queue.
class DoomedJob < ApplicationJob
  class Hopeless < StandardError; end

  def perform(number)
    raise Hopeless, "order #{number} cannot be shipped"
  end
end
