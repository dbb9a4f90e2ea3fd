# frozen_string_literal: true

class OrderMailer < ActionMailer::Base
  def placed(order)
    mail(to: 'ada@example.com', from: 'shop@example.com', subject: 'Your order', body: "Order #{order.number}")
  end
end
