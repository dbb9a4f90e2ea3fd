# frozen_string_literal: true

require_relative 'sdk_helper'

# The local server, asked by the AWS SDK and by our own client: its rarer actions, where what one does the other sees.
class LocalActionsTest < QueueTest
  def setup
    super
    @theirs = Aws::SQS::Client.new(endpoint: SERVER.url)
    @name = make_queue(max_receive_count: 1)
    @queue = url(@name)
    @dead_arn = SERVER.arn(dead(@name))
  end

  def test_an_unknown_queue_is_a_non_existent_queue_to_the_sdk
    error = assert_raises(Aws::SQS::Errors::NonExistentQueue) { @theirs.get_queue_url(queue_name: 'nowhere') }

    assert_equal 'The specified queue does not exist.', error.message
  end

  def test_the_sdk_calls_the_host_of_the_queue_url_which_is_that_of_the_request
    elsewhere = Aws::SQS::Client.new(endpoint: 'http://127.0.0.1:9')
    named = @theirs.get_queue_url(queue_name: @name).queue_url

    assert_equal SERVER.url, named[/\A.*(?=\/\d+\/)/]
    assert_equal 32, elsewhere.send_message(queue_url: named, message_body: 'x').md5_of_message_body.size
    assert_equal [1, 0, 0], counts(@name)
  end

  def test_tags
    @theirs.tag_queue(queue_url: @queue, tags: { 'team' => 'blue', 'empty' => '' })
    sqs.tag_queue(queue_url: @queue, tags: { 'team' => 'red' })

    assert_equal({ 'team' => 'red', 'empty' => '' }, both { |client| client.list_queue_tags(queue_url: @queue).tags })
    @theirs.untag_queue(queue_url: @queue, tag_keys: %w[team nothing])
    sqs.untag_queue(queue_url: @queue, tag_keys: ['empty'])
    assert_empty(both { |client| client.list_queue_tags(queue_url: @queue).tags.to_h })
  end

  def test_tags_of_a_new_queue
    urls = { 'theirs' => @theirs, 'ours' => sqs }.map do |whose, client|
      client.create_queue(queue_name: "#{@name}-#{whose}", tags: { 'a' => '1' }).queue_url
    end

    urls.each { |url| assert_equal({ 'a' => '1' }, both { |client| client.list_queue_tags(queue_url: url).tags }) }
  end

  def test_permissions
    @theirs.add_permission(queue_url: @queue, label: 'one', aws_account_ids: ['111111111111'], actions: ['*'])
    error = assert_raises(Aws::SQS::Errors::InvalidParameterValue) do
      @theirs.add_permission(queue_url: @queue, label: 'one', aws_account_ids: ['111111111111'], actions: ['*'])
    end

    assert_equal 'Value one for parameter Label is invalid. Reason: Already exists.', error.message
    policy = both { |client| client.get_queue_attributes(queue_url: @queue, attribute_names: ['Policy']).attributes }
    assert_equal ['one'], JSON.parse(policy.fetch('Policy'))['Statement'].map { |statement| statement['Sid'] }
    sqs.remove_permission(queue_url: @queue, label: 'one')
    assert_empty(both { |client| client.get_queue_attributes(queue_url: @queue, attribute_names: ['Policy']).attributes.to_h })
  end

  def test_sources_of_a_dead_letter_queue
    urls = both { |client| client.list_dead_letter_source_queues(queue_url: url(dead(@name))).queue_urls }

    assert_equal [@queue], urls
  end

  def test_move_tasks
    bury 3
    handle = @theirs.start_message_move_task(source_arn: @dead_arn, max_number_of_messages_per_second: 500).task_handle

    assert_equal @dead_arn, JSON.parse(handle.unpack1('m'))['sourceArn']
    task = completed
    assert_equal [3, 3, 500, nil, nil],
                 task.to_h.values_at(:approximate_number_of_messages_moved, :approximate_number_of_messages_to_move,
                                     :max_number_of_messages_per_second, :task_handle, :destination_arn)
    assert_equal([[3, 0, 0], [0, 0, 0]], [@name, dead(@name)].map { |queue| counts(queue) })
    assert_equal(%w[1 1 1], receive(@queue).map { |message| message.attributes['ApproximateReceiveCount'] })
  end

  def test_a_cancelled_task
    bury 3
    handle = sqs.start_message_move_task(source_arn: @dead_arn, max_number_of_messages_per_second: 1).task_handle
    listed = both { |client| client.list_message_move_tasks(source_arn: @dead_arn).results }

    assert_equal [['RUNNING', handle]], (listed.map { |task| [task.status, task.task_handle] })
    assert_kind_of Integer, @theirs.cancel_message_move_task(task_handle: handle).approximate_number_of_messages_moved
    assert_raises(Aws::SQS::Errors::InvalidParameterValue) { @theirs.cancel_message_move_task(task_handle: 'nonsense') }
    assert_raises(Aws::SQS::Errors::ResourceNotFoundException) { @theirs.list_message_move_tasks(source_arn: "#{@dead_arn}-no") }
  end

  private

  def url(name)
    sqs.get_queue_url(queue_name: name).queue_url
  end

  # What both clients are answered is the same; theirs.
  def both
    theirs, ours = [@theirs, sqs].map { |client| yield client }
    assert_equal plain(theirs), plain(ours)
    theirs
  end

  def plain(answer)
    answer.is_a?(Array) ? answer.map { |item| item.respond_to?(:to_h) ? item.to_h : item } : answer.to_h
  end

  def bury(count)
    count.times { |number| sqs.send_message(queue_url: @queue, message_body: number.to_s) }
    2.times { sqs.receive_message(queue_url: @queue, max_number_of_messages: 10, visibility_timeout: 0) }
  end

  def completed
    task = nil
    200.times do
      task = @theirs.list_message_move_tasks(source_arn: @dead_arn).results.fetch(0)
      break if task.status != 'RUNNING'

      sleep 0.05
    end
    assert_equal 'COMPLETED', task.status
    task
  end
end
