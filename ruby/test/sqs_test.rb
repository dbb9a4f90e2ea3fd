# frozen_string_literal: true

require_relative 'test_helper'

class SqsTest < QueueTest
  def test_a_message_goes_and_comes_with_attributes_of_every_type
    queue = make_queue
    sent = sqs.send_message(queue_url: queue, message_body: 'héllo', delay_seconds: 0, message_attributes: {
                              'Some_Text' => { data_type: 'String', string_value: 'x' },
                              'number' => { data_type: 'Number.int', string_value: '42' },
                              'bytes' => { data_type: 'Binary', binary_value: "\x00\xff".b }
                            })
    message = receive(queue).first

    assert_predicate sent, :successful?
    assert_equal sent.message_id, message.message_id
    assert_equal sent[:message_id], sent.to_h[:message_id]
    assert_equal 'héllo', message.body
    assert_equal %w[Some_Text bytes number], message.message_attributes.keys.sort
    assert_equal "\x00\xff".b, message.message_attributes['bytes'].binary_value.b
    assert_equal '42', message.message_attributes['number'].string_value
    assert_nil sent.sequence_number
  end

  def test_batches_answer_entry_by_entry
    queue = make_queue
    answer = sqs.send_message_batch(queue_url: queue, entries: [
                                      { id: 'good', message_body: 'x' }, { id: 'bad', message_body: 'x', delay_seconds: 901 }
                                    ])

    assert_equal(%w[good], answer.successful.map(&:id))
    assert_equal([['bad', true]], answer.failed.map { |entry| [entry.id, entry.sender_fault] })
  end

  def test_queues_have_a_life
    queue = make_queue(dead_letters: false)

    assert_equal "#{SERVER.url}/#{LocalSqs::ACCOUNT}/#{queue}", sqs.get_queue_url(queue_name: queue).queue_url
    sqs.set_queue_attributes(queue_url: queue, attributes: { 'VisibilityTimeout' => '7' })
    assert_equal '7', sqs.get_queue_attributes(queue_url: queue, attribute_names: ['VisibilityTimeout']).attributes['VisibilityTimeout']
    assert_equal({}, sqs.delete_queue(queue_url: queue).to_h)
    error = assert_raises(Lambdakiq::ServiceError) { sqs.get_queue_url(queue_name: queue) }
    assert_equal %w[AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist], [error.code, error.aws_type]
  end

  def test_an_empty_receive_has_an_empty_list
    assert_equal [], sqs.receive_message(queue_url: make_queue).messages
  end

  def test_wrong_parameters_are_said_all_at_once_before_the_network
    error = assert_raises(ArgumentError) { sqs.send_message(queue_url: 'q', message_body: 3, bogus: 1) }
    assert_match(/found 2 errors.*params\[:message_body\] to be a String.*unexpected value at params\[:bogus\]/m, error.message)

    error = assert_raises(ArgumentError) { sqs.send_message(queue_url: 'q') }
    assert_equal 'missing required parameter params[:message_body]', error.message
  end

  def test_every_operation_of_sqs_is_offered_under_its_name
    assert_equal 23, sqs.operation_names.size
    assert(sqs.operation_names.all? { |name| sqs.respond_to?(name) })
    shapes = Lambdakiq::SQS::Shapes
    assert_equal 'MD5OfMessageBody', shapes.wire(:send_message, :md5_of_message_body)
    assert_equal %w[tags Tags], [shapes.wire(:create_queue, :tags), shapes.wire(:tag_queue, :tags)]
    assert_equal %w[queueUrls QueueUrls],
                 [shapes.wire(:list_dead_letter_source_queues, :queue_urls), shapes.wire(:list_queues, :queue_urls)]
    assert_equal %w[AWSAccountIds QueueOwnerAWSAccountId],
                 [shapes.wire(:add_permission, :aws_account_ids), shapes.wire(:get_queue_url, :queue_owner_aws_account_id)]
  end

  def test_a_queue_is_described_lazily
    queue = make_queue(max_receive_count: 5)
    described = Lambdakiq.client.queues[queue]

    assert_same described, Lambdakiq.client.queues[queue]
    assert_equal queue, described.queue_name
    assert_equal "#{SERVER.url}/#{LocalSqs::ACCOUNT}/#{queue}", described.queue_url
    assert_equal 5, described.max_receive_count
    assert_equal SERVER.arn(dead(queue)), described.redrive_policy['deadLetterTargetArn']
    refute_predicate described, :fifo?
    assert_predicate Lambdakiq.client.queues[SERVER.arn('x.fifo')], :fifo?
    assert_equal 'x.fifo', Lambdakiq.client.queues[SERVER.arn('x.fifo')].queue_name
  end

  def test_each_call_is_a_notification_for_those_who_listen
    queue = make_queue
    seen = events('request.lambdakiq') { ActJob.set(queue: queue).perform_later }
    payload = seen.first.payload

    assert_equal [:send_message, queue, 200, 1], payload.values_at(:operation, :queue, :status, :attempts)
    assert_operator payload[:duration_ms], :>, 0
    refute_empty payload[:request_id]
  end

  def test_credentials_are_asked_at_each_call
    peer = SilentPeer.new(JSON.generate(QueueUrl: 'u'))
    keys = %w[AKIDFIRST AKIDSECOND]
    credentials = Object.new
    credentials.define_singleton_method(:credentials) do
      Struct.new(:access_key_id, :secret_access_key, :session_token).new(keys.shift, 'secret', nil)
    end
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, credentials: credentials)
    2.times { sqs.get_queue_url(queue_name: 'q') }

    assert_match(/Credential=AKIDFIRST/, peer.requests.pop.first)
    assert_match(/Credential=AKIDSECOND/, peer.requests.pop.first)
  ensure
    peer.close
  end

  def test_client_options_without_effect_are_warned_about
    Lambdakiq::Client.default_options[:dualstack] = true
    sqs

    assert_match(/client options without effect: dualstack/, LOG.string)
  end

  def test_the_client_can_be_reset
    first = Lambdakiq.client
    Lambdakiq.instance_variable_set(:@client, nil)

    refute_same first, Lambdakiq.client
  end
end
