# frozen_string_literal: true

ActiveSupport::Notifications.subscribe('broadcast.action_cable') do |*, payload|
  Ledger.write("broadcast #{payload[:broadcasting]}: #{payload[:message]}")
end
