# frozen_string_literal: true

require 'minitest/autorun'
require 'tmpdir'
require_relative '../../../bench/fleet/fleet'

# Our gem and Lambdakiq 2.4.0 in one fleet: the real gems in processes of their own, the local SQS and
# Lambda between them, a clock that is moved.
#
# What 2.4.0 loses by itself (B1, B2) it loses here too; a test says so, so that all others can count on
# everything else.
class MixedFleetTest < Minitest::Test
  QUEUES = %w[jobs line.fifo].freeze
  MINUTE_MS = 60_000
  YEAR_MS = 365 * 24 * 60 * MINUTE_MS
  COUNT = 20
  # Jobs that become due in that time come together.
  JUMP_S = 5
  # Jobs have failed once or twice by then, but no wait is over.
  A_WHILE_S = 20

  Side::BUNDLES.values.uniq.each do |bundle|
    gemfile = "#{Side::ROOT}/bench/#{bundle}/Gemfile"
    next if system({ 'BUNDLE_GEMFILE' => gemfile }, 'bundle', 'check', out: File::NULL)

    abort("the gems of #{gemfile} are missing: run bin/test --all, or bundle install there")
  end

  def setup
    @directory = Dir.mktmpdir('lambdakiq-fleet')
    @fleet = Fleet.new(@directory, queues: QUEUES, batch_size: 10)
  end

  def teardown
    FileUtils.remove_entry(@directory)
  end

  def test_our_workers_perform_all_that_producers_of_2_4_0_enqueue
    drain('ours') { |now_ms| @fleet.enqueue('peer', plan(now_ms) + doomed(now_ms)) }

    assert_nothing_lost(dead: COUNT)
    assert_equal %w[long], early_kinds, 'but for the waits that 2.4.0 cuts to 15 minutes'
  end

  def test_workers_of_2_4_0_perform_all_that_our_producers_enqueue_with_capped_delays
    drain('peer') { |now_ms| @fleet.enqueue('ours', plan(now_ms), 'BENCH_LONG_DELAYS' => 'cap') }

    assert_nothing_lost
    assert_equal %w[long], early_kinds
  end

  def test_workers_of_2_4_0_run_our_long_waits_early_but_lose_none
    drain('peer') { |now_ms| @fleet.enqueue('ours', plan(now_ms)) }

    assert_nothing_lost
    assert_equal %w[long], early_kinds
  end

  def test_what_2_4_0_loses_by_itself_it_loses_of_our_producers_too
    drain('peer') do |now_ms|
      %w[peer ours].each { |side| @fleet.enqueue(side, doomed(now_ms) + again) }
    end

    assert_equal({ 'peer' => 2 * COUNT, 'ours' => 2 * COUNT }, @gone, 'by B1 and B2')
  end

  # In the queues then: jobs that failed, that were deferred by their visibility, that were hopped, and
  # that ActiveJob has sent again.
  def test_a_rollback_loses_nothing_that_our_workers_left_in_the_queues
    deploy('ours') do |server|
      @fleet.enqueue('ours', long)
      hop_once(server)
      @fleet.enqueue('ours', short(server.clock_ms))
      server.run_until_quiet(jump_s: JUMP_S, until_s: A_WHILE_S)
      @fleet.enqueue('ours', again)
      server.run_until_quiet { break if starts('again').size >= 2 * COUNT }
    end
    drain('peer')

    assert_nothing_lost
    assert_equal %w[long], early_kinds, 'workers of 2.4.0 do not know due_at'
    ['long', 'flaky', 'line, soon'].each { |kind| assert_equal %w[peer], finishers(kind), kind }
    assert_includes finishers('again'), 'peer' # on a slow machine some of them had their last try before
    assert_equal %w[flaky again], ran_on_both_sides
  end

  def test_an_upgrade_loses_nothing_that_2_4_0_left_in_the_queues
    deploy('peer') do |server|
      @fleet.enqueue('peer', plan(server.clock_ms) + doomed(server.clock_ms))
      server.run_until_quiet(jump_s: JUMP_S, until_s: A_WHILE_S)
    end
    drain('ours')

    assert_nothing_lost(dead: COUNT)
    assert_equal %w[doomed flaky], ran_on_both_sides.sort
  end

  def test_half_upgraded_workers_lose_nothing_of_either_producer
    drain('mixed') do |now_ms|
      @fleet.enqueue('peer', plan(now_ms))
      @fleet.enqueue('ours', plan(now_ms), 'BENCH_LONG_DELAYS' => 'cap')
    end

    assert_nothing_lost
    assert_equal %w[ours peer], @fleet.ledger.map { |entry| entry['side'] }.uniq.sort
  end

  private

  # Jobs of all kinds that a healthy service performs.
  def plan(now_ms)
    short(now_ms) + long
  end

  def short(now_ms)
    entries('FleetJob', 'jobs', { kind: 'now' }, { kind: 'soon', wait_s: 600 },
            { kind: 'flaky', arguments: [now_ms + (5 * MINUTE_MS)] }) +
      entries('TaggedJob', 'jobs', { kind: 'tagged' }) +
      entries('GroupJob', 'line.fifo', { kind: 'line', groups: 4, arguments: [nil] },
              { kind: 'line, soon', groups: COUNT, wait_s: 300, arguments: [nil] })
  end

  # Longer than SQS can delay a message.
  def long
    entries('FleetJob', 'jobs', { kind: 'long', wait_s: 7200 }) +
      entries('GroupJob', 'line.fifo', { kind: 'long', groups: COUNT, wait_s: 7200, arguments: [nil] })
  end

  def doomed(now_ms)
    entries('FleetJob', 'jobs', { kind: 'doomed', arguments: [now_ms + YEAR_MS] })
  end

  # ActiveJob's retry_on on a FIFO queue.
  def again
    entries('AgainJob', 'line.fifo', { kind: 'again' })
  end

  def entries(job, queue, *list)
    list.map { |entry| { job: job, queue: queue, count: COUNT }.merge(entry) }
  end

  def deploy(side, &block)
    @fleet.deploy(side, &block)
  end

  # Deploys, enqueues, and lets all be done that there is to do.
  def drain(side)
    deploy(side) do |server|
      yield server.clock_ms if block_given?
      server.run_until_quiet(jump_s: JUMP_S)
      @tally = @fleet.tally
      @gone = @fleet.accepted.values.map { |job| job['side'] }.uniq
                    .to_h { |producer| [producer, @fleet.tally { |job| job['side'] == producer }.fetch(:gone)] }
    end
  end

  # Until waits above 15 minutes were sent again, as our workers do.
  def hop_once(server)
    sent = server.calls.fetch('SendMessage')
    server.advance(900)
    server.wait_for('hops') { server.calls.fetch('SendMessage') >= sent + COUNT }
  end

  def assert_nothing_lost(dead: 0)
    assert_equal({ gone: 0, dead: dead, performed: @fleet.accepted.size - dead }, @tally.slice(:gone, :dead, :performed))
  end

  def early_kinds
    @fleet.early.map { |job| job['kind'] }.uniq
  end

  def starts(kind)
    @fleet.ledger.select { |entry| entry['what'] == 'start' && @fleet.accepted.dig(entry['id'], 'kind') == kind }
  end

  # Whose workers finished the jobs of a kind.
  def finishers(kind)
    @fleet.ledger.select { |entry| entry['what'] == 'done' && @fleet.accepted.dig(entry['id'], 'kind') == kind }
          .map { |entry| entry['side'] }.uniq
  end

  def ran_on_both_sides
    @fleet.ledger.group_by { |entry| @fleet.accepted.dig(entry['id'], 'kind') }
          .select { |_, entries| entries.map { |entry| entry['side'] }.uniq.size == 2 }.keys
  end
end
