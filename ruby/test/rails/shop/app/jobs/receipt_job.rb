# frozen_string_literal: true

# Has a record for an argument, and is not waited for.
class ReceiptJob < ApplicationJob
  lambdakiq_options async: true

  def perform(order)
    Ledger.write("receipt #{order.number}: #{order.receipt.download}")
  end
end
