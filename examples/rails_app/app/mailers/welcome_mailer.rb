# frozen_string_literal: true

class WelcomeMailer < ActionMailer::Base
  default from: 'shop@example.com'

  def hello(address)
    mail to: address, subject: 'Welcome to the storefront'
  end
end
