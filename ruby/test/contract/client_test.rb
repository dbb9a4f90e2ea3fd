# frozen_string_literal: true

require_relative 'contract_helper'

class ContractClientTest < ContractTest
  def test_the_client_is_kept_until_it_is_reset
    first = Lambdakiq.client
    assert_same first, Lambdakiq.client
    Lambdakiq.instance_variable_set(:@client, nil)

    refute_same first, Lambdakiq.client
  end

  def test_queues_are_made_when_asked_for_and_kept
    assert_kind_of Hash, client.queues
    assert_same client.queues[QUEUE], client.queues[QUEUE]
    assert_kind_of Lambdakiq::Queue, client.queues[QUEUE]
  end

  def test_a_queue_reads_its_attributes
    queue = client.queues[QUEUE]

    assert_equal [QUEUE, "#{ACCOUNT}/#{QUEUE}", 8], [queue.queue_name, queue.queue_url, queue.max_receive_count]
    assert_equal 8, queue.redrive_policy['maxReceiveCount']
    assert_equal '301', queue.attributes['VisibilityTimeout']
    refute_predicate queue, :fifo?
    assert_predicate client.queues[FIFO], :fifo?
  end

  def test_a_queue_without_dead_letters_counts_one_receive
    redrive(nil)

    assert_nil client.queues[QUEUE].redrive_policy
    assert_equal 1, client.queues[QUEUE].max_receive_count
  end

  def test_a_queue_sends_a_job
    client.sqs.stub_responses(:send_message, { message_id: 'm9' })

    assert_equal 'm9', client.queues[QUEUE].send_message(BasicJob.new, delay_seconds: 4).message_id
    assert_equal 4, sent[:delay_seconds]
  end

  def test_a_queue_sends_a_job_with_more_of_what_send_message_takes
    trace = { 'AWSTraceHeader' => { string_value: 'Root=1-5759e988-bd862e3fe1be46a994272793', data_type: 'String' } }
    client.queues[QUEUE].send_message(BasicJob.new, delay_seconds: 4, message_system_attributes: trace)

    assert_equal [4, trace], sent.values_at(:delay_seconds, :message_system_attributes)
  end

  def test_stubs_answer_with_readers_members_and_hashes
    client.sqs.stub_responses(:receive_message, { messages: [{ message_id: '1', body: 'x', attributes: { 'A' => 'b' } }] })
    response = client.sqs.receive_message(queue_url: ACCOUNT)

    assert_predicate response, :successful?
    assert_equal ['1', 'x', { 'A' => 'b' }], [response.messages[0].message_id, response[:messages][0][:body], response.messages[0].attributes]
    assert_equal [{ message_id: '1', body: 'x', attributes: { 'A' => 'b' } }], response.to_h[:messages].map { |message| message.slice(:message_id, :body, :attributes) }
  end

  def test_stubs_take_codes_exceptions_procs_and_sequences
    client.sqs.stub_responses(:send_message, { message_id: '1' }, 'Throttling', KeyError.new('no'), IOError,
                              ->(context) { { message_id: context.params[:message_body] } })
    answers = Array.new(6) do
      client.sqs.send_message(queue_url: ACCOUNT, message_body: 'hello').message_id
    rescue KeyError, IOError => e
      e.class
    rescue StandardError => e
      e.code
    end

    assert_equal ['1', 'Throttling', KeyError, IOError, 'hello', 'hello'], answers
  end

  def test_default_stubs_have_the_names_of_their_members
    assert_equal 'String', client.sqs.send_message(queue_url: ACCOUNT, message_body: 'x').message_id
    assert_empty client.sqs.receive_message(queue_url: ACCOUNT).messages
    assert_empty client.sqs.list_queue_tags(queue_url: ACCOUNT).tags
    assert_empty client.sqs.delete_message(queue_url: ACCOUNT, receipt_handle: 'x').to_h
    assert_empty client.sqs.send_message_batch(queue_url: ACCOUNT, entries: []).failed
  end

  def test_every_request_can_be_looked_at
    client.sqs.purge_queue(queue_url: ACCOUNT)
    request = client.sqs.api_requests.last

    assert_equal [:purge_queue, { queue_url: ACCOUNT }], request.values_at(:operation_name, :params)
  end

  def test_every_operation_is_there
    %i[add_permission cancel_message_move_task change_message_visibility change_message_visibility_batch create_queue
       delete_message delete_message_batch delete_queue get_queue_attributes get_queue_url list_dead_letter_source_queues
       list_message_move_tasks list_queue_tags list_queues purge_queue receive_message remove_permission send_message
       send_message_batch set_queue_attributes start_message_move_task tag_queue untag_queue].each do |operation|
      assert_respond_to client.sqs, operation
    end
  end

  def test_wrong_parameters_are_an_argument_error
    assert_raises(ArgumentError) { client.sqs.send_message(queue_url: ACCOUNT) }
    assert_raises(ArgumentError) { client.sqs.send_message(queue_url: ACCOUNT, message_body: 'x', bogus: 1) }
    assert_raises(ArgumentError) { client.sqs.send_message(queue_url: ACCOUNT, message_body: 1) }
  end

  def test_default_options_are_a_hash_to_merge_into
    assert_kind_of Hash, Lambdakiq::Client.default_options
    assert_same Lambdakiq::Client.default_options, Lambdakiq::Client.default_options
  end

  def test_default_options_can_be_another_hash
    before = Lambdakiq::Client.default_options
    Lambdakiq::Client.default_options = { stub_responses: true, region: 'eu-west-1' }
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_equal 'eu-west-1', client.sqs.config.region
  ensure
    Lambdakiq::Client.default_options = before
  end
end
