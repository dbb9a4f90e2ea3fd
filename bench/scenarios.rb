# frozen_string_literal: true

require 'json'
require 'net/http'

# What is measured, the same for every side.
module Scenarios
  module_function

  # How much is done: fewer where each costs more.
  COUNT = Integer(ENV.fetch('BENCH_COUNT', '1000'))
  WARM_UP = 50
  BATCHES = COUNT / 25
  BATCH_SIZE = Integer(ENV.fetch('BENCH_BATCH_SIZE', '10'))
  # With the rest of the message just under the 256 KiB that SQS once took at most.
  LARGE_BYTES = 255 * 1024

  # Loading the library, on top of Rails.
  def requires
    REQUIRE_COST
  end

  # The first enqueue of a new process: client, connection, call.
  def first_enqueue
    BenchClock.per(1) { BenchJob.perform_later(1, 'first') }
  end

  def warm_enqueue
    enqueue_each('measured')
  end

  def large_enqueue
    enqueue_each('x' * LARGE_BYTES)
  end

  def enqueue_each(argument)
    WARM_UP.times { |number| BenchJob.perform_later(number, 'warm') }
    BenchClock.per(COUNT) { COUNT.times { |number| BenchJob.perform_later(number, argument) } }
  end

  def enqueue_by_4_threads
    enqueue_by_threads(4)
  end

  def enqueue_by_16_threads
    enqueue_by_threads(16)
  end

  # Per job, whoever enqueues it.
  def enqueue_by_threads(count)
    each_of(count, WARM_UP) { |number| BenchJob.perform_later(number, 'warm') }
    BenchClock.per(COUNT) { each_of(count, COUNT) { |number| BenchJob.perform_later(number, 'measured') } }
  end

  def each_of(count, times)
    Array.new(count) do |thread|
      Thread.new { (thread...times).step(count) { |number| yield number } }
    end.each(&:join)
  end

  # perform_all_later, per job.
  def bulk_enqueue
    BenchJob.perform_later(0, 'warm')
    jobs = Array.new(COUNT) { |number| BenchJob.new(number, 'bulk') }
    BenchClock.per(COUNT) { ActiveJob.perform_all_later(jobs) }
  end

  # Memory of a process after its first enqueue.
  def memory
    BenchJob.perform_later(1, 'first')
    footprint
  end

  # The same; when it had enqueued, by the clock that whoever started it has too; and how long loading
  # the library and the enqueue took of that.
  def cold
    enqueued = BenchClock.per(1) { BenchJob.perform_later(1, 'first') }
    { at_us: BenchClock.wall_us, cpu_us: BenchClock.cpu_us, own_us: REQUIRE_COST[:wall_us] + enqueued[:wall_us] }
      .merge(footprint)
  end

  def footprint
    GC.start
    smaps = File.read('/proc/self/smaps_rollup')
    { rss_kb: smaps[/^Rss:\s+(\d+)/, 1].to_i, private_dirty_kb: smaps[/^Private_Dirty:\s+(\d+)/, 1].to_i }
  end

  # Handler per message of a batch of ten, deletes included. Without an adapter ("null"): what
  # ActiveJob itself needs to execute them with its logging.
  def handler
    events = Array.new(BATCHES + 3) { Local.event(BATCH_SIZE) }
    run = SIDE == 'null' ? method(:execute_only) : ->(event) { Lambdakiq.handler(event) }
    events.shift(3).each { |event| run.call(event) }
    failed = 0
    cost = BenchClock.per(BATCHES * BATCH_SIZE) do
      events.each { |event| failed += run.call(event)[:batchItemFailures].size }
    end
    cost.merge(failed: failed)
  end

  def execute_only(event)
    event['Records'].each { |record| ActiveJob::Base.execute(JSON.parse(record['body'])) }
    { batchItemFailures: [] }
  end

  # Talks to the local server with nothing but Net::HTTP, to prepare what is measured.
  module Local
    module_function

    ATTRIBUTE = { lambdakiq: { DataType: 'String', StringValue: '1' } }.freeze

    # A Lambda event of messages that are really in flight, so that deletes delete.
    def event(size)
      entries = Array.new(size) do |number|
        { Id: number.to_s, MessageBody: JSON.generate(BenchJob.new(number, 'handled').serialize),
          MessageAttributes: ATTRIBUTE }
      end
      call('SendMessageBatch', QueueUrl: queue, Entries: entries)
      messages = call('ReceiveMessage', QueueUrl: queue, MaxNumberOfMessages: size, AttributeNames: ['All'],
                                        MessageAttributeNames: ['All']).fetch('Messages')
      raise "received #{messages.size} of #{size}" unless messages.size == size

      { 'Records' => messages.map { |message| record(message) } }
    end

    def record(message)
      { 'messageId' => message['MessageId'], 'receiptHandle' => message['ReceiptHandle'],
        'body' => message['Body'], 'attributes' => message['Attributes'],
        'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1', 'stringListValues' => [],
                                                  'binaryListValues' => [], 'dataType' => 'String' } },
        'md5OfBody' => message['MD5OfBody'], 'eventSource' => 'aws:sqs',
        'eventSourceARN' => "arn:aws:sqs:us-east-1:000000000000:#{queue}", 'awsRegion' => 'us-east-1' }
    end

    def call(action, parameters)
      @http ||= connect(URI(ENV.fetch('AWS_ENDPOINT_URL_SQS')))
      response = @http.post('/', JSON.generate(parameters), 'Content-Type' => 'application/x-amz-json-1.0',
                                                            'X-Amz-Target' => "AmazonSQS.#{action}")
      raise "#{action}: HTTP #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

      response.body.empty? ? {} : JSON.parse(response.body)
    end

    def connect(url)
      Net::HTTP.start(url.host, url.port, use_ssl: url.scheme == 'https', ca_file: ENV['AWS_CA_BUNDLE'])
    end

    def queue
      ENV.fetch('BENCH_QUEUE')
    end
  end
end
