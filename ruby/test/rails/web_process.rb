# frozen_string_literal: true

# The web function's process. In the directory of an application: makes its database, says a line of JSON
# about itself, and then has the application answer the requests that it reads, through Rack, each a line
# of JSON as is the answer.
require 'json'
require 'bundler/setup'
require 'rack'

# The application prints on standard output too: metrics.
answers = $stdout.dup
answers.sync = true
$stdout.reopen($stderr)

application = Rack::Builder.parse_file('config.ru')
application = application.first if application.is_a?(Array) # of Rack 2
ENV['VERBOSE'] = 'false'
ActiveRecord::Migrator.migrations_paths = [Rails.root.join('db/migrate'), ActiveStorage::Engine.root.join('db/migrate')].map(&:to_s)
ActiveRecord::Tasks::DatabaseTasks.migrate

answers.puts JSON.generate(rails: Rails.version, adapter: ActiveJob::Base.queue_adapter.class.name,
                           ready: Lambdakiq.autoload?(:Native).nil?)

requests = Rack::MockRequest.new(application)
$stdin.each_line do |line|
  method, path, params = JSON.parse(line)
  response = requests.request(method, path, params: params)
  answers.puts JSON.generate(status: response.status, body: response.body)
end
