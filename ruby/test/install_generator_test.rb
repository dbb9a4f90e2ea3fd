# frozen_string_literal: true

require 'test_helper'
require 'json'
require 'rails/generators'
require 'rails/generators/test_case'
require 'tmpdir'
require 'yaml'
require 'generators/lambdakiq/install/install_generator'

# `rails g lambdakiq:install` in applications as they are found.
class InstallGeneratorTest < Rails::Generators::TestCase
  tests Lambdakiq::Generators::InstallGenerator
  destination Dir.mktmpdir('lambdakiq-install')
  Minitest.after_run { FileUtils.rm_rf(InstallGeneratorTest.destination_root) }

  # CloudFormation's short forms: `!Ref x`, `!If [..]`.
  TAGS = /!(?:Ref|GetAtt|Sub|If|Not|Equals)\b ?/.freeze

  def setup
    prepare_destination
    given 'config/environments/production.rb', <<~RUBY
      Rails.application.configure do
        # config.active_job.queue_adapter = :resque
      end
    RUBY
  end

  def test_a_new_application_gets_everything
    run_generator
    assert_file 'config/initializers/lambdakiq.rb', /config\.lambdakiq\.default_queue = ENV\['JOBS_QUEUE_NAME'\]/
    assert_file 'config/environments/production.rb', /^\s+config\.active_job\.queue_adapter = :lambdakiq$/
    assert_file 'app/jobs/application_job.rb', /include Lambdakiq::Worker\n  queue_as ENV\['JOBS_QUEUE_NAME'\]/
    assert_file 'template.yaml'
    assert_file 'cloudwatch.yaml'
  end

  def test_what_is_written_is_ruby_and_its_settings_exist
    run_generator
    %w[config/initializers/lambdakiq.rb config/environments/production.rb app/jobs/application_job.rb].each do |path|
      assert RubyVM::InstructionSequence.compile(read(path)), path
    end
    read('config/initializers/lambdakiq.rb').scan(/config\.lambdakiq\.(\w+) =/).flatten.each do |name|
      assert_respond_to Lambdakiq::Config.new, "#{name}="
    end
  end

  def test_an_application_job_keeps_what_it_has
    given 'app/jobs/application_job.rb', <<~RUBY
      class ApplicationJob < ActiveJob::Base
        retry_on ActiveRecord::Deadlocked
      end
    RUBY
    run_generator
    assert_file 'app/jobs/application_job.rb', /include Lambdakiq::Worker\n.*queue_as.*\n\n  retry_on ActiveRecord::Deadlocked/
  end

  def test_another_adapter_gives_way_in_a_comment
    given 'config/environments/production.rb', <<~RUBY
      Rails.application.configure do
        config.active_job.queue_adapter = :sidekiq
      end
    RUBY
    run_generator
    assert_file 'config/environments/production.rb', /# config\.active_job\.queue_adapter = :sidekiq/
    assert_file 'config/environments/production.rb', /^\s+config\.active_job\.queue_adapter = :lambdakiq/
  end

  def test_a_second_run_changes_nothing
    run_generator
    before = files
    run_generator
    assert_equal before, files
  end

  def test_resources_are_added_to_a_template_that_is_there
    given 'template.yaml', <<~YAML
      Resources:
        # The web function.
        RailsLambda:
          Type: AWS::Serverless::Function
    YAML
    run_generator
    resources = yaml('template.yaml').fetch('Resources')
    assert_equal %w[JobsQueue JobsDLQueue JobsLambda RailsLambda].sort, resources.keys.sort
    assert_file 'template.yaml', /# The web function\./
  end

  def test_the_queue_keeps_twelve_retries_and_the_function_reports_item_failures
    run_generator
    resources = yaml('template.yaml').fetch('Resources')
    queue = resources.dig('JobsQueue', 'Properties')
    assert_equal 13, queue.dig('RedrivePolicy', 'maxReceiveCount')
    assert_equal 1_209_600, resources.dig('JobsDLQueue', 'Properties', 'MessageRetentionPeriod')
    assert_operator queue['VisibilityTimeout'], :>, resources.dig('JobsLambda', 'Properties', 'Timeout')
    trigger = resources.dig('JobsLambda', 'Properties', 'Events', 'Jobs', 'Properties')
    assert_equal ['ReportBatchItemFailures'], trigger['FunctionResponseTypes']
  end

  def test_the_environment_of_the_functions_is_a_parameter
    run_generator
    template = yaml('template.yaml')
    assert_equal 'production', template.dig('Parameters', 'RailsEnv', 'Default')
    assert_equal 'RailsEnv', template.dig('Globals', 'Function', 'Environment', 'Variables', 'RAILS_ENV')
  end

  def test_a_fifo_queue_has_a_fifo_dead_letter_queue_and_a_receive_more
    run_generator %w[--fifo]
    resources = yaml('template.yaml').fetch('Resources')
    assert_equal 14, resources.dig('JobsQueue', 'Properties', 'RedrivePolicy', 'maxReceiveCount')
    assert_equal [true, true], %w[JobsQueue JobsDLQueue].map { |name| resources.dig(name, 'Properties', 'FifoQueue') }
  end

  def test_the_dashboard_and_both_alarms_are_of_the_right_queues
    run_generator
    resources = yaml('cloudwatch.yaml').fetch('Resources')
    assert_equal 'JobsDLQueueName', resources.dig('DeadJobsAlarm', 'Properties', 'Dimensions', 0, 'Value')
    assert_equal 'JobsQueueName', resources.dig('OldestJobAlarm', 'Properties', 'Dimensions', 0, 'Value')
    widgets = JSON.parse(resources.dig('Dashboard', 'Properties', 'DashboardBody')).fetch('widgets')
    text = JSON.generate(widgets)
    %w[perform enqueue_retry retry_stopped].each { |event| assert_includes text, "#{event}.active_job" }
  end

  def test_parts_can_be_left_out
    run_generator %w[--no-sam --no-cloudwatch]
    assert_no_file 'template.yaml'
    assert_no_file 'cloudwatch.yaml'
  end

  private

  def given(path, text)
    path = File.join(destination_root, path)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
  end

  def read(path)
    File.read(File.join(destination_root, path))
  end

  def files
    Dir[File.join(destination_root, '**/*')].select { |path| File.file?(path) }.to_h { |path| [path, File.read(path)] }
  end

  def yaml(path)
    YAML.safe_load(read(path).gsub(TAGS, ''))
  end
end
