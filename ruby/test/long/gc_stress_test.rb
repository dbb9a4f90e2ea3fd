# frozen_string_literal: true

require_relative '../test_helper'

# A collector that runs at every single allocation, over whatever the gem does: slow, and merciless to
# a reference that nobody holds.
class GcStressTest < QueueTest
  def test_every_native_call_survives_gc_stress_and_compaction
    queue = make_queue
    native = Lambdakiq::Native::Client.new(
      { endpoint: SERVER.url, region: LocalSqs::REGION, access_key_id: 'a', secret_access_key: 'b' }
    )
    stress(compact: true) do
      native.set_credentials("id-#{1}", "secret-#{1}", nil)
      assert_match(/\A\h{8}-/, native.send_job("#{queue}", "{\"job_id\":\"#{1}\"}", "#{1}", 0, nil, nil, nil, "Root=#{1}"))
      assert_equal 2, native.send_jobs(queue, Array.new(2) { |n| ["{\"job_id\":\"#{n}\"}", n.to_s, 0, nil, nil, nil, "Root=#{n}"] }).uniq.size
      assert_match(/MessageBody/, native.send_params(queue, '{}', '1', 1000, nil, nil, :cap))
      assert_match(/#{queue}\z/, native.queue_url(queue))
      assert_raises(Lambdakiq::ServiceError) { native.call('GetQueueUrl', '{"QueueName":"nobody"}', true) }
      assert_match(/Attributes/, native.call('GetQueueAttributes', JSON.generate(QueueUrl: queue, AttributeNames: ['All']), true))
    end
    assert_equal [3, 0, 0], counts(queue)
  end

  def test_enqueueing_survives_gc_stress
    queue = make_queue
    ActJob.set(queue: queue).perform_later # loads what is loaded once
    stress { ActJob.set(queue: queue).perform_later('work', 'text', { 'key' => [1, nil] }) }

    assert_equal [2, 0, 0], counts(queue)
  end

  def test_an_event_with_a_failure_survives_gc_stress
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    invoke(queue)
    %w[work fail].each { |act| ActJob.set(queue: queue).perform_later(act) }
    event = event(queue)
    response = stress { Lambdakiq.handler(event) }

    assert_equal 1, response.fetch(:batchItemFailures).size
    assert_equal 1, counts(queue).sum # hidden for its backoff, which may be over when stress is
  end

  def test_stubbed_calls_survive_gc_stress
    Lambdakiq::Client.default_options.merge!(stub_responses: true)
    sqs.stub_responses(:get_queue_attributes, { attributes: { 'RedrivePolicy' => '{"maxReceiveCount":"3"}' } })
    ActJob.set(queue: 'jobs').perform_later
    stress { ActJob.set(queue: 'jobs').perform_later('again') }

    assert_equal(2, sqs.api_requests.count { |request| request[:operation_name] == :send_message })
  end

  private

  def stress(compact: false)
    automatic = GC.auto_compact
    GC.auto_compact = compact
    GC.stress = true
    yield
  ensure
    GC.stress = false
    GC.auto_compact = automatic
  end
end
