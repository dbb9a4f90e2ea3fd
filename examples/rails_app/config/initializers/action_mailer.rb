# frozen_string_literal: true

# Mail goes through the jobs queue as well: deliver_later enqueues this job.
ActionMailer::MailDeliveryJob.include Lambdakiq::Worker
ActionMailer::MailDeliveryJob.queue_as ENV['JOBS_QUEUE_NAME']
