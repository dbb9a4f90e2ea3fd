# frozen_string_literal: true

require_relative 'sdk_helper'

# The same calls on a stubbed `Aws::SQS::Client` and on ours.
class DifferentialTest < QueueTest
  OPERATIONS = Lambdakiq::SQS::Shapes::OPERATIONS.keys
  BODY = { queue_url: SdkHelper::URL, message_body: 'x' }.freeze

  # operation => parameters that are right
  RIGHT = {
    add_permission: { queue_url: SdkHelper::URL, label: 'l', aws_account_ids: ['1'], actions: ['*'] },
    cancel_message_move_task: { task_handle: 't' },
    change_message_visibility: { queue_url: SdkHelper::URL, receipt_handle: 'r', visibility_timeout: 1 },
    change_message_visibility_batch: { queue_url: SdkHelper::URL, entries: [{ id: '1', receipt_handle: 'r' }] },
    create_queue: { queue_name: 'q', attributes: { 'VisibilityTimeout' => '1' }, tags: { 'a' => 'b' } },
    delete_message: { queue_url: SdkHelper::URL, receipt_handle: 'r' },
    delete_message_batch: { queue_url: SdkHelper::URL, entries: [{ id: '1', receipt_handle: 'r' }] },
    delete_queue: { queue_url: SdkHelper::URL },
    get_queue_attributes: { queue_url: SdkHelper::URL, attribute_names: ['All'] },
    get_queue_url: { queue_name: 'q' },
    list_dead_letter_source_queues: { queue_url: SdkHelper::URL },
    list_message_move_tasks: { source_arn: 'a' },
    list_queue_tags: { queue_url: SdkHelper::URL },
    list_queues: { queue_name_prefix: 'q' },
    purge_queue: { queue_url: SdkHelper::URL },
    receive_message: { queue_url: SdkHelper::URL, max_number_of_messages: 3 },
    remove_permission: { queue_url: SdkHelper::URL, label: 'l' },
    send_message: { **BODY, message_attributes: { 'a' => { data_type: 'String', string_value: '1' } } },
    send_message_batch: { queue_url: SdkHelper::URL, entries: [{ id: '1', message_body: 'x' }] },
    set_queue_attributes: { queue_url: SdkHelper::URL, attributes: { 'VisibilityTimeout' => '1' } },
    start_message_move_task: { source_arn: 'a' },
    tag_queue: { queue_url: SdkHelper::URL, tags: { 'a' => 'b' } },
    untag_queue: { queue_url: SdkHelper::URL, tag_keys: ['a'] }
  }.freeze

  WRONG = [
    [:send_message, {}],
    [:send_message, { queue_url: 'q' }],
    [:send_message, { queue_url: nil, message_body: 'x' }],
    [:send_message, { queue_url: 'q', message_body: 3 }],
    [:send_message, { **BODY, bogus: 1 }],
    [:send_message, { **BODY, bogus: 1, delay_seconds: 'soon' }],
    [:send_message, { **BODY, message_attributes: [] }],
    [:send_message, { **BODY, message_attributes: { 'a' => 'b' } }],
    [:send_message, { **BODY, message_attributes: { 'a' => {} } }],
    [:send_message, { **BODY, message_attributes: { 'a' => { data_type: 'Binary', binary_value: 3 } } }],
    [:send_message_batch, { queue_url: 'q' }],
    [:send_message_batch, { queue_url: 'q', entries: 3 }],
    [:send_message_batch, { queue_url: 'q', entries: [{}] }],
    [:send_message_batch, { queue_url: 'q', entries: [{ id: 1, message_body: nil }] }],
    [:send_message_batch, { queue_url: 'q', entries: ['x'] }],
    [:receive_message, { queue_url: 'q', attribute_names: 'All' }],
    [:receive_message, { queue_url: 'q', attribute_names: [1] }],
    [:get_queue_url, { queue_name: [] }],
    [:untag_queue, { queue_url: 'q', tag_keys: nil }]
  ].freeze

  STUBS = [
    [:send_message, { message_id: 'm' }],
    [:receive_message, { messages: [{ body: 'b', attributes: { 'x' => 'y' }, message_attributes:
                        { 'n' => { data_type: 'Binary', binary_value: 'bytes' } } }] }],
    [:get_queue_attributes, { attributes: { 'RedrivePolicy' => '{}' } }],
    [:send_message_batch, { successful: [{ id: '1', message_id: 'm', md5_of_message_body: 'd' }], failed: [] }],
    [:list_queues, { queue_urls: %w[a b] }],
    [:delete_message, {}]
  ].freeze

  def test_both_offer_the_same_operations
    assert_equal theirs.operation_names.sort, ours.operation_names.sort
    assert_equal OPERATIONS.sort, RIGHT.keys.sort
  end

  def test_default_stubs_are_equal
    OPERATIONS.each do |operation|
      assert_equal(*both { |client| client.public_send(operation, RIGHT.fetch(operation)).to_h }, operation)
    end
  end

  def test_answers_have_the_same_readers
    OPERATIONS.each do |operation|
      assert_equal(*both { |client| members(client.public_send(operation, RIGHT.fetch(operation)).data) }, operation)
    end
  end

  def test_answers_know_the_same_of_themselves
    expected, got = both do |client|
      answer = client.send_message(BODY)
      [answer.successful?, answer.error, answer[:message_id], answer['message_id'], answer.data.message_id,
       answer.respond_to?(:bogus), answer.to_h.class]
    end

    assert_equal expected, got
  end

  def test_requests_are_remembered_equally
    expected, got = both do |client|
      client.send_message(RIGHT.fetch(:send_message))
      client.list_queues
      client.api_requests.map { |request| request.slice(:operation_name, :params) }
    end

    assert_equal expected, got
  end

  def test_wrong_parameters_are_refused_in_the_same_words
    WRONG.each do |operation, params|
      expected, got = both { |client| failure { client.public_send(operation, params) } }
      assert_equal expected, got, [operation, params].inspect
    end
  end

  def test_parameters_are_converted_equally
    params = { queue_url: SdkHelper::URL, message_body: :text, delay_seconds: '3',
               message_attributes: { number: { data_type: 'Number', string_value: '1' } } }
    expected, got = both do |client|
      client.send_message(params)
      client.send_message(BODY.merge(delay_seconds: 3.0))
      client.api_requests.map { |request| request[:params] }
    end

    assert_equal expected, got
  end

  def test_stubs_give_equal_answers
    STUBS.each do |operation, data|
      expected, got = both do |client|
        client.stub_responses(operation, data)
        client.public_send(operation, RIGHT.fetch(operation)).to_h
      end
      assert_equal expected, got, operation
    end
  end

  def test_wrong_stubs_are_refused_in_the_same_words
    [[:send_message, { bogus: 1 }], [:receive_message, { messages: [{ bogus: 1 }] }],
     [:receive_message, { messages: 'x' }], [:send_message, { message_id: 1 }]].each do |operation, data|
      expected, got = both { |client| failure { client.stub_responses(operation, data) ; client.public_send(operation, RIGHT[operation]) } }
      assert_equal expected, got, [operation, data].inspect
    end
  end

  def test_stubs_in_sequence_are_given_equally
    calls = ['Throttling', { message_id: '2' }, RuntimeError, RuntimeError.new('told'), ->(context) { { message_id: context.params[:message_body] } }]
    expected, got = both do |client|
      client.stub_responses(:send_message, calls)
      Array.new(7) { outcome { client.send_message(BODY).message_id } }
    end

    assert_equal expected, got
  end

  def test_a_proc_is_given_the_operation_and_its_parameters
    expected, got = both do |client|
      seen = nil
      client.stub_responses(:send_message, lambda do |context|
        seen = [context.operation_name.to_sym, context.params]
        'QueueDoesNotExist'
      end)
      [failure { client.send_message(BODY) }.last, seen]
    end

    assert_equal expected, got
  end

  def test_a_stub_may_be_a_whole_http_answer
    expected, got = both do |client|
      client.stub_responses(:send_message, { status_code: 200, headers: {}, body: '{"MessageId":"raw"}' })
      client.send_message(BODY).message_id
    end

    assert_equal expected, got
  end

  def test_stub_data_is_equal
    expected, got = both do |client|
      [client.stub_data(:receive_message).to_h, client.stub_data(:send_message, message_id: 'm').to_h]
    end

    assert_equal expected, got
  end

  def test_errors_have_the_same_code_and_message
    %w[AccessDenied QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue].each do |code|
      expected, got = both do |client|
        client.stub_responses(:send_message, code)
        error = assert_raises(StandardError) { client.send_message(BODY) }
        [error.message, error.context.operation_name, error.context.params]
      end
      assert_equal expected, got
    end
  end

  def test_lists_can_be_read_page_by_page
    expected, got = both do |client|
      client.stub_responses(:list_queues, [{ queue_urls: ['a'], next_token: '1' }, { queue_urls: ['b'], next_token: '2' },
                                           { queue_urls: ['c'] }])
      first = client.list_queues(max_results: 1)
      [first.next_page?, first.last_page?, first.each_page.map(&:queue_urls), first.queue_urls,
       client.list_queues.map(&:queue_urls), client.api_requests.map { |request| request[:params] }]
    end

    assert_equal expected, got
  end

  private

  # [theirs, ours] of what the block gives for each, with fresh clients.
  def both
    [theirs, ours].map { |client| yield client }
  end

  def theirs
    Aws::SQS::Client.new(region: 'us-east-1', stub_responses: true)
  end

  def ours
    Lambdakiq::Client.new(region: 'us-east-1', stub_responses: true).sqs
  end

  def members(data)
    data.respond_to?(:members) ? data.members : []
  end

  def failure
    yield
    nil
  rescue StandardError => e
    [e.is_a?(ArgumentError) ? ArgumentError : e.class.name.split('::').last, e.message]
  end

  def outcome
    yield
  rescue StandardError => e
    e.respond_to?(:code) ? e.code : [e.class, e.message]
  end
end
