# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/tls_peer'

# Processes that fork with connections open, as Puma's and Passenger's do.
class SafetyForkTest < QueueTest
  WORKERS = 3

  class AsyncJob < ActJob
    lambdakiq_options async: true
  end

  # The TCP sockets of a process, by inode; as text, since another program is asked too.
  SOCKETS = <<~'RUBY'
    def sockets
      tcp = File.readlines('/proc/self/net/tcp').map { |line| "socket:[#{line.split[9]}]" }
      Dir['/proc/self/fd/*'].map { |fd| File.readlink(fd) rescue nil } & tcp
    end
  RUBY
  class_eval(SOCKETS, __FILE__, __LINE__ - 6)
  private :sockets

  def test_preloaded_workers_and_their_parent_enqueue_at_the_same_time
    queue = make_queue
    enqueue(queue, 'before') # the parent's connection is live when it forks
    workers = Array.new(WORKERS) do |worker|
      child { Array.new(2) { |thread| Thread.new { 10.times { |job| enqueue(queue, worker, thread, job) } } }.each(&:join) }
    end
    Array.new(2) { |thread| Thread.new { 10.times { |job| enqueue(queue, 'parent', thread, job) } } }.each(&:join)
    await(workers)
    arguments = drain(queue)

    assert_equal 1 + (WORKERS * 20) + 20, arguments.size
    assert_equal arguments.size, arguments.uniq.size
  end

  def test_a_fork_while_a_thread_waits_for_its_answer_leaves_the_answer_to_that_thread
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, verify_checksums: false)
    waiting = Thread.new { ActJob.set(queue: 'jobs').perform_later.provider_job_id }
    peer.requests.pop
    peer.answer = '{"MessageId":"answered"}'
    worker = child { enqueue('jobs') == 'answered' || raise('no answer of its own') }
    await([worker])

    assert_equal 1, peer.requests.size # the child's; nothing of the parent's was sent again
    assert_predicate waiting, :alive?
  ensure
    waiting&.kill&.join
    peer.close
  end

  def test_workers_enqueue_in_their_at_exit_blocks
    queue = make_queue
    enqueue(queue, 'before')
    worker = child(exit_with: :exit) do
      at_exit { enqueue(queue, 'first') } # blocks run in reverse order
      at_exit { enqueue(queue, 'second') }
    end
    await([worker])

    assert_equal %w[before second first].sort, drain(queue).flatten.sort
  end

  def test_a_tls_session_is_never_shared_nor_ended_by_a_child
    over_tls do |peer|
      enqueue('jobs')
      workers = [child { enqueue('jobs') }, child { nil }, child(exit_with: :exit) { GC.start },
                 child { Lambdakiq.client.discard! }, child { Lambdakiq.instance_variable_set(:@client, nil) || GC.start }]
      await(workers)
      enqueue('jobs')
      connections = Array.new(peer.requests.size) { peer.requests.pop.first }

      assert_equal [1, 2, 1], connections # the worker has one of its own; the parent's lives on
      assert_equal [2], Array.new(peer.endings.size) { peer.endings.pop }
    end
  end

  # B6: what the parent has sent without waiting is the parent's to collect, and is sent once.
  def test_async_jobs_on_their_way_at_a_fork_arrive_once_whoever_goes_first
    queue = make_queue
    push(queue, 'parent before')
    workers = [child { push(queue, 'child') }, # never flushed: nothing of the parent's is its business
               child { push(queue, 'child that collects') && Lambdakiq.flush || raise('no answer') },
               child(exit_with: :exit) { push(queue, 'child that ends') },
               child(exit_with: :exit) { nil }]
    push(queue, 'parent after')
    await(workers)
    assert Lambdakiq.flush(timeout: 10)
    arrived = drain(queue).flatten

    assert_equal arrived.uniq, arrived
    assert_empty ['parent before', 'parent after', 'child that collects', 'child that ends'] - arrived
  end

  def test_a_child_that_discards_closes_the_parents_async_connection_and_loses_nothing
    queue = make_queue
    push(queue, 'parent')
    worker = child do
      Lambdakiq.client.discard!
      push(queue, 'child')
      Lambdakiq.client.discard! # has a job on its way: kept
      Lambdakiq.flush(timeout: 10) || raise('no answer')
    end
    await([worker])
    Lambdakiq.flush(timeout: 10)

    assert_equal %w[child parent], drain(queue).flatten.sort
  end

  def test_generations_of_forks_each_connect_for_themselves
    queue = make_queue
    enqueue(queue, 'parent')
    worker = child do
      enqueue(queue, 'child')
      await([child { enqueue(queue, 'grandchild') }])
      enqueue(queue, 'child again')
    end
    await([worker])

    assert_equal ['child', 'child again', 'grandchild', 'parent'], drain(queue).flatten.sort
  end

  def test_a_child_that_discards_has_the_parents_sockets_closed
    others = sockets
    enqueue(make_queue)
    ours = sockets - others
    refute_empty ours
    worker = child do
      GC.disable
      raise 'not inherited' unless (ours - sockets).empty?

      Lambdakiq.client.discard!
      raise 'not closed' unless (ours & sockets).empty?
    end

    await([worker])
  end

  def test_a_daemon_enqueues
    queue = make_queue
    enqueue(queue, 'before')
    worker = child do
      Process.daemon(true, true)
      enqueue(queue, 'daemon')
    end
    await([worker])
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 30
    Thread.pass until counts(queue).first == 2 || Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    assert_equal %w[before daemon], drain(queue).flatten.sort
  end

  def test_a_program_that_is_executed_gets_none_of_our_connections
    enqueue(make_queue)
    refute_empty sockets
    output, input = IO.pipe
    worker = child do
      $stdout.reopen(input)
      exec(RbConfig.ruby, '--disable=gems', '-e', "#{SOCKETS}; puts sockets.size", close_others: false)
    end
    await([worker])
    input.close

    assert_equal '0', output.read.strip
  end

  private

  def enqueue(queue, *arguments)
    ActJob.set(queue: queue).perform_later(*arguments).provider_job_id
  end

  def push(queue, *arguments)
    AsyncJob.set(queue: queue).perform_later(*arguments)
  end

  # A worker process; `exit_with: :exit` runs what is to run at exit, without the tests' own.
  def child(exit_with: :exit!)
    fork do
      Minitest.class_variable_set(:@@after_run, []) # the server is the parent's to stop
      Minitest.singleton_class.undef_method(:run)
      Minitest.define_singleton_method(:run) { |*| true }
      yield
      Process.public_send(exit_with, true)
    rescue Exception => e # rubocop:disable Lint/RescueException
      raise if e.is_a?(SystemExit)

      warn e.full_message
      exit!(1)
    end
  end

  def await(pids)
    assert(pids.map { |pid| Process.wait2(pid).last }.all?(&:success?), 'a child failed')
  end

  # The arguments of all jobs in the queue.
  def drain(queue)
    all = []
    until (messages = receive(queue)).empty?
      all += messages.map { |message| JSON.parse(message.body).fetch('arguments') }
    end
    all
  end

  def over_tls
    peer = TlsPeer.new('{"MessageId":"m"}')
    ENV['AWS_CA_BUNDLE'] = peer.ca_bundle
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, verify_checksums: false)
    yield peer
  ensure
    ENV.delete('AWS_CA_BUNDLE')
    peer.close
  end
end
