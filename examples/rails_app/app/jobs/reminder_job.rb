# frozen_string_literal: true

# Enqueued with `set(wait: …)`: runs when its time has come.
class ReminderJob < ApplicationJob
  def perform(number)
    write_ledger "reminder #{number}"
  end
end
