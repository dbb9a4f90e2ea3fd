# frozen_string_literal: true

require_relative 'test_helper'

# What is current where a job is enqueued is current where it is performed.
class CurrentAttributesTest < QueueTest
  class Current < ActiveSupport::CurrentAttributes
    attribute :account, :locale
  end

  # Of a library, without Worker.
  class TellJob < ActiveJob::Base
    retry_on(ArgumentError, wait: 0, attempts: 2) { nil }
    before_perform { Ledger.write('before', Current.account) }

    def perform(act = nil)
      Ledger.write('perform', Current.account, Current.locale)
      Current.account = 'changed by a job'
      raise 'once' if act == 'fail'
    end
  end

  # Sends itself again with what it was enqueued with, whatever it changed.
  class AgainJob < ActiveJob::Base
    retry_on(ArgumentError, wait: 0, attempts: 2) { nil }

    def perform
      Ledger.write('perform', Current.account)
      Current.account = 'changed by a job'
      raise ArgumentError
    end
  end

  class LastJob < ApplicationJob
    lambdakiq_options retry: 0
    lambdakiq_retries_exhausted { Ledger.write('dead', Current.account) }

    def perform
      Current.account = 'changed by a job'
      raise 'dead'
    end
  end

  # A record: found by its id, gone with "gone".
  class Account
    include GlobalID::Identification

    attr_reader :id

    def self.find(id)
      raise 'no such account' if id == 'gone'

      new(id)
    end

    def initialize(id)
      @id = id
    end

    def ==(other)
      other.is_a?(Account) && id == other.id
    end
  end
  GlobalID.app ||= 'lambdakiq-test'

  class DiscardJob < ActiveJob::Base
    discard_on(ActiveJob::DeserializationError) { Ledger.write('discarded') }

    def perform
      Ledger.write('perform')
    end
  end

  def setup
    super
    Lambdakiq.config.current_attributes = [Current.name]
    @queue = make_queue
  end

  def teardown
    Lambdakiq.config.current_attributes = []
    Current.reset
    super
  end

  def test_attributes_come_along_and_go_again
    enqueue('a', locale: :de)
    enqueue('b')
    invoke(@queue)

    assert_equal [['before', 'a'], ['perform', 'a', :de], ['before', 'b'], ['perform', 'b', nil]].sort_by(&:to_s),
                 Ledger.lines.sort_by(&:to_s)
    assert_nil Current.account
  end

  def test_a_retried_job_still_has_them
    enqueue('a', 'fail')
    2.times do
      received = receive(@queue)
      Lambdakiq.handler(event(@queue, received))
      received.each { |message| sqs.change_message_visibility(queue_url: @queue, receipt_handle: message.receipt_handle, visibility_timeout: 0) }
    end

    assert_equal [['perform', 'a', nil]] * 2, Ledger.lines.select { |line| line.first == 'perform' }
  end

  def test_last_words_are_said_with_what_the_job_came_with
    Current.set(account: 'a') { LastJob.set(queue: @queue).perform_later }
    invoke(@queue)

    assert_equal [%w[dead a]], Ledger.lines
    assert_nil Current.account
  end

  def test_a_record_that_is_gone_does_not_keep_last_words_from_being_said
    Current.set(account: Account.new('gone')) { LastJob.set(queue: @queue).perform_later }
    invoke(@queue)

    assert_equal [['dead', nil]], Ledger.lines
    assert_match(/what was current cannot be restored/, LOG.string)
  end

  def test_what_a_job_sets_does_not_reach_the_next_one
    2.times { enqueue(nil) }
    invoke(@queue)

    assert_equal [['perform', nil, nil]] * 2, Ledger.lines.select { |line| line.first == 'perform' }
  end

  def test_what_is_current_around_the_handler_is_there_again_afterwards
    enqueue('a')
    Current.account = 'the handler'
    invoke(@queue)

    assert_equal ['perform', 'a', nil], Ledger.lines.last
    assert_equal 'the handler', Current.account
  end

  def test_a_job_that_sends_itself_again_takes_along_what_it_came_with
    Current.set(account: 'a') { AgainJob.set(queue: @queue).perform_later }
    2.times { invoke(@queue) }

    assert_equal [['perform', 'a']] * 2, Ledger.lines
  end

  def test_a_record_that_is_gone_can_be_discarded
    Current.set(account: Account.new('gone')) { DiscardJob.set(queue: @queue).perform_later }

    assert_empty invoke(@queue)
    assert_equal [['discarded']], Ledger.lines
  end

  since '7.1', def test_many_jobs_at_once_have_them_as_well
    Current.set(account: 'many') { ActiveJob.perform_all_later(Array.new(2) { TellJob.new.set(queue: @queue) }) }
    invoke(@queue)

    assert_equal [['perform', 'many', nil]] * 2, Ledger.lines.select { |line| line.first == 'perform' }
  end

  def test_what_is_not_known_here_is_left_out_with_one_warning
    2.times { enqueue('a') }
    messages = event(@queue)
    messages['Records'].each { |record| record['body'] = newer(record['body']) }

    assert_empty Lambdakiq.handler(messages)[:batchItemFailures]
    assert_equal 2, Ledger.lines.count(['perform', 'a', nil])
    assert_equal 1, LOG.string.scan('tenant').size
    assert_equal 1, LOG.string.scan('Newer::Current').size
  end

  def test_nothing_is_added_when_nothing_is_to_be_taken_along
    Lambdakiq.config.current_attributes = []
    refute_includes TellJob.new.serialize, Lambdakiq::CurrentAttributes::KEY
  end

  private

  def enqueue(account, act = nil, locale: nil)
    Current.set(account: account, locale: locale) { TellJob.set(queue: @queue).perform_later(*act) }
  end

  # As a newer deployment would have sent it.
  def newer(body)
    job = JSON.parse(body)
    current = job.fetch(Lambdakiq::CurrentAttributes::KEY)
    current[Current.name] = ActiveJob::Arguments.serialize([{ 'account' => 'a', 'tenant' => 1 }])
    current['Newer::Current'] = ActiveJob::Arguments.serialize([{}])
    JSON.generate(job)
  end
end
