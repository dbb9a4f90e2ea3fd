# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/never_lose'

# One case of the property; many of them are played by long/never_lose_test.rb.
class NeverLoseTest < Minitest::Test
  def test_every_accepted_job_is_performed_dead_or_deleted_with_an_event
    seed = Seeds.take(1, known: [379_528]).first
    complaints = NeverLose.complaints(seed, queues: 2, crashes: 1, within_s: 90)

    assert_empty complaints, "LAMBDAKIQ_SEED=#{seed}\n#{complaints.join("\n\n")}"
  end
end
