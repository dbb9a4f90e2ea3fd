# frozen_string_literal: true

require_relative '../support/shutdown_behaviour'

# AWS's runtime interface client told to end, as its gem is: it knows nothing of us, and we come into its
# process with the first event.
class RicShutdownTest < QueueTest
  include ShutdownBehaviour

  RIC = Gem.bin_path('aws_lambda_ric', 'aws_lambda_ric')

  def setup
    super
    @application = Dir.mktmpdir('lambdakiq-ric')
    FileUtils.mkdir("#{@application}/config")
    File.write("#{@application}/config/environment.rb", "require #{DevServer::APP.inspect}\n")
  end

  def teardown
    super
    FileUtils.remove_entry(@application)
  end

  private

  def start(variables = {})
    bundle = { 'BUNDLE_GEMFILE' => ENV.fetch('BUNDLE_GEMFILE'), '_HANDLER' => 'config/environment.Lambdakiq.cmd' }
    run_dev(worker: ['env', '-C', @application, RbConfig.ruby, RIC], variables: bundle.merge(variables))
  end
end
