# frozen_string_literal: true

require 'fiddle'

# What {NullAdapter} does, and the same bytes over libcurl alone (floor_http.c), in the same process: what
# no adapter can go below.
class FloorAdapter < NullAdapter
  ATTRIBUTES = { lambdakiq: { DataType: 'String', StringValue: '1' } }.freeze

  def enqueue(job)
    post('SendMessage', QueueUrl: job.queue_name, MessageBody: super, MessageAttributes: ATTRIBUTES)
  end

  def enqueue_all(jobs)
    jobs.each_slice(10) do |slice|
      entries = slice.each_with_index.map do |job, index|
        { Id: index.to_s, MessageBody: JSON.generate(job.serialize), MessageAttributes: ATTRIBUTES }
      end
      post('SendMessageBatch', QueueUrl: slice.first.queue_name, Entries: entries)
    end
    jobs.each { |job| job.successfully_enqueued = true }.size
  end

  private

  def post(action, parameters)
    body = JSON.generate(parameters)
    status = POST.call(connection(action), body, body.bytesize)
    raise "#{action}: HTTP #{status}" unless status == 200
  end

  def connection(action)
    @connections ||= {}
    @connections[action] ||= OPEN.call("#{ENV.fetch('AWS_ENDPOINT_URL_SQS')}/", "X-Amz-Target: AmazonSQS.#{action}",
                                       ENV['AWS_CA_BUNDLE'])
  end

  LIBRARY = Fiddle.dlopen(ENV.fetch('BENCH_FLOOR_HTTP'))
  OPEN = Fiddle::Function.new(LIBRARY['floor_open'], [Fiddle::TYPE_VOIDP] * 3, Fiddle::TYPE_VOIDP)
  POST = Fiddle::Function.new(LIBRARY['floor_post'], [Fiddle::TYPE_VOIDP, Fiddle::TYPE_VOIDP, Fiddle::TYPE_LONG],
                              Fiddle::TYPE_INT)
  private_constant :LIBRARY, :OPEN, :POST
end
