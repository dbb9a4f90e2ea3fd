# frozen_string_literal: true

# The web process of the demo: a Rails process of its own that only enqueues. Prints what it sent as
# JSON on its last line.

require_relative '../config/environment'
require 'json'

Rails.logger.level = :warn
Rails.application.config.lambdakiq.metrics_enabled = false

def timed
  started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  yield
  ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - started) * 1000).round(1)
end

jobs = []
took_ms = timed do
  jobs << ReceiptJob.perform_later('A-1')
  jobs << PaymentJob.perform_later('A-2')
  jobs << DoomedJob.perform_later('A-3')
  ['+5', '-2', '-1'].each { |movement| jobs << StockJob.perform_later('article-7', movement) }
  jobs << ReminderJob.set(wait: 20.minutes).perform_later('A-4')
  jobs << ArchiveJob.perform_later('orders.csv', level: 9)
  jobs << WelcomeMailer.hello('ada@example.com').deliver_later
end

puts JSON.generate(pid: Process.pid, took_ms: took_ms, jobs: jobs.map { |job|
  job.serialize.slice('job_class', 'job_id', 'queue_name', 'arguments', 'executions', 'scheduled_at')
     .merge('message_id' => job.provider_job_id)
})
