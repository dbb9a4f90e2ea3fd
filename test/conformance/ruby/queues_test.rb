# frozen_string_literal: true

require_relative 'sqs_case'

# The life of queues, attributes, pages of lists, tags and permissions.
class QueuesTest < SqsCase
  ACCOUNT = '123456789012'

  def test_a_queue_is_created_found_listed_and_deleted
    queue_name = new_name
    url = sqs.create_queue(queue_name: queue_name).queue_url
    assert_equal "#{server.url}/000000000000/#{queue_name}", url
    assert_equal url, sqs.get_queue_url(queue_name: queue_name).queue_url
    assert_equal [url], sqs.list_queues(queue_name_prefix: queue_name).queue_urls
    sqs.delete_queue(queue_url: url)
    assert_empty sqs.list_queues(queue_name_prefix: queue_name).queue_urls
  end

  def test_an_unknown_queue_raises_the_class_that_the_old_protocol_named
    assert_refused('NonExistentQueue', 'does not exist') do
      sqs.get_queue_url(queue_name: new_name)
    end
    assert_refused('NonExistentQueue', 'does not exist') do
      put("#{server.url}/000000000000/#{new_name}", 'lost')
    end
  end

  def test_the_host_of_a_queue_url_is_called_whatever_the_endpoint_is
    elsewhere = Aws::SQS::Client.new(endpoint: 'http://127.0.0.1:1', region: 'us-east-1', retry_limit: 0,
                                     access_key_id: 'local', secret_access_key: 'local')
    url = queue.sub('127.0.0.1', 'localhost')
    elsewhere.send_message(queue_url: url, message_body: 'x')
    assert_equal ['x'], bodies(url)
  end

  def test_names_the_fifo_suffix_and_its_attribute_are_checked
    ['n' * 81, 'a.b', 'a b', new_name('.fifo')].each do |bad|
      assert_refused('InvalidParameterValue') { sqs.create_queue(queue_name: bad) }
    end
    assert_refused('InvalidAttributeName', 'Unknown Attribute FifoQueue.') do
      sqs.create_queue(queue_name: new_name, attributes: { 'FifoQueue' => 'false' })
    end
  end

  def test_creating_it_again_is_idempotent_unless_a_value_differs
    queue_name = new_name
    url = sqs.create_queue(queue_name: queue_name, attributes: { 'DelaySeconds' => '5' }).queue_url
    assert_equal url, sqs.create_queue(queue_name: queue_name).queue_url
    assert_refused('QueueAlreadyExists', 'attribute DelaySeconds') do
      sqs.create_queue(queue_name: queue_name, attributes: { 'DelaySeconds' => '6' })
    end
  end

  def test_a_purge_removes_visible_hidden_and_delayed_messages
    url = queue
    2.times { put(url, 'x') }
    receive(url, max_number_of_messages: 1)
    put(url, 'late', delay_seconds: 900)
    assert_equal %w[1 1 1], counters(url)
    sqs.purge_queue(queue_url: url)
    assert_equal %w[0 0 0], counters(url)
  end

  def test_a_standard_queue_shows_the_defaults_and_nothing_of_fifo
    shown = attributes(queue)
    %w[QueueArn CreatedTimestamp LastModifiedTimestamp].each { |name| assert shown.delete(name), name }
    assert_equal({ 'ApproximateNumberOfMessages' => '0', 'ApproximateNumberOfMessagesDelayed' => '0',
                   'ApproximateNumberOfMessagesNotVisible' => '0', 'DelaySeconds' => '0',
                   'MaximumMessageSize' => '1048576', 'MessageRetentionPeriod' => '345600',
                   'ReceiveMessageWaitTimeSeconds' => '0', 'SqsManagedSseEnabled' => 'true',
                   'VisibilityTimeout' => '30' }, shown)
  end

  def test_every_attribute_that_is_set_is_shown
    url = queue
    given = { 'DelaySeconds' => '7', 'MaximumMessageSize' => '2048', 'MessageRetentionPeriod' => '600',
              'ReceiveMessageWaitTimeSeconds' => '3', 'VisibilityTimeout' => '43200',
              'KmsMasterKeyId' => 'alias/mine', 'KmsDataKeyReusePeriodSeconds' => '60',
              'Policy' => '{"Version":"2012-10-17","Statement":[]}',
              'RedriveAllowPolicy' => '{"redrivePermission":"denyAll"}',
              'RedrivePolicy' => JSON.generate(deadLetterTargetArn: arn(queue), maxReceiveCount: 4) }
    sqs.set_queue_attributes(queue_url: url, attributes: given)
    assert_equal given, attributes(url, *given.keys)
  end

  def test_a_fifo_queue_shows_its_four_attributes_as_they_are_set
    url = fifo
    given = { 'ContentBasedDeduplication' => 'true', 'DeduplicationScope' => 'messageGroup',
              'FifoThroughputLimit' => 'perMessageGroupId' }
    assert_equal({ 'FifoQueue' => 'true', 'ContentBasedDeduplication' => 'false', 'DeduplicationScope' => 'queue',
                   'FifoThroughputLimit' => 'perQueue' }, attributes(url, 'FifoQueue', *given.keys))
    sqs.set_queue_attributes(queue_url: url, attributes: given)
    assert_equal given, attributes(url, *given.keys)
  end

  def test_values_out_of_range_and_unknown_names_have_their_classes
    url = queue
    assert_refused('InvalidAttributeValue', 'VisibilityTimeout') do
      sqs.set_queue_attributes(queue_url: url, attributes: { 'VisibilityTimeout' => '43201' })
    end
    assert_refused('InvalidAttributeName', 'Unknown Attribute Nonsense.') do
      attributes(url, 'Nonsense')
    end
  end

  def test_the_pages_of_a_list_are_complete_and_without_duplicates
    prefix = new_name
    urls = (0...7).map { |n| sqs.create_queue(queue_name: "#{prefix}-#{n}").queue_url }
    pages = sqs.list_queues(queue_name_prefix: prefix, max_results: 3).map(&:queue_urls)
    assert_equal urls.each_slice(3).to_a, pages
    assert_nil sqs.list_queues(queue_name_prefix: prefix).next_token
  end

  def test_sources_of_a_dead_letter_queue_come_in_pages
    dlq = queue
    policy = JSON.generate(deadLetterTargetArn: arn(dlq), maxReceiveCount: 2)
    sources = Array.new(3) { queue('RedrivePolicy' => policy) }.sort
    pages = sqs.list_dead_letter_source_queues(queue_url: dlq, max_results: 2).map(&:queue_urls)
    assert_equal sources.each_slice(2).to_a, pages
  end

  def test_tags_are_set_overwritten_listed_and_removed
    url = sqs.create_queue(queue_name: new_name, tags: { 'team' => 'shop', 'é' => 'ü' }).queue_url
    sqs.tag_queue(queue_url: url, tags: { 'team' => 'mail', 'Team' => '' })
    assert_equal({ 'team' => 'mail', 'Team' => '', 'é' => 'ü' }, sqs.list_queue_tags(queue_url: url).tags)
    sqs.untag_queue(queue_url: url, tag_keys: %w[team Team é unknown])
    assert_empty sqs.list_queue_tags(queue_url: url).tags
  end

  def test_permissions_make_a_policy_and_the_last_one_takes_it_along
    url = queue
    add = ->(actions) { sqs.add_permission(queue_url: url, label: 'one', aws_account_ids: [ACCOUNT], actions: actions) }
    add[%w[SendMessage ReceiveMessage]]
    statement = JSON.parse(attributes(url, 'Policy')['Policy'])['Statement'].first
    assert_equal %w[SQS:SendMessage SQS:ReceiveMessage], statement['Action']
    assert_equal({ 'AWS' => "arn:aws:iam::#{ACCOUNT}:root" }, statement['Principal'])
    assert_refused('InvalidParameterValue', 'Already exists.') { add[['*']] }
    sqs.remove_permission(queue_url: url, label: 'one')
    assert_empty attributes(url, 'Policy')
    assert_refused('InvalidParameterValue', "can't find label") do
      sqs.remove_permission(queue_url: url, label: 'one')
    end
  end

  private

  def counters(url)
    attributes(url).values_at('ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible',
                              'ApproximateNumberOfMessagesDelayed')
  end
end

# What AWS imposes, and the local server on request.
class WaitsOfAwsTest < SqsCase
  def server
    Servers.shared(purge_wait: true, recreate_wait: true, in_flight_limit: 2)
  end

  def test_a_second_purge_within_a_minute_is_refused
    url = queue
    sqs.purge_queue(queue_url: url)
    assert_refused('PurgeQueueInProgress', '60 seconds',
                   status: 403) { sqs.purge_queue(queue_url: url) }
  end

  def test_the_name_of_a_deleted_queue_is_free_after_a_minute
    queue_name = new_name
    sqs.delete_queue(queue_url: sqs.create_queue(queue_name: queue_name).queue_url)
    assert_refused('QueueDeletedRecently', '60 seconds') do
      sqs.create_queue(queue_name: queue_name)
    end
    server.advance(61)
    sqs.create_queue(queue_name: queue_name)
  end

  def test_a_short_poll_above_the_limit_in_flight_is_refused
    url = queue
    3.times { put(url, 'x') }
    receive(url)
    assert_refused('OverLimit', status: 403) { receive(url) }
  end
end
