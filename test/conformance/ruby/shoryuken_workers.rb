# frozen_string_literal: true

require 'active_job'
require 'shoryuken'
require 'shoryuken/extensions/active_job_extensions'
require 'shoryuken/extensions/active_job_adapter'
require_relative 'ledger'

ActiveJob::Base.logger = nil

class PlainWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'plain', auto_delete: true, body_parser: :json

  def perform(_message, body)
    Ledger.write('plain', body.fetch('text'))
  end
end

class BatchWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'batches', auto_delete: true, batch: true

  def perform(_messages, bodies)
    bodies.each { |body| Ledger.write('batch', body) }
  end
end

# Works at the third try.
class StubbornWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'stubborn', auto_delete: true, retry_intervals: [10, 20]

  def perform(message, _body)
    Ledger.write('stubborn', message.attributes.fetch('ApproximateReceiveCount'))
    raise 'not yet' if message.attributes.fetch('ApproximateReceiveCount').to_i < 3
  end
end

# Never works.
class DyingWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'dying', auto_delete: true

  def perform(_message, body)
    Ledger.write('dying', body)
    raise 'never'
  end
end

class OrderWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'orders.fifo', auto_delete: true

  def perform(message, body)
    Ledger.write('order', message.attributes.fetch('MessageGroupId'), body)
  end
end

class ShoryukenJob < ActiveJob::Base
  self.queue_adapter = :shoryuken
  queue_as 'active'

  def perform(text)
    Ledger.write('job', text)
  end
end
