# frozen_string_literal: true

require 'json'
require 'socket'
require 'uri'

# Stands between workers and SQS and makes the calls go wrong that the block names.
#
#     FaultyProxy.new { |action, parameters| :lost_answer if action == 'DeleteMessage' }
#
# The block answers nil to let a call pass, or
# - :error, :throttle, :denied: SQS refuses it (500, 400, 403)
# - :cut: the connection ends before SQS has heard of it
# - :lost_answer: SQS does it, and the connection ends without a word
class FaultyProxy
  REFUSALS = {
    error: [500, 'com.amazonaws.sqs#InternalError', 'We encountered an internal error. Please try again.'],
    throttle: [400, 'com.amazonaws.sqs#RequestThrottled', 'Request is throttled.'],
    denied: [403, 'com.amazon.coral.service#AccessDeniedException', 'User is not authorized to perform this action.']
  }.freeze

  # @return [Hash{Array => Integer}] how often each [action, fault] was done
  attr_reader :faults

  def initialize(&rule)
    @rule = rule
    @server = TCPServer.new('127.0.0.1', 0)
    @lock = Mutex.new
    @known = ConditionVariable.new
    @faults = Hash.new(0)
    @thread = Thread.new { loop { Thread.new(@server.accept) { |socket| serve(socket) } } }
  end

  def url
    "http://127.0.0.1:#{@server.addr[1]}"
  end

  # Where calls go to; they wait until it is known.
  def target=(url)
    @lock.synchronize do
      @target = URI(url)
      @known.broadcast
    end
  end

  def close
    @thread.kill
    @server.close
  end

  private

  def serve(client)
    upstream = connect
    while (request = read_message(client))
      action = request[/^x-amz-target: \w+\.(\w+)/i, 1]
      fault = choose(action, request)
      break if fault == :cut

      answer = REFUSALS.key?(fault) ? refusal(fault) : exchange(upstream, request)
      break if answer.nil? || fault == :lost_answer

      client.write(answer)
    end
  rescue SystemCallError, IOError
    nil # one of the two hung up
  ensure
    [client, upstream].each { |socket| socket&.close }
  end

  def connect
    @lock.synchronize { @known.wait(@lock) until @target }
    TCPSocket.new(@target.host, @target.port)
  end

  def choose(action, request)
    @lock.synchronize do
      fault = @rule.call(action, JSON.parse(request.split("\r\n\r\n", 2).last))
      @faults[[action, fault]] += 1 if fault
      fault
    end
  end

  def exchange(upstream, request)
    upstream.write(request)
    read_message(upstream)
  end

  # Head and body as they came; nil at the end of the connection.
  def read_message(socket)
    head = socket.gets("\r\n\r\n") or return
    body = socket.read(head[/^content-length: (\d+)/i, 1].to_i)
    head + body
  end

  def refusal(fault)
    status, type, message = REFUSALS.fetch(fault)
    body = JSON.generate('__type' => type, 'message' => message)
    "HTTP/1.1 #{status} Refused\r\nContent-Type: application/x-amz-json-1.0\r\n" \
      "Content-Length: #{body.bytesize}\r\n\r\n#{body}"
  end
end
