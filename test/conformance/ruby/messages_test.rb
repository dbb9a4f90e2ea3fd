# frozen_string_literal: true

require_relative 'sqs_case'

# Messages of standard queues: what comes back, delays, timeouts, batches, polls. The SDK itself checks all
# digests of what it sends, and those of bodies that it receives.
class MessagesTest < SqsCase
  BODIES = {
    'plain text' => 'hello world', 'Unicode' => "héllo ✓ 😀 \u2028", 'markup' => %(<a href="x">&amp; &lt; ' ]]></a>),
    'carriage returns' => "a\r\nb\rc\n", 'white space' => " \t lead and trail \n ",
    'what JSON escapes' => %({"a":"\\"\\\\\\u0041"}\u007f)
  }.freeze

  ATTRIBUTES = {
    'Count' => { data_type: 'Number', string_value: '-12.50' },
    'bin' => { data_type: 'Binary', binary_value: (0..255).to_a.pack('C*') },
    'image' => { data_type: 'Binary.png', binary_value: "\x00\x01\xff".b },
    'ratio' => { data_type: 'Number.float', string_value: '1e10' },
    'text' => { data_type: 'String', string_value: "é <✓> \r\n" },
    'trace.id' => { data_type: 'String.uuid', string_value: 'abc' }
  }.freeze

  TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

  BODIES.each do |what, body|
    define_method(:"test_#{what.tr(' ', '_')}_come_back_unchanged_with_their_digest") do
      url = queue
      sent = put(url, body)
      message = receive(url).first
      assert_equal body, message.body
      assert_equal Digest::MD5.hexdigest(body), message.md5_of_body
      assert_equal sent.md5_of_message_body, message.md5_of_body
      assert_equal sent.message_id, message.message_id
    end
  end

  def test_attributes_of_every_type_come_back_with_their_digest
    url = queue
    sent = put(url, 'x', message_attributes: ATTRIBUTES)
    assert_equal digest_of_attributes(ATTRIBUTES), sent.md5_of_message_attributes
    message = receive(url, message_attribute_names: ['All']).first
    assert_equal ATTRIBUTES, plain(message.message_attributes)
    assert_equal digest_of_attributes(ATTRIBUTES), message.md5_of_message_attributes
  end

  def test_the_digest_covers_the_attributes_that_were_asked_for
    url = queue('VisibilityTimeout' => '0')
    put(url, 'x', message_attributes: ATTRIBUTES)
    { %w[Count] => %w[Count], %w[t.*] => %w[text trace.id], %w[bin unknown] => %w[bin] }.each do |names, subset|
      message = receive(url, message_attribute_names: names).first
      assert_equal ATTRIBUTES.slice(*subset), plain(message.message_attributes)
      assert_equal digest_of_attributes(ATTRIBUTES.slice(*subset)), message.md5_of_message_attributes
    end
    message = receive(url, message_attribute_names: ['unknown']).first
    assert_nil message.md5_of_message_attributes
    assert_empty message.message_attributes
  end

  def test_attributes_come_only_when_asked_for
    url = queue
    put(url, 'x', message_attributes: ATTRIBUTES)
    message = sqs.receive_message(queue_url: url).messages.first
    assert_empty message.attributes
    assert_empty message.message_attributes
  end

  def test_attributes_that_cannot_be_are_refused
    url = queue
    [{ data_type: 'String', string_value: '' }, { data_type: 'Text', string_value: 'x' },
     { data_type: 'Number', string_value: 'one' }, { data_type: 'String', string_value: "\u0001" }].each do |value|
      assert_refused('InvalidParameterValue') do
        put(url, 'x', message_attributes: { 'a' => value })
      end
    end
    assert_refused('UnsupportedOperation') do
      put(url, 'x', message_attributes: { 'a' => { data_type: 'String', string_list_values: ['x'] } })
    end
  end

  def test_system_attributes_come_by_their_new_and_by_their_old_name
    url = queue('VisibilityTimeout' => '0')
    sent = put(url, 'x', message_group_id: 'tenant', message_system_attributes: {
                 'AWSTraceHeader' => { data_type: 'String', string_value: TRACE }
               })
    assert_equal '5ae4d5d7636402d80f4eb6d213245a88', sent.md5_of_message_system_attributes
    shown = receive(url).first.attributes
    assert_equal [TRACE, 'tenant', '1'], shown.values_at('AWSTraceHeader', 'MessageGroupId', 'ApproximateReceiveCount')
    again = receive(url, attribute_names: ['ApproximateReceiveCount'], message_system_attribute_names: ['AWSTraceHeader'])
    assert_equal({ 'AWSTraceHeader' => TRACE, 'ApproximateReceiveCount' => '2' }, again.first.attributes)
  end

  def test_bodies_that_cannot_be_are_refused
    url = queue('MaximumMessageSize' => '1024')
    put(url, 'x' * 1024)
    assert_refused('InvalidParameterValue', 'shorter than 1024 bytes') do
      put(url, 'x' * 1025)
    end
    assert_refused('MissingParameter', 'MessageBody') { put(url, '') }
    ["\0", "\e", "\uffff"].each do |body|
      assert_refused('InvalidMessageContents') { put(url, body) }
    end
  end

  def test_a_mebibyte_goes_through
    url = queue
    body = %(\r\n"é\\) * (1_048_576 / 6)
    put(url, body)
    assert_equal [body], bodies(url)
  end

  def test_ranges_of_a_receive_are_refused_in_the_words_of_sqs
    url = queue
    assert_refused('InvalidParameterValue', 'Must be between 1 and 10, if provided.') do
      receive(url, max_number_of_messages: 11)
    end
    assert_refused('InvalidParameterValue', 'Must be >= 0 and <= 20, if provided.') do
      receive(url, wait_time_seconds: 21)
    end
  end

  def test_an_empty_queue_gives_no_messages
    assert_empty receive(queue)
  end

  def test_a_delayed_message_comes_after_its_delay
    url = queue('DelaySeconds' => '60')
    put(url, "the queue's")
    put(url, 'none', delay_seconds: 0)
    assert_equal ['none'], bodies(url, visibility_timeout: 43_200)
    server.advance(61)
    assert_equal ["the queue's"], bodies(url)
  end

  def test_a_message_comes_back_when_its_timeout_ends_and_its_old_handle_deletes_nothing
    url = queue('VisibilityTimeout' => '100')
    put(url, 'x')
    first = receive(url).first
    assert_empty receive(url)
    server.advance(101)
    second = receive(url).first
    assert_equal '2', second.attributes['ApproximateReceiveCount']
    delete(url, first)
    server.advance(101)
    delete(url, second)
    assert_empty receive(url)
  end

  def test_a_timeout_is_changed_and_has_its_limit
    url = queue
    put(url, 'x')
    handle = receive(url).first.receipt_handle
    change = lambda do |seconds|
      sqs.change_message_visibility(queue_url: url, receipt_handle: handle, visibility_timeout: seconds)
    end
    server.advance(10)
    assert_refused('InvalidParameterValue', '[43200 seconds]') { change[43_200] }
    change[500]
    server.advance(400)
    assert_empty receive(url)
    change[0]
    delete(url, receive(url).first)
    assert_refused('InvalidParameterValue', 'visibility timeout change') { change[1] }
  end

  def test_a_message_vanishes_at_the_end_of_its_retention
    url = queue('MessageRetentionPeriod' => '60')
    put(url, 'x')
    server.advance(61)
    assert_empty receive(url)
  end

  def test_nonsense_and_handles_of_another_queue_are_no_handles
    one = queue
    two = queue
    put(one, 'x')
    ['nonsense', receive(one).first.receipt_handle].each do |handle|
      assert_refused('ReceiptHandleIsInvalid', 'not a valid receipt handle',
                     status: 404) { sqs.delete_message(queue_url: two, receipt_handle: handle) }
    end
  end

  def test_a_send_ends_a_long_poll
    url = queue
    poll = Thread.new { client.receive_message(queue_url: url, wait_time_seconds: 20).messages }
    put(url, 'x')
    assert_equal ['x'], poll.value.map(&:body)
  end

  def test_the_poller_of_the_sdk_takes_and_deletes
    url = queue
    12.times { |n| put(url, n.to_s) }
    taken = []
    poller = Aws::SQS::QueuePoller.new(url, client: sqs)
    poller.poll(wait_time_seconds: 0, idle_timeout: 0) { |message| taken << message.body }
    assert_equal (0...12).map(&:to_s), taken
    assert_equal '0', attributes(url)['ApproximateNumberOfMessagesNotVisible']
  end

  def test_a_bad_entry_of_a_batch_fails_alone
    url = queue('MaximumMessageSize' => '1024')
    entries = [
      { id: 'good', message_body: "é\r\n", message_attributes: ATTRIBUTES.slice('image', 'Count') },
      { id: 'long', message_body: 'x' * 1025 }, { id: 'bad', message_body: "\u0001" },
      { id: 'late', message_body: 'y', delay_seconds: 901 }
    ]
    answer = sqs.send_message_batch(queue_url: url, entries: entries)
    assert_equal ['good'], answer.successful.map(&:id)
    assert_equal [['long', 'InvalidParameterValue', true], ['bad', 'InvalidMessageContents', true],
                  ['late', 'InvalidParameterValue', true]], answer.failed.map { |e| [e.id, e.code, e.sender_fault] }
    assert_equal ["é\r\n"], bodies(url)
  end

  def test_batches_that_fail_as_a_whole_have_their_class
    url = queue
    entry = ->(id, body = 'x') { { id: id.to_s, message_body: body } }
    { 'EmptyBatchRequest' => [], 'TooManyEntriesInBatchRequest' => (0..10).map(&entry),
      'BatchEntryIdsNotDistinct' => [entry[1], entry[1]], 'InvalidBatchEntryId' => [entry['a.b']],
      'BatchRequestTooLong' => [entry[1, 'x' * 600_000], entry[2, 'x' * 600_000]] }.each do |code, entries|
      assert_refused(code) do
        sqs.send_message_batch(queue_url: url, entries: entries)
      end
    end
    assert_empty receive(url)
  end

  def test_deletes_and_changes_of_timeouts_fail_entry_by_entry
    url = queue
    %w[a b].each { |body| put(url, body) }
    one, two = receive(url)
    entries = [
      { id: 'good', receipt_handle: one.receipt_handle, visibility_timeout: 0 },
      { id: 'nonsense', receipt_handle: 'nonsense', visibility_timeout: 0 },
      { id: 'long', receipt_handle: two.receipt_handle, visibility_timeout: 43_201 }
    ]
    changed = sqs.change_message_visibility_batch(queue_url: url, entries: entries)
    assert_equal ['good'], changed.successful.map(&:id)
    assert_equal [%w[nonsense ReceiptHandleIsInvalid], %w[long InvalidParameterValue]],
                 (changed.failed.map { |e| [e.id, e.code] })
    gone = sqs.delete_message_batch(queue_url: url, entries: [{ id: 'good', receipt_handle: two.receipt_handle },
                                                              { id: 'bad', receipt_handle: 'nonsense' }])
    assert_equal [['good'], ['ReceiptHandleIsInvalid']], [gone.successful.map(&:id), gone.failed.map(&:code)]
    assert_equal ['a'], bodies(url)
  end

  private

  def plain(attributes)
    attributes.transform_values do |value|
      { data_type: value.data_type, string_value: value.string_value, binary_value: value.binary_value }.compact
    end
  end
end
