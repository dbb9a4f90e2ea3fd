# frozen_string_literal: true

Rails.application.routes.draw do
  root 'orders#index'
  post '/orders', to: 'orders#create'
end
