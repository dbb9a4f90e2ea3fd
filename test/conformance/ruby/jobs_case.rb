# frozen_string_literal: true

require 'English'
require 'fileutils'
require 'minitest/autorun'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# A server, and a job library's own process that works on its queues.
class JobsCase < Minitest::Test
  STOP_PATIENCE_S = 40

  def setup
    @directory = Dir.mktmpdir('lambdakiq-conformance')
    @server = LocalServer.new(:serve, @directory, db: ':memory:', clock_file: nil)
    environment.each { |name, value| ENV[name] = value }
  end

  def teardown
    stop_worker if @worker
    @server.stop
    puts log unless passed?
    FileUtils.remove_entry(@directory)
  end

  private

  def environment
    @server.environment.compact.merge('CONFORMANCE_LEDGER' => "#{@directory}/ledger")
  end

  # Starts the library's command, as its users do.
  def start_worker(*command)
    @worker = Process.spawn(*command, chdir: __dir__, out: "#{@directory}/worker.log", err: %i[child out])
  end

  # Ends it with SIGTERM, as supervisors do.
  #
  # @return [Process::Status]
  def stop_worker
    Process.kill('TERM', @worker)
    deadline = now_s + STOP_PATIENCE_S
    until Process.wait(@worker, Process::WNOHANG)
      Process.kill('KILL', @worker) if now_s > deadline
      sleep 0.01
    end
    @worker = nil
    $CHILD_STATUS
  end

  # Waits until the jobs have written this many lines that begin so.
  def wait_for_lines(first_word, count)
    @server.wait_for("#{count} lines of #{first_word}:\n#{log}") { Ledger.lines(first_word).size >= count }
    Ledger.lines(first_word)
  end

  # Waits until all messages of a queue were performed and deleted.
  def wait_until_empty(queue)
    @server.wait_for("#{queue} to be empty:\n#{log}") { @server.counts(queue).sum.zero? }
  end

  def make_queue(name, attributes = {})
    attributes = { 'FifoQueue' => 'true' }.merge(attributes) if name.end_with?('.fifo')
    @server.call('CreateQueue', QueueName: name, Attributes: attributes).fetch('QueueUrl')
  end

  def log
    path = "#{@directory}/worker.log"
    File.exist?(path) ? File.read(path) : ''
  end

  def now_s
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
