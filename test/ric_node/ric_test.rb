# frozen_string_literal: true

# AWS's runtime interface client for Node.js as its package is, below `lambdakiq dev`: the Runtime API as
# a program of AWS's understands it, and what becomes of the messages. Run by tools/ric_node.sh.

require 'minitest/autorun'
require 'tmpdir'
require_relative '../../bench/support/local_server'

class NodeRuntimeTest < Minitest::Test
  RIC = "#{__dir__}/node_modules/.bin/aws-lambda-ric"
  TIMEOUT_S = 3

  def setup
    @directory = Dir.mktmpdir('lambdakiq-node')
  end

  def teardown
    @dev&.stop
    FileUtils.remove_entry(@directory)
  end

  def test_only_the_messages_named_in_the_response_stay
    start
    send_all({ do: 'say', text: 'hello' }, { do: 'fail' }, { do: 'say' }, { do: 'fail' })
    wait_for_log('END RequestId', 1)

    assert_left 2
    assert_includes log, 'records=4 receives=1 do=say'
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty

    assert_equal 2, log.scan('START RequestId').size
    assert_includes log, 'records=2 receives=2 do=fail'
  end

  def test_an_exception_keeps_the_messages_and_the_process
    start
    send_all({ do: 'throw' }, { do: 'say' })
    wait_for_log('Status: error', 1)

    assert_left 2
    assert_match(/ERROR\s+Invoke Error.*TypeError.*as told: über/, log)
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty

    assert_equal 1, processes
  end

  def test_a_handler_over_its_time_is_killed_and_its_message_comes_back_to_another_process
    start
    send_all({ do: 'hang' })
    wait_for_log('Task timed out after 3.00 seconds', 1)
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty

    assert_equal 2, processes
    assert_includes log, 'records=1 receives=2 do=hang'
  end

  def test_a_process_that_exits_keeps_its_message_for_another
    start
    send_all({ do: 'exit' })
    wait_for_log('Runtime exited with error: exit status 3', 1)
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty

    assert_equal 2, processes
  end

  def test_an_unhandled_rejection_is_an_error_of_the_invocation
    start
    send_all({ do: 'reject' })
    wait_for_log('Status: error', 1)

    assert_match(/Unhandled Promise Rejection.*nobody waits for this/m, log)
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty
  end

  def test_a_response_over_six_megabytes_keeps_its_message
    start
    send_all({ do: 'big', bytes: 6_300_000 })
    wait_for_log('Error Type: Function.ResponseSizeTooLarge', 1)

    assert_left 1
    assert_includes log, "the function's response is over 6 MB"
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty
  end

  def test_a_response_below_six_megabytes_that_is_no_list_of_failures_keeps_its_message
    start
    send_all({ do: 'big', bytes: 6_200_000 })
    wait_for_log('the response names no messages of the batch', 1)

    assert_left 1
  end

  def test_the_context_is_that_of_the_invocation
    start
    send_all({ do: 'facts' })
    wait_until_empty
    facts = JSON.parse(log[/\{"facts":true.*\}/])

    assert_equal log[/START RequestId: (\S+)/, 1], facts['requestId']
    assert_equal 'arn:aws:lambda:us-east-1:000000000000:function:jobs', facts['arn']
    assert_equal ['jobs', '/aws/lambda/jobs'], facts.values_at('name', 'logGroup')
    assert_includes 1..(TIMEOUT_S * 1000), facts['leftMs']
    assert_match(/\ARoot=1-\h{8}-\h{24};Parent=\h{16};Sampled=[01];Lineage=\h{8}:1\z/, facts['trace'])
  end

  def test_a_streamed_response_is_read_as_a_whole
    start('index.streaming')
    send_all({ do: 'say' }, { do: 'fail' })
    wait_for_log('END RequestId', 1)

    assert_left 1
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty

    assert_equal 2, log.scan('START RequestId').size
  end

  def test_a_streamed_response_that_breaks_off_with_an_error_keeps_all_messages
    start('index.streaming')
    send_all({ do: 'break' }, { do: 'say' })
    wait_for_log('Status: error', 1)

    assert_left 2
    @dev.advance(TIMEOUT_S + 1)
    wait_until_empty
  end

  def test_a_function_that_cannot_be_loaded_takes_no_messages
    start('broken.handler')
    send_all({ do: 'say' })
    wait_for_log('INIT_REPORT', 1)

    assert_match(/no database/, log)
    assert_equal [1, 0, 0], @dev.counts('jobs')
  end

  private

  def start(handler = 'index.handler')
    @dev = LocalServer.new(:dev, @directory, worker: ['env', '-C', __dir__, RIC, handler],
                                             worker_environment: { 'AWS_ENDPOINT_URL_SQS' => nil, 'RUBYOPT' => nil },
                                             batch_size: 10, timeout: TIMEOUT_S, name: 'jobs')
  end

  # In one call, so that they come in one event.
  def send_all(*bodies)
    entries = bodies.each_with_index.map { |body, index| { Id: index.to_s, MessageBody: JSON.generate(body) } }
    @dev.call('SendMessageBatch', QueueUrl: 'jobs', Entries: entries)
  end

  def log
    @dev.log
  end

  def wait_for_log(part, count)
    @dev.wait_for("#{part}, #{count} times") { log.scan(part).size >= count }
  end

  # Deletes come after END; a moment later there are none more.
  def assert_left(count)
    @dev.wait_for("#{count} messages to be left") { @dev.waiting == count }
    sleep 0.2
    assert_equal count, @dev.waiting
  end

  def wait_until_empty
    @dev.wait_for('the queue to be empty') { @dev.waiting.zero? }
    assert_equal [0, 0, 0], @dev.counts('jobs-dlq')
  end

  def processes
    log.scan(/pid=(\d+)/).uniq.size
  end
end
