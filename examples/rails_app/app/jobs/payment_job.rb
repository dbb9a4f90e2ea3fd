# frozen_string_literal: true

# Fails twice, as a payment provider in trouble does, and then works.
class PaymentJob < ApplicationJob
  class ProviderDown < StandardError; end

  def perform(number)
    raise ProviderDown, "payment provider is down (attempt #{executions})" if executions <= 2

    write_ledger "payment #{number} on attempt #{executions}"
  end
end
