# frozen_string_literal: true

Rails.application.routes.draw do
  resources :orders, only: :create do
    resource :receipt, only: :destroy
  end
end
