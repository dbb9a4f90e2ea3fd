# frozen_string_literal: true

require_relative 'seeds'
require_relative 'never_lose/plan'
require_relative 'never_lose/world'
require_relative 'never_lose/judge'

# The property: whatever goes wrong, every accepted job ends performed, in the dead-letter queue, or
# deleted where the contract says so and an event tells of it.
module NeverLose
  module_function

  # @return [Array<String>] the plan and what was wrong with its outcome; empty when all is well
  def complaints(seed, within_s:, **size)
    plan = Plan.new(seed, **size)
    outcome = World.new(plan).play(within_s: within_s)
    complaints = Judge.new(plan, outcome).complaints
    complaints.empty? ? [] : [plan.to_s, "faults: #{outcome.faults}", *complaints, outcome.log.lines.last(20).join]
  rescue RuntimeError => e
    [plan.to_s, e.message]
  end
end
