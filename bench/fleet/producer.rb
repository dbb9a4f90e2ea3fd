# frozen_string_literal: true

# Enqueues what the plan on standard input says, one perform_later after the other, as a web process
# does, and writes to descriptor 3 what was accepted.
#
# The plan is an Array of Hashes: `job` (class), `queue`, `count`, `arguments` (for all of them, or with
# `groups` the group as last argument, in turn), `wait_s`, and `kind`, which comes back.

require_relative 'app'

# Of a version that workers do not have (any more): to them its messages are poison.
class VanishedJob < FleetJob; end

def enqueue(entry, number)
  job_class = Object.const_get(entry.fetch('job'))
  set = { queue: entry.fetch('queue') }
  set[:wait] = entry['wait_s'].seconds if entry['wait_s']
  arguments = [*entry['arguments']]
  arguments << "group-#{number % entry['groups']}" if entry['groups']
  due_ms = FleetLedger.now_ms + (entry['wait_s'].to_i * 1000)
  job = job_class.set(set).perform_later(*arguments)
  { id: job.job_id, kind: entry.fetch('kind'), queue: entry.fetch('queue'), due_ms: due_ms }
end

plan = JSON.parse($stdin.read)
accepted = plan.flat_map { |entry| Array.new(entry.fetch('count')) { |number| enqueue(entry, number) } }
IO.new(3, 'w').write(JSON.generate(accepted))
