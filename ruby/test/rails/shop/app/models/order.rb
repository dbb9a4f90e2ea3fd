# frozen_string_literal: true

class Order < ApplicationRecord
  has_one_attached :receipt
end
