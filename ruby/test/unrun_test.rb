# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'
require_relative 'support/faulty_proxy'

# No job reaches the dead-letter queue without a run because its receives went to waiting. The cells of the
# decision are in the core's tests; here is that both engines ask it, and do as it says.
module Unrun
  def test_a_wait_that_sqs_does_not_take_anew_spends_one_receive
    queue = make_queue(max_receive_count: 2)
    ActJob.set(queue: queue, wait: 3000).perform_later
    QueueTest::SERVER.advance(901)
    failed = events('settle_failed.lambdakiq') { refusing('SendMessage') { assert_equal 1, invoke(queue).size } }
    assert_equal [0, 1, 0], counts(queue)
    QueueTest::SERVER.advance(2000)
    assert_empty receive(queue), 'hidden until it is due'
    QueueTest::SERVER.advance(200)
    invoke(queue)

    assert_equal 1, failed.size
    assert_equal [['work', 2]], Ledger.lines
    assert_equal [[0, 0, 0]] * 2, [counts(queue), counts(dead(queue))]
  end

  def test_a_wait_that_sqs_does_not_take_anew_at_the_last_receive_ends_in_the_dead_letter_queue
    queue = make_queue(max_receive_count: 1)
    ActJob.set(queue: queue, wait: 3000).perform_later
    QueueTest::SERVER.advance(901)
    refusing('SendMessage') { invoke(queue) }
    QueueTest::SERVER.advance(3000)
    invoke(queue)

    assert_empty Ledger.lines
    assert_equal [[0, 0, 0], [1, 0, 0]], [counts(queue), counts(dead(queue))]
  end

  private

  # With a client of its own whose calls of that name are refused.
  def refusing(action)
    proxy = FaultyProxy.new { |name, _| :denied if name == action }
    proxy.target = QueueTest::SERVER.url
    Lambdakiq::Client.default_options[:endpoint] = proxy.url
    reconnect
    yield
  ensure
    Lambdakiq::Client.default_options.delete(:endpoint)
    reconnect
    proxy.close
  end

  def reconnect
    own = Lambdakiq.config.client
    Lambdakiq.config.client = nil
    Lambdakiq.config.client = Lambdakiq::Client.new.sqs if own
    Lambdakiq.instance_variable_set(:@client, nil)
  end
end

BothEngines.for('Unrun', Unrun)
