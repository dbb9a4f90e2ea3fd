# frozen_string_literal: true

# Stock movements of one article must happen in order: a FIFO queue, one group for each article.
class StockJob < ApplicationJob
  queue_as ENV['STOCK_QUEUE_NAME']
  lambdakiq_options message_group_id: ->(job) { job.arguments.first }

  def perform(article, movement)
    write_ledger "stock #{article} #{movement}"
  end
end
