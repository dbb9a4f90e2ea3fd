# frozen_string_literal: true

require_relative '../test_helper'
require_relative '../support/never_lose'

# The property over many cases, as many as there is time for (LAMBDAKIQ_NEVER_LOSE_S).
class LongNeverLoseTest < Minitest::Test
  TIME_S = Integer(ENV.fetch('LAMBDAKIQ_NEVER_LOSE_S', '120'))

  def test_no_job_is_lost_whatever_goes_wrong
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + TIME_S
    played = 0
    Seeds.take(1000, known: [525, 110, 315, 518]).each do |seed|
      complaints = NeverLose.complaints(seed, queues: 5, crashes: 6, within_s: 300)
      played += 1
      assert_empty complaints, "LAMBDAKIQ_SEED=#{seed}\n#{complaints.join("\n\n")}"
      break if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    end
    puts "never lose: #{played} cases"
  end
end
