# frozen_string_literal: true

class OrdersController < ActionController::API
  # All that a request may leave for later: an analysis by Active Storage, two jobs, mail, a broadcast.
  def create
    order = Order.new(number: params.require(:number))
    order.receipt.attach(io: StringIO.new(params.require(:receipt)), filename: 'receipt.txt')
    Order.transaction do
      order.save!
      ReceiptJob.perform_later(order)
      raise ActiveRecord::Rollback if params[:cancel]
    end
    follow_up(order) unless params[:cancel]
    render json: { id: order.id, number: order.number }, status: :created
  end

  private

  def follow_up(order)
    PaymentJob.perform_later(order)
    OrderMailer.placed(order).deliver_later
    Turbo::StreamsChannel.broadcast_action_later_to('orders', action: :append, target: 'orders', html: "order #{order.number}")
  end
end
