# frozen_string_literal: true

require_relative '../test_helper'

# What is done a hundred thousand times leaves no memory and no descriptor behind. Each kind of work warms
# up first: pools, caches and the heap reach the size they keep.
class LeaksTest < QueueTest
  # Bytes for each repetition that a real leak exceeds: the smallest thing to forget is some tens of bytes.
  TOLERANCE = 16
  # What the allocators' own ups and downs amount to.
  NOISE = 1 << 18

  # The log that the other tests read grows with each job.
  def setup
    super
    @logger = ActiveJob::Base.logger
    ActiveJob::Base.logger = ActiveSupport::Logger.new(File::NULL)
  end

  def teardown
    ActiveJob::Base.logger = @logger
    super
  end

  def test_a_hundred_thousand_enqueues
    queue = make_queue
    native = handle
    measure(100_000, purge: queue) { |count| count.times { native.send_job(queue, '{"job_id":"1"}', '1', 0, nil, nil, nil) } }
  end

  def test_a_hundred_thousand_jobs_in_batches
    queue = make_queue
    native = handle
    entries = Array.new(10) { |number| ["{\"job_id\":\"#{number}\"}", number.to_s, 0, nil, nil, nil] }
    measure(100_000, purge: queue) { |count| (count / 10).times { native.send_jobs(queue, entries) } }
  end

  def test_twenty_thousand_perform_laters
    queue = make_queue
    measure(20_000, purge: queue) { |count| count.times { ActJob.set(queue: queue).perform_later('work', 1) } }
  end

  def test_twenty_thousand_async_sends
    queue = make_queue
    native = handle
    measure(20_000, purge: queue) do |count|
      (count / 20).times do
        20.times { native.send_async(queue, '{"job_id":"1"}', '1', 0, nil, nil, nil) }
        native.flush(-1)
      end
    end
  end

  # Half of them fail: their visibility is set, and the next event is the same message again.
  def test_ten_thousand_batches
    queue = make_queue
    records = Array.new(2) do |number|
      { 'messageId' => "m#{number}", 'receiptHandle' => 'none', 'body' => '{"job_class":"ActJob","arguments":[]}',
        'eventSourceARN' => SERVER.arn(queue), 'attributes' => { 'ApproximateReceiveCount' => '1' },
        'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1', 'dataType' => 'String' } } }
    end
    native = handle
    measure(10_000) { |count| count.times { perform(native, records) } }
  end

  def test_errors_of_the_service
    native = handle
    measure(20_000) do |count|
      count.times do
        native.send_job('nobody-made-this', '{}', '1', 0, nil, nil, nil)
      rescue Lambdakiq::ServiceError
        nil
      end
    end
  end

  def test_errors_before_the_network_and_of_the_connection
    native = handle
    nobody = handle(endpoint: 'http://127.0.0.1:1', max_attempts: 1)
    measure(5_000) do |count|
      count.times do
        refused { native.send_job('jobs', '{}', '1', 0, nil, "bad\0id", :raise) }
        refused { native.send_job('not a queue!', '{}', '1', 0, nil, nil, nil) }
        refused { nobody.send_job('jobs', '{}', '1', 0, nil, nil, nil) }
        refused { Lambdakiq::Native::Client.new({ endpoint: 'nope' }) }
      end
    end
  end

  def test_handles_that_come_and_go
    queue = make_queue
    measure(2_000, purge: queue, tolerance: 512) do |count|
      count.times do |number|
        handle.send_job(queue, '{"job_id":"1"}', '1', 0, nil, nil, nil)
        GC.start if (number % 100).zero?
      end
    end
  end

  def test_calls_that_are_cut_off
    peer = SilentPeer.new
    native = handle(endpoint: peer.url)
    measure(300, tolerance: 4096) do |count|
      count.times do
        thread = Thread.new { native.queue_url('q') }
        peer.requests.pop
        thread.kill.join
      end
    end
  ensure
    peer.close
  end

  private

  def handle(options = {})
    Lambdakiq::Native::Client.new({ endpoint: SERVER.url, region: LocalSqs::REGION, access_key_id: 'a',
                                    secret_access_key: 'b' }.merge(options))
  end

  def refused
    yield
    flunk 'accepted'
  rescue Lambdakiq::Error
    nil
  end

  def perform(native, records)
    batch = Lambdakiq::Native::Batch.new(native, {})
    records.each { |record| batch.add(record) }
    while (index = batch.next)
      batch.start(nil, nil)
      batch.finish(index.zero? ? :done : :failed)
    end
    batch.response
    nil while batch.note
  end

  # A tenth to warm up, then two halves: a leak grows with each, the heap's own moods do not.
  def measure(count, purge: nil, tolerance: TOLERANCE, &work)
    repeat(count / 10, purge, &work)
    prints = [footprint]
    2.times do
      repeat(count / 2, purge, &work)
      prints << footprint
    end

    # A busy machine makes the outbox open a second connection, once.
    assert_operator growth(prints, :descriptors).min, :<=, 0, "descriptors: #{prints.map { |print| print[:descriptors] }}"
    grown = growth(prints, :bytes)
    assert_operator grown.min, :<=, NOISE + (count / 2 * tolerance), "memory grew by #{grown} bytes"
  end

  def growth(prints, what)
    prints.each_cons(2).map { |before, after| after[what] - before[what] }
  end

  # The server keeps few of the messages: its memory is not what is measured, but it is this machine's.
  def repeat(count, purge)
    4.times do
      yield count / 4
      sqs.purge_queue(queue_url: purge) if purge
    end
  end

  def footprint
    4.times { GC.start }
    GC.compact
    { descriptors: Dir.children('/proc/self/fd').size,
      bytes: File.read('/proc/self/status')[/^VmRSS:\s+(\d+)/, 1].to_i * 1024 }
  end
end
