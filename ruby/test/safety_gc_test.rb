# frozen_string_literal: true

require_relative 'test_helper'

# What the extension borrows from Ruby stays where it is while the core has it: under a collector that
# runs at every allocation and one that moves whatever nobody holds on the stack.
class SafetyGcTest < QueueTest
  # A number whose conversion moves the heap under whoever borrowed from it.
  class Compacting
    def to_int
      GC.compact
      Array.new(50_000) { |n| "other #{n}" }
      1000
    end
  end

  def test_texts_of_options_survive_a_compaction_while_options_are_read
    3.times do |round|
      options = movable { { endpoint: "nope-#{round}", connect_timeout_ms: Compacting.new } }
      error = assert_raises(Lambdakiq::InvalidError) { Lambdakiq::Native::Client.new(options) }
      assert_match(/"nope-#{round}"/, error.message)
    end
  end

  def test_texts_of_a_metric_survive_a_compaction_while_its_numbers_are_read
    properties = movable do
      { namespace: "N-#{1}", job_event: 'e', job_name: 'J', executions: Compacting.new,
        arguments: Array.new(5) { |n| "\"arg-#{n}\"" } }
    end
    line = JSON.parse(Lambdakiq::Native.metrics_line(properties))

    assert_equal 'N-1', line.dig('_aws', 'CloudWatchMetrics', 0, 'Namespace')
    assert_equal %w[arg-0 arg-1 arg-2 arg-3 arg-4], (1..5).map { |n| line["JobArg#{n}"] }
  end

  def test_a_list_of_jobs_that_changes_while_it_is_read_is_refused
    list = [['{}', '1', 0, nil, nil, nil], ['{}', '2', 0, nil, nil, nil]]
    list[0][2] = Class.new do
      define_method(:to_int) do
        list.clear
        GC.compact
        0
      end
    end.new

    assert_raises(TypeError) { handle.send_jobs('jobs', list) }
  end

  def test_an_event_is_performed_under_automatic_compaction
    queue = make_queue
    compacting do
      5.times { |number| ActJob.set(queue: queue).perform_later('work', number) }
      ActJob.set(queue: queue).perform_later('fail')
      invoke(queue) while counts(queue).first.positive?
    end

    assert_equal [5, 1], Ledger.lines.map(&:first).tally.values_at('work', 'fail')
    assert_equal [0, 1, 0], counts(queue)
  end

  def test_objects_of_the_extension_stand_a_heap_turned_over
    queue = make_queue
    native = handle
    batch = Lambdakiq::Native::Batch.new(native, {})
    ActJob.set(queue: queue).perform_later
    event(queue)['Records'].each { |record| batch.add(record) }
    GC.verify_compaction_references(toward: :empty, double_heap: false)

    refute_nil batch.next
    assert_equal :run, batch.start(nil, nil).first
    batch.finish(:done)
    assert_empty batch.response
    assert_equal [0, 0, 0], counts(queue)
  end

  private

  def handle
    Lambdakiq::Native::Client.new({ endpoint: SERVER.url, region: LocalSqs::REGION, access_key_id: 'a', secret_access_key: 'b' })
  end

  # What the block makes lies high in the heap, above holes: the next compaction moves it.
  def movable
    filler = Array.new(50_000) { |n| "filler #{n}" }
    made = yield
    filler.clear
    made
  end

  def compacting
    automatic = GC.auto_compact
    GC.auto_compact = true
    yield
  ensure
    GC.auto_compact = automatic
  end
end
