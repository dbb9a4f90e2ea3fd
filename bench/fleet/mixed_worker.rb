# frozen_string_literal: true

# A worker of a fleet in the middle of a deployment: every second one that starts is still 2.4.0.

require_relative '../support/side'

number = File.open("#{ENV.fetch('BENCH_LEDGER')}.workers", File::RDWR | File::CREAT) do |file|
  file.flock(File::LOCK_EX)
  file.read.to_i.tap do |count|
    file.rewind
    file.write(count + 1)
  end
end
exec(Side.environment(number.even? ? 'peer' : 'ours'), 'ruby', "#{__dir__}/worker.rb")
