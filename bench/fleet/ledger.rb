# frozen_string_literal: true

require 'json'

# What jobs did, in a file that all workers of a fleet append to and that outlives each of them.
#
# A line is one write to a file opened for appending: lines of different processes do not mix.
module FleetLedger
  module_function

  # @param what [String] "start" or "done"
  def write(what, job)
    @file ||= File.open(ENV.fetch('BENCH_LEDGER'), File::WRONLY | File::APPEND | File::CREAT)
    @file.syswrite("#{JSON.generate(what: what, id: job.job_id, message_id: job.provider_job_id, at_ms: now_ms,
                                    executions: job.executions, side: ENV.fetch('BENCH_SIDE'))}\n")
  end

  # @return [Array<Hash>]
  def read(path)
    File.exist?(path) ? File.readlines(path).map { |line| JSON.parse(line) } : []
  end

  # Epoch milliseconds by the local server's clock.
  def now_ms
    Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) + offset_ms
  end

  # How far the local server's clock is ahead; 0 as long as nobody has moved it.
  def offset_ms
    File.read(ENV.fetch('LAMBDAKIQ_CLOCK_FILE')).to_i
  rescue Errno::ENOENT
    0
  end
end
