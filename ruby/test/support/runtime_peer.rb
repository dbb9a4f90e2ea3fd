# frozen_string_literal: true

require 'socket'

# Lambda's side of the Runtime API, as far as one function process needs it: hands out events, keeps
# what it is answered.
class RuntimePeer
  TIME_S = 60 # for an invocation

  attr_reader :answers

  def initialize
    @server = TCPServer.new('127.0.0.1', 0)
    @events = Thread::Queue.new
    @answers = Thread::Queue.new
    @waiting = Thread::Queue.new
    @thread = Thread.new { loop { Thread.new(@server.accept) { |socket| serve(socket) } } }
  end

  def address
    "127.0.0.1:#{@server.addr[1]}"
  end

  def invoke(request_id, event)
    @events << [request_id, event]
  end

  # Blocks until the process asks for its next invocation.
  def wait_until_asked
    @waiting.pop
  end

  def close
    @thread.kill
    @server.close
  end

  private

  def serve(socket)
    while (head = socket.gets("\r\n\r\n"))
      body = socket.read(head[/content-length: (\d+)/i, 1].to_i)
      path = head[%r{\A\w+ /2018-06-01/runtime/(\S+)}, 1]
      path == 'invocation/next' ? hand_out(socket) : take(socket, path, body)
    end
  rescue SystemCallError, IOError
    nil # the process has ended
  end

  def hand_out(socket)
    @waiting << true
    request_id, event = @events.pop
    deadline = (Time.now.to_f * 1000).to_i + (TIME_S * 1000)
    respond(socket, 200, JSON.generate(event), "Lambda-Runtime-Aws-Request-Id: #{request_id}\r\n" \
                                               "Lambda-Runtime-Deadline-Ms: #{deadline}\r\n" \
                                               "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n")
  end

  def take(socket, path, body)
    @answers << [path, JSON.parse(body)]
    respond(socket, 202, '{"status":"OK"}')
  end

  def respond(socket, status, body, headers = '')
    socket.write("HTTP/1.1 #{status} OK\r\nContent-Type: application/json\r\n#{headers}" \
                 "Content-Length: #{body.bytesize}\r\n\r\n#{body}")
  end
end
