# frozen_string_literal: true

require 'fileutils'
require 'socket'
require_relative '../support/local_server'

# The servers that `bin/bench server` puts work on, each with one interface: protocol, port, pid, queues
# and stop; and the driver that puts it there.
module ServerSides
  # What the driver (load/load.c) counted.
  Sample = Struct.new(:per_s, :cpu_us, :p50_us, :p99_us, :count)

  # @param limit [String, Integer] '500ms', or so many pieces of work
  # @return [Sample] of one run; CPU time is the server's
  def self.load(side, work, connections, limit)
    command = [ENV.fetch('BENCH_LOAD'), side.protocol, side.port, work, connections, limit, side.queues, side.pid]
    text = IO.popen(command.map(&:to_s), &:read)
    raise "#{command.join(' ')} failed" unless $?.success?

    ran = JSON.parse(text)
    count = ran.fetch('count')
    Sample.new(count / ran.fetch('seconds'), ran.fetch('cpu_s') * 1e6 / count, ran.fetch('p50_us'),
               ran.fetch('p99_us'), count)
  end

  # @return [Float] milliseconds from starting a program that does nothing to its end
  def self.start_nothing_ms
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    Process.wait(Process.spawn('true'))
    (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1000
  end

  # `lambdakiq serve` with so many messages in it.
  class Ours
    BATCH = 10
    attr_reader :queues, :server, :start_ms, :idle_kb

    # @param backlog [Integer] messages in all queues together
    def initialize(directory, backlog: 0, queues: 1, fifo: false)
      @directory = directory
      @queues = queues
      @fifo = fifo
      FileUtils.mkdir_p(directory)
      start
      @idle_kb = memory_kb
      queues.times { |number| create_queue("load-#{number}") }
      ServerSides.load(self, 'batch', 16, backlog / BATCH) if backlog.positive?
    end

    def protocol
      @fifo ? 'sqs-fifo' : 'sqs'
    end

    def port
      URI(server.url).port
    end

    def pid
      server.pid
    end

    def memory_kb
      File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i
    end

    # @return [Integer] messages in all queues
    def messages
      server.queues.values.sum { |queue| queue.values_at('visible', 'in_flight', 'delayed').sum }
    end

    # Ends it as a crash would, and starts it again on what is left.
    def crash
      Process.kill(:KILL, pid)
      server.stop
      start
    end

    def stop
      server.stop
      FileUtils.rm_rf(@directory)
    end

    private

    def create_queue(name)
      return server.call('CreateQueue', QueueName: name) unless @fifo

      server.call('CreateQueue', QueueName: "#{name}.fifo", Attributes: { FifoQueue: 'true' })
    end

    # Without a clock that moves, as in {Places}.
    def start
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      @server = LocalServer.new(:serve, @directory, clock_file: nil)
      @start_ms = (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1000
    end
  end

  # libmicrohttpd alone, with answers of the same sizes (load/canned.c).
  class Canned
    attr_reader :port

    # @param ours [Ours] whose answers have these sizes
    def initialize(ours)
      @io = IO.popen([ENV.fetch('BENCH_CANNED'), *sizes(ours.server).map(&:to_s)], 'r+')
      @port = @io.gets.to_i
    end

    def protocol
      'canned'
    end

    def pid
      @io.pid
    end

    def queues
      1
    end

    def stop
      @io.close
    end

    private

    def sizes(server)
      entries = (0..9).map { |number| { Id: number.to_s, MessageBody: 'x' } }
      server.call('CreateQueue', QueueName: 'sizes')
      answers = [server.call('SendMessage', QueueUrl: 'sizes', MessageBody: 'x'),
                 server.call('SendMessageBatch', QueueUrl: 'sizes', Entries: entries),
                 server.call('ReceiveMessage', QueueUrl: 'sizes')]
      server.call('DeleteQueue', QueueUrl: 'sizes')
      send, batch, receive = answers.map { |answer| JSON.generate(answer).bytesize }
      [send, batch, receive + BODY_BYTES, 2]
    end

    # Of a message of load_sqs.c, in JSON, with its attribute.
    BODY_BYTES = 600
    private_constant :BODY_BYTES
  end

  # beanstalkd with its log, which it writes as often as ours and syncs as seldom (-F).
  class Beanstalkd
    attr_reader :port, :pid

    def self.available?
      ENV.fetch('PATH').split(':').any? { |path| File.executable?("#{path}/beanstalkd") }
    end

    def initialize(directory)
      @directory = directory
      FileUtils.mkdir_p(directory)
      @port = TCPServer.open('127.0.0.1', 0) { |socket| socket.addr[1] }
      @pid = Process.spawn('beanstalkd', '-l', '127.0.0.1', '-p', @port.to_s, '-b', directory, '-F')
      wait_until_it_listens
    end

    def protocol
      'beanstalkd'
    end

    def queues
      1
    end

    def stop
      Process.kill(:TERM, @pid)
      Process.wait(@pid)
      FileUtils.rm_rf(@directory)
    end

    private

    def wait_until_it_listens
      1000.times do
        return TCPSocket.open('127.0.0.1', @port).close
      rescue Errno::ECONNREFUSED
        sleep 0.01
      end
      raise "beanstalkd does not listen on port #{@port}"
    end
  end
end
