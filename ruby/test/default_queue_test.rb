# frozen_string_literal: true

require_relative 'test_helper'
require 'action_mailer'

class NoticeMailer < ActionMailer::Base
  def hello(name)
    mail(to: "#{name}@example.com", from: 'shop@example.com', subject: 'hello', body: 'hello')
  end
end

# As activestorage and turbo-rails define theirs.
module ActiveStorageLike
  class BaseJob < ActiveJob::Base
  end

  class AnalyzeJob < BaseJob
    queue_as { :active_storage_analysis }

    def perform(word)
      Ledger.write('analyze', word)
    end
  end
end

module TurboLike
  class BroadcastJob < ActiveJob::Base
    def perform(stream)
      Ledger.write('broadcast', stream)
    end
  end
end

class PrefixedJob < ActiveJob::Base
  self.queue_name_prefix = 'shop'

  def perform; end
end

class SpecialJob < ActiveJob::Base
  queue_as :special
end

# Jobs that name no queue of their own (B16, B19).
class DefaultQueueTest < QueueTest
  def teardown
    ENV.delete('JOBS_QUEUE_NAME')
    super
  end

  def test_mail_storage_and_turbo_jobs_go_to_the_queue_of_the_environment_and_are_performed
    ENV['JOBS_QUEUE_NAME'] = queue = make_queue
    deliver_mail
    ActiveStorageLike::AnalyzeJob.perform_later('blob')
    TurboLike::BroadcastJob.perform_later('stream')

    assert_equal [3, 0, 0], counts(queue)
    assert_empty invoke(queue)
    assert_equal [%w[analyze blob], %w[broadcast stream]], Ledger.lines.sort
    assert_equal [['ann@example.com']], ActionMailer::Base.deliveries.map(&:to)
  end

  def test_the_queue_stands_in_the_body_for_workers_that_look_there
    Lambdakiq.config.default_queue = queue = make_queue
    job = ActiveStorageLike::AnalyzeJob.perform_later('blob')

    assert_equal queue, job.queue_name
    assert_equal queue, JSON.parse(receive(queue).first.body)['queue_name']
  end

  def test_many_jobs_at_once_go_there_too
    Lambdakiq.config.default_queue = queue = make_queue
    jobs = [PlainJob.new('a'), ActiveStorageLike::AnalyzeJob.new('b'), PrefixedJob.new]

    assert_equal 3, ActiveJob::Base.queue_adapter.enqueue_all(jobs)

    assert_equal [3, 0, 0], counts(queue)
  end

  def test_a_queue_of_its_own_is_kept
    ENV['JOBS_QUEUE_NAME'] = 'jobs'

    assert_equal 'special', assigned(SpecialJob.new)
    assert_equal 'bulk', assigned(PlainJob.new.set(queue: 'bulk'))
    assert_equal 'jobs', assigned(PrefixedJob.new)
  end

  def test_a_class_with_the_worker_goes_where_it_says
    ENV['JOBS_QUEUE_NAME'] = 'jobs'

    assert_equal 'default', assigned(ActJob.new)
    assert_equal 'mailers', assigned(ActJob.new.set(queue: 'mailers'))
  end

  def test_a_set_default_queue_takes_what_the_worker_forgot
    Lambdakiq.config.default_queue = 'jobs'

    assert_equal 'jobs', assigned(ActJob.new)
    assert_equal 'mailers', assigned(ActJob.new.set(queue: 'mailers'))
  end

  def test_false_leaves_every_job_where_it_is
    ENV['JOBS_QUEUE_NAME'] = 'jobs'
    Lambdakiq.config.default_queue = false

    assert_equal 'default', assigned(PlainJob.new)
  end

  def test_without_any_the_error_says_what_to_set
    error = assert_raises(Lambdakiq::ServiceError) { PlainJob.perform_later('x') }
    assert_match(/PlainJob has no queue of its own.*JOBS_QUEUE_NAME.*config.lambdakiq.default_queue/m, error.message)
  end

  private

  def assigned(job)
    Lambdakiq::DefaultQueue.assign(job)
    job.queue_name
  end

  def deliver_mail
    ActionMailer::Base.delivery_method = :test
    ActionMailer::Base.deliveries.clear
    NoticeMailer.hello('ann').deliver_later
  end
end
