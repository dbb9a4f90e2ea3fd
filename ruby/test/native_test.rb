# frozen_string_literal: true

require_relative 'test_helper'

# The extension under what Ruby does to it: garbage collection, threads, forks, kills, ractors.
class NativeTest < QueueTest
  def test_objects_survive_gc_stress_and_compaction
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    event = event(queue)
    stress do
      client = Lambdakiq::Native::Client.new({ region: 'us-east-1' })
      batch = Lambdakiq::Native::Batch.new(client, { max_retries: 3 })
      client = nil # the batch keeps what it needs
      event['Records'].each { |record| batch.add(record) }
      assert_equal 0, batch.next
      assert_equal [:run, nil, false, 0], batch.start(nil, nil)
      batch.finish(:done)
      assert_nil batch.next
      assert_equal [], batch.response
      assert_nil client
    end
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_metrics_and_decisions_survive_gc_stress
    stress do
      line = Lambdakiq::Native.metrics_line({ namespace: 'N', job_event: 'e', job_name: 'J', arguments: %w[1 "x" {}] })
      assert_equal [1, 'x', {}], JSON.parse(line).values_at('JobArg1', 'JobArg2', 'JobArg3')
      assert_equal [:retry, 30, false, 12],
                   Lambdakiq::Native.decide({ 'attributes' => { 'ApproximateReceiveCount' => '1' } }, false,
                                            { max_receive_count: 13, now_ms: 1 })
    end
  end

  def test_a_metric_tells_when_its_job_was_enqueued_in_utc
    [Time.utc(2026, 7, 1, 12, 0, 0.9), Time.new(2026, 7, 1, 14, 0, 0, '+02:00'), '2026-07-01T12:00:00Z'].each do |time|
      line = JSON.parse(Lambdakiq::Native.metrics_line({ job_event: 'e', job_name: 'J', enqueued_at: time }))
      assert_equal '2026-07-01T12:00:00Z', line['EnqueuedAt']
    end
  end

  def test_hostile_records_are_taken_as_they_are
    client = Lambdakiq::Native::Client.new({ region: 'us-east-1' })
    batch = Lambdakiq::Native::Batch.new(client, {})
    hostile = [{}, nil, 'text', { 'messageId' => 1 }, { 'messageId' => 'x', 'attributes' => [], 'messageAttributes' => 3 },
               { 'messageId' => "a\0b", 'messageAttributes' => { 'lambdakiq' => 'x', 3 => {} }, 'attributes' => { 1 => nil } }]
    hostile.each { |record| batch.add(record) }

    assert_nil batch.next
    assert_includes batch.response, "a\0b"
  end

  def test_misuse_is_an_argument_error_not_a_crash
    client = Lambdakiq::Native::Client.new({})
    batch = Lambdakiq::Native::Batch.new(client, {})
    assert_raises(ArgumentError) { batch.finish(:done) }
    assert_raises(ArgumentError) { Lambdakiq::Native::Batch.allocate.next }
    assert_raises(ArgumentError) { Lambdakiq::Native::Client.allocate.last_call }
    assert_raises(ArgumentError) { client.send(:initialize, {}) }
    assert_raises(TypeError) { client.send_job(1, 'x', nil, 0, nil, nil, nil) }
    assert_raises(NoMethodError) { client.dup.initialize_copy(client) }
  end

  def test_a_thread_in_a_call_that_hangs_can_be_killed
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url)
    thread = Thread.new { ActJob.set(queue: 'jobs').perform_later }
    peer.requests.pop # it waits for the answer now
    thread.kill

    assert thread.join(5), 'the thread ended long before the timeout of ten seconds'
  ensure
    peer.close
  end

  def test_a_timeout_ends_a_call_and_the_client_works_on
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url)
    assert_raises(Timeout::Error) { Timeout.timeout(0.2) { sqs.get_queue_url(queue_name: 'q') } }
    peer.close
    answering = SilentPeer.new(JSON.generate(QueueUrl: 'u'))
    Lambdakiq.instance_variable_set(:@client, nil)
    Lambdakiq::Client.default_options.merge!(endpoint: answering.url)

    assert_equal 'u', sqs.get_queue_url(queue_name: 'q').queue_url
  ensure
    answering&.close
  end

  # A trap block runs while the call waits; the call is made again where that is safe.
  def test_a_signal_during_a_call_that_may_be_repeated_is_not_noticed
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, http_read_timeout: 2, max_attempts: 1)
    trapped = false
    old = trap('USR1') { trapped = true }
    Thread.new do
      peer.requests.pop
      Process.kill('USR1', Process.pid)
    end
    assert_raises(Lambdakiq::TimeoutError) { sqs.get_queue_url(queue_name: 'q') }

    assert trapped
  ensure
    trap('USR1', old)
    peer.close
  end

  def test_a_signal_during_a_send_to_a_standard_queue_says_that_the_job_may_have_arrived
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url)
    old = trap('USR1') { nil }
    Thread.new do
      peer.requests.pop
      Process.kill('USR1', Process.pid)
    end

    error = assert_raises(Lambdakiq::InterruptedError) { ActJob.set(queue: 'jobs').perform_later }
    assert_match(/may have/, error.message)
  ensure
    trap('USR1', old)
    peer.close
  end

  def test_eight_threads_enqueue_at_once
    queue = make_queue
    threads = Array.new(8) do |number|
      Thread.new { Array.new(25) { |job| ActJob.set(queue: queue).perform_later('work', number, job).provider_job_id } }
    end

    assert_equal 200, threads.flat_map(&:value).uniq.size
    assert_equal [200, 0, 0], counts(queue)
  end

  def test_a_handle_in_use_is_busy_for_others
    peer = SilentPeer.new
    handle = Lambdakiq::Native::Client.new({ region: 'us-east-1', endpoint: peer.url, access_key_id: 'a', secret_access_key: 'b' })
    thread = Thread.new { handle.queue_url('q') }
    peer.requests.pop

    assert_raises(Lambdakiq::BusyError) { handle.queue_url('q') }
  ensure
    thread.kill.join
    peer.close
  end

  def test_a_forked_child_has_connections_of_its_own
    queue = make_queue
    ActJob.set(queue: queue).perform_later # the parent's connection is open now
    children = Array.new(2) do
      fork do
        10.times { ActJob.set(queue: queue).perform_later }
        exit!(0)
      rescue Exception # rubocop:disable Lint/RescueException
        exit!(1)
      end
    end
    10.times { ActJob.set(queue: queue).perform_later }

    assert(children.all? { |pid| Process.wait2(pid).last.success? })
    assert_equal [31, 0, 0], counts(queue)
  end

  def test_a_child_can_give_inherited_connections_back
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    pid = fork do
      Lambdakiq.client.discard!
      ActJob.set(queue: queue).perform_later
      exit!(0)
    end

    assert_predicate Process.wait2(pid).last, :success?
    ActJob.set(queue: queue).perform_later
    assert_equal [3, 0, 0], counts(queue)
  end

  def test_a_ractor_can_send
    queue = make_queue
    options = { endpoint: SERVER.url, region: LocalSqs::REGION, access_key_id: 'a', secret_access_key: 'b' }
    verbose = $VERBOSE
    $VERBOSE = nil # ractors are experimental, says Ruby
    Lambdakiq.const_get(:Native) # loaded here, not in the ractor
    ractor = Ractor.new(queue, options) do |name, given|
      Lambdakiq::Native::Client.new(given).send_job(name, '{"job_id":"1"}', '1', 0, nil, nil, nil)
    end

    assert_match(/\A\h{8}-/, ractor.take)
    assert_equal [1, 0, 0], counts(queue)
  ensure
    $VERBOSE = verbose
  end

  private

  def stress
    GC.stress = true
    yield
    GC.stress = false
    GC.compact
  ensure
    GC.stress = false
  end
end
