# frozen_string_literal: true

require 'socket'

# A peer that takes connections and never answers; or one that answers every request the same and
# remembers what it was asked.
class SilentPeer
  attr_reader :requests

  # What it says from now on; nil: nothing.
  attr_writer :answer

  # @param answer [String, nil] a JSON body
  # @param status [String] what follows HTTP/1.1
  def initialize(answer = nil, status = '200 OK')
    @status = status
    @server = TCPServer.new('127.0.0.1', 0)
    @answer = answer
    @requests = Thread::Queue.new
    @thread = Thread.new { loop { serve(@server.accept) } }
  end

  def url
    "http://127.0.0.1:#{@server.addr[1]}"
  end

  def close
    @thread.kill
    @server.close
  end

  private

  def serve(socket)
    Thread.new do
      while (head = socket.gets("\r\n\r\n"))
        body = socket.read(head[/content-length: (\d+)/i, 1].to_i)
        @requests << [head, body]
        next unless @answer

        socket.write("HTTP/1.1 #{@status}\r\nContent-Type: application/x-amz-json-1.0\r\n" \
                     "Content-Length: #{@answer.bytesize}\r\n\r\n#{@answer}")
      end
    rescue SystemCallError, IOError
      nil # the client hung up
    end
  end
end
