# frozen_string_literal: true

# An ordinary job: works the first time.
class ReceiptJob < ApplicationJob
  def perform(number)
    write_ledger "receipt #{number}"
  end
end
