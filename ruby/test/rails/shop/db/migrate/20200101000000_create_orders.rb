# frozen_string_literal: true

class CreateOrders < ActiveRecord::Migration[6.1]
  def change
    create_table :orders do |table|
      table.string :number, null: false
    end
  end
end
