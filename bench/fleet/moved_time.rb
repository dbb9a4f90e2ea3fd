# frozen_string_literal: true

require_relative 'ledger'

# Time.now by the local server's clock, for workers of 2.4.0: they compare it with SentTimestamp to
# know whether a FIFO delay has passed. Ours look at the clock's file themselves.
module MovedTime
  def now(...)
    super + (FleetLedger.offset_ms / 1000.0)
  end
end
Time.singleton_class.prepend(MovedTime)
