# frozen_string_literal: true

require 'test_helper'

# The message that docs/schedules.md has EventBridge send is a job.
class SchedulesDocTest < QueueTest
  class NightlyJob < ActiveJob::Base
    def perform
      Ledger.write(self.class.name)
    end
  end

  def test_the_message_of_a_schedule_is_performed
    queue = make_queue
    sqs.send_message(queue_url: queue, message_body: documented.fetch('MessageBody'),
                     message_attributes: { 'lambdakiq' => { data_type: 'String', string_value: '1' } })
    assert_equal({ 'lambdakiq' => { 'DataType' => 'String', 'StringValue' => '1' } }, documented.fetch('MessageAttributes'))
    assert_empty invoke(queue)
    assert_equal [[NightlyJob.name]], Ledger.lines
  end

  private

  # With EventBridge's and CloudFormation's placeholders filled in.
  def documented
    text = File.read(File.expand_path('../../docs/schedules.md', __dir__))
    json = text[/Input: !Sub \|\n(.*?)```/m, 1].gsub('<aws.scheduler.execution-id>', 'd32c5kddcf5bb8c3')
    JSON.parse(json.gsub(/\$\{[\w.]+\}/, 'jobs').gsub('NightlyJob', NightlyJob.name))
  end
end
