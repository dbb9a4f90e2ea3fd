# frozen_string_literal: true

require_relative 'test_helper'

# The native part inside Ractors: it has no state of its own that two could share.
class SafetyRactorTest < QueueTest
  OPTIONS = Ractor.make_shareable({ endpoint: SERVER.url, region: LocalSqs::REGION, access_key_id: 'a',
                                    secret_access_key: 'b' })

  def setup
    super
    @verbose = $VERBOSE
    $VERBOSE = nil # ractors are experimental, says Ruby
    Lambdakiq::Native # autoload works in the main Ractor only
  end

  def teardown
    $VERBOSE = @verbose
    super
  end

  def test_ractors_enqueue_side_by_side
    queue = make_queue
    ractors = Array.new(3) do |number|
      Ractor.new(queue, number, OPTIONS) do |name, mine, options|
        client = Lambdakiq::Native::Client.new(options)
        Array.new(10) { |job| client.send_job(name, %({"job_id":"#{mine}-#{job}"}), "#{mine}-#{job}", 0, nil, nil, nil) }
      end
    end

    assert_equal 30, ractors.flat_map(&:take).uniq.size
    assert_equal [30, 0, 0], counts(queue)
  end

  def test_a_ractor_performs_a_batch
    queue = make_queue
    3.times { |number| ActJob.set(queue: queue).perform_later('work', number) }
    ractor = Ractor.new(event(queue)['Records'], OPTIONS) do |records, options|
      batch = Lambdakiq::Native::Batch.new(Lambdakiq::Native::Client.new(options), { max_retries: 12 })
      records.each { |record| batch.add(record) }
      indexes = []
      while (index = batch.next)
        batch.start(nil, nil)
        batch.finish(indexes.empty? ? :failed : :done)
        indexes << index
      end
      [indexes, batch.response, records.first['messageId']]
    end
    indexes, failed, first = ractor.take

    assert_equal [0, 1, 2], indexes
    assert_equal [first], failed
    assert_equal [0, 1, 0], counts(queue)
  end

  def test_an_error_in_a_ractor_is_the_same_error
    ractor = Ractor.new(OPTIONS) do |options|
      Lambdakiq::Native::Client.new(options).send_job('nobody-made-this', '{}', '1', 0, nil, nil, nil)
    rescue Lambdakiq::ServiceError => e
      [e.code, e.retriable?]
    end

    assert_equal ['AWS.SimpleQueueService.NonExistentQueue', false], ractor.take
  end

  def test_a_client_stays_in_its_ractor
    client = Lambdakiq::Native::Client.new(OPTIONS)

    assert_raises(Ractor::Error) { Ractor.make_shareable(client) }
    assert_raises(TypeError) { Marshal.dump(client) }
  end

  # Collections stop all Ractors, also those that wait for an answer outside of the lock.
  def test_collections_while_ractors_send
    queue = make_queue
    ractor = Ractor.new(queue, OPTIONS) do |name, options|
      client = Lambdakiq::Native::Client.new(options)
      50.times.count { |job| client.send_job(name, '{}', job.to_s, 0, nil, nil, nil) }
    end
    5.times { GC.start }

    assert_equal 50, ractor.take
    assert_equal [50, 0, 0], counts(queue)
  end
end
