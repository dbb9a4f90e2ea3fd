# frozen_string_literal: true

require 'json'
require 'time'
require 'zlib'

# What must be true when the story is over.
class Expectations
  # Seconds between the tries of a job that keeps failing: Sidekiq's backoff, (n-1)^4 + 15(n+1).
  WAITS_S = [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836].freeze
  # The clock is moved to the very moment; what comes on top is how long the worker takes.
  TOLERANCE_S = 5

  def initialize(jobs:, metrics:, dead:, http:, ledger:, mails:, export:, archive:)
    @jobs = jobs
    @metrics = metrics
    @dead = dead
    @http = http
    @ledger = ledger
    @mails = mails
    @export = export
    @archive = archive
  end

  # Yields (passed, sentence) for each; returns how many did not pass.
  def check
    checks = [ordinary, flaky, waits, dead_letter, ordered, delayed, in_c, mail, web]
    checks.each { |passed, what| yield passed, what }
    checks.count { |passed, _| !passed }
  end

  private

  def ordinary
    [@ledger.count('receipt A-1') == 1, 'the ordinary job ran once']
  end

  def flaky
    [@ledger.grep(/\Apayment/) == ['payment A-2 on attempt 3'], 'the job that fails twice worked on its third run']
  end

  def waits
    runs = runs_of('DoomedJob')
    waits = runs.each_cons(2).map { |first, second| (second['at_ms'] - first['at_ms']) / 1000.0 }
    right = waits.size == 12 && waits.zip(WAITS_S).all? { |real, wanted| (0..TOLERANCE_S).cover?(real - wanted) }
    [right, "the job that always fails had 12 retries, after #{waits.map(&:floor).join(' ')} s"]
  end

  def dead_letter
    message = @dead.first
    body = message && JSON.parse(message.fetch('body'))
    sent = job('DoomedJob')
    intact = @dead.size == 1 && message['lambdakiq'] == '1' && message['message_id'] == sent['message_id'] &&
             %w[job_class job_id arguments executions].all? { |key| body[key] == sent[key] }
    [intact, 'then it rested in the dead-letter queue, its body intact']
  end

  def ordered
    wanted = ['+5', '-2', '-1'].map { |movement| "stock article-7 #{movement}" }
    [@ledger.grep(/\Astock/) == wanted, 'the FIFO jobs ran in the order they were sent']
  end

  def delayed
    run = runs_of('ReminderJob').first
    enqueued_s = Time.iso8601(job('ReminderJob').fetch('scheduled_at')).to_f - (20 * 60)
    waited = run ? ((run['at_ms'] / 1000.0) - enqueued_s) / 60 : 0
    [@ledger.count('reminder A-4') == 1 && waited.between?(20 - 0.001, 21),
     "the job delayed by 20 minutes (SQS itself can do 15) ran once, after #{waited.round(1)} minutes"]
  end

  # Rails enqueued it, C performed it and enqueued the one that Rails performed then.
  def in_c
    compressed = File.exist?(@archive) && Zlib::GzipReader.open(@archive, &:read) == @export
    told = @ledger.grep(/\Aarchived/)
    right = compressed && told == ["archived orders.csv, #{@export.bytesize} bytes became #{File.size(@archive)}"] &&
            runs_of('ArchiveJob').size == 1
    [right, 'the job written in C compressed its file, and its own job told Rails']
  end

  def mail
    [@mails['ada@example.com'].to_s.include?('Welcome to the storefront'), 'the mail was delivered']
  end

  def web
    [@http['status'] == 200 && @http['body'].include?('Storefront'), 'the same handler answered an HTTP event with 200']
  end

  def runs_of(job_class)
    @metrics.select { |metric| metric['JobEvent'] == 'perform.active_job' && metric['JobName'] == job_class }
  end

  def job(job_class)
    @jobs.find { |candidate| candidate['job_class'] == job_class }
  end
end
