# frozen_string_literal: true

# What the web function answers.
class OrdersController < ActionController::API
  def index
    render plain: "Storefront is up.\n"
  end

  def create
    job = ReceiptJob.perform_later(params.require(:number))
    render json: { job_id: job.job_id }, status: :accepted
  end
end
