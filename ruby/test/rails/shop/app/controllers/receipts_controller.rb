# frozen_string_literal: true

class ReceiptsController < ActionController::API
  def destroy
    Order.find(params[:order_id]).receipt.purge_later
    head :accepted
  end
end
