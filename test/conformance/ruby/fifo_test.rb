# frozen_string_literal: true

require_relative 'sqs_case'

# FIFO queues: order, groups, deduplication, handles, attempts.
class FifoTest < SqsCase
  def add(queue, body, group: 'g', dedup: body, **options)
    put(queue, body, message_group_id: group, message_deduplication_id: dedup, **options)
  end

  def test_messages_come_in_order_with_ascending_sequence_numbers
    url = fifo
    numbers = ('a'..'l').map { |body| add(url, body).sequence_number }
    assert_equal numbers.sort, numbers
    messages = receive(url)
    assert_equal ('a'..'j').to_a, messages.map(&:body)
    assert_equal(numbers.first(10), messages.map { |message| message.attributes['SequenceNumber'] })
    assert_empty receive(url), 'the group is in flight'
  end

  def test_a_group_in_flight_waits_others_go_on_and_what_comes_back_keeps_its_place
    url = fifo
    add(url, 'a')
    receive(url)
    add(url, 'b')
    add(url, 'other', group: 'h')
    assert_equal ['other'], bodies(url, visibility_timeout: 43_200)
    server.advance(31)
    assert_equal %w[a b], bodies(url)
  end

  def test_a_duplicate_within_five_minutes_is_answered_like_the_first
    url = fifo
    first = add(url, 'one', dedup: 'd')
    second = add(url, 'two', dedup: 'd')
    assert_equal [first.message_id, first.sequence_number], [second.message_id, second.sequence_number]
    message = receive(url).first
    assert_equal 'one', message.body
    delete(url, message)
    server.advance(301)
    add(url, 'three', dedup: 'd')
    assert_equal ['three'], bodies(url)
  end

  def test_content_is_compared_by_its_sha_256
    url = fifo('ContentBasedDeduplication' => 'true')
    2.times { put(url, 'x', message_group_id: 'g') }
    ids = receive(url).map { |message| message.attributes['MessageDeduplicationId'] }
    assert_equal [Digest::SHA256.hexdigest('x')], ids
  end

  def test_deduplication_by_group_lets_the_same_id_into_two_groups
    url = fifo('DeduplicationScope' => 'messageGroup')
    %w[g h g].each { |group| add(url, 'x', group: group, dedup: 'd') }
    assert_equal 2, receive(url).size
  end

  def test_an_expired_handle_deletes_nothing
    url = fifo
    add(url, 'a')
    message = receive(url).first
    server.advance(31)
    assert_refused('InvalidParameterValue', 'The receipt handle has expired.') do
      delete(url, message)
    end
    entry = { id: '1', receipt_handle: message.receipt_handle }
    failed = sqs.delete_message_batch(queue_url: url, entries: [entry]).failed
    assert_equal ['ReceiptHandleIsInvalid'], failed.map(&:code)
    assert_equal ['a'], bodies(url)
  end

  def test_the_same_attempt_gets_the_same_messages_and_handles
    url = fifo
    add(url, 'a')
    first, second = Array.new(2) { receive(url, receive_request_attempt_id: 'try').map(&:receipt_handle) }
    assert_equal 1, first.size
    assert_equal first, second
  end

  def test_both_ids_are_needed_and_a_message_has_no_delay_of_its_own
    url = fifo
    assert_refused('MissingParameter', 'MessageGroupId') do
      put(url, 'x', message_deduplication_id: 'd')
    end
    assert_refused('InvalidParameterValue', 'ContentBasedDeduplication') do
      put(url, 'x', message_group_id: 'g')
    end
    assert_refused('InvalidParameterValue', 'not valid for this queue type') do
      add(url, 'x', delay_seconds: 2)
    end
    assert_refused('InvalidParameterValue') do
      sqs.send_message_batch(queue_url: url, entries: [
                               { id: '1', message_body: 'x', message_group_id: 'g', message_deduplication_id: '1' },
                               { id: '2', message_body: 'y', message_group_id: 'g' }
                             ])
    end
    assert_empty receive(url)
  end
end

# Dead-letter queues and move tasks.
class DeadLettersTest < SqsCase
  def kill(queue, receives)
    receives.times { receive(queue, visibility_timeout: 0) }
  end

  def test_three_deliveries_then_the_fourth_attempt_moves
    url, dlq = pair(3)
    sent = put(url, 'x')
    counts = Array.new(3) { receive(url, visibility_timeout: 0).first.attributes['ApproximateReceiveCount'] }
    assert_equal %w[1 2 3], counts
    assert_empty receive(url)
    dead = receive(dlq).first
    assert_equal sent.message_id, dead.message_id
    assert_equal ['4', arn(url)], dead.attributes.values_at('ApproximateReceiveCount', 'DeadLetterQueueSourceArn')
  end

  def test_a_fifo_group_goes_on_after_its_head_died
    url, dlq = pair(1, 'FifoQueue' => 'true')
    %w[a b].each { |body| put(url, body, message_group_id: 'g', message_deduplication_id: body) }
    receive(url, visibility_timeout: 0, max_number_of_messages: 1)
    assert_equal ['b'], bodies(url)
    dead = receive(dlq).first
    assert_equal dead.message_id, dead.attributes['MessageDeduplicationId']
  end

  def test_a_policy_needs_a_queue_of_the_same_type_that_is_there
    url = queue
    [[arn(fifo), 1], ["#{arn(url)}-missing", 1], [arn(url), 0], [arn(url), 1001]].each do |target, receives|
      policy = JSON.generate(deadLetterTargetArn: target, maxReceiveCount: receives)
      assert_refused('InvalidParameterValue') do
        sqs.set_queue_attributes(queue_url: url, attributes: { 'RedrivePolicy' => policy })
      end
    end
  end

  def test_a_move_task_brings_dead_letters_back_as_new_messages
    url, dlq = pair(1)
    sent = put(url, 'x')
    kill(url, 2)
    sqs.start_message_move_task(source_arn: arn(dlq))
    again = receive(url, wait_time_seconds: 20).first
    refute_equal sent.message_id, again.message_id
    assert_equal '1', again.attributes['ApproximateReceiveCount']
    task = sqs.list_message_move_tasks(source_arn: arn(dlq)).results.first
    assert_equal ['COMPLETED', 1, nil], [task.status, task.approximate_number_of_messages_moved, task.task_handle]
  end

  def test_a_running_move_task_is_listed_is_the_only_one_and_can_be_cancelled
    url, dlq = pair(1)
    3.times { put(url, 'x') }
    kill(url, 2)
    source = arn(dlq)
    handle = sqs.start_message_move_task(source_arn: source, destination_arn: arn(url),
                                         max_number_of_messages_per_second: 1).task_handle
    assert_refused('InvalidParameterValue', 'already a task running') do
      sqs.start_message_move_task(source_arn: source)
    end
    running = sqs.list_message_move_tasks(source_arn: source).results.first
    assert_equal [handle, 1, 3], [running.task_handle, running.max_number_of_messages_per_second,
                                  running.approximate_number_of_messages_to_move]
    sqs.cancel_message_move_task(task_handle: handle)
    assert_match(/\ACANCELL(ING|ED)\z/, sqs.list_message_move_tasks(source_arn: source).results.first.status)
  end

  def test_what_cannot_be_moved_has_its_class
    source = arn(queue)
    assert_refused('ResourceNotFoundException', "doesn't exist", status: 404) do
      sqs.start_message_move_task(source_arn: "#{source}-missing")
    end
    assert_refused('InvalidParameterValue', 'must be configured as a Dead Letter Queue.') do
      sqs.start_message_move_task(source_arn: source)
    end
  end
end
