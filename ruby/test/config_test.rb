# frozen_string_literal: true

require_relative 'test_helper'
require 'open3'
require 'rbconfig'

# What can be set, and how.
class ConfigTest < Minitest::Test
  def teardown
    Lambdakiq.instance_variable_set(:@config, nil)
  end

  def test_what_makes_no_sense_is_refused
    { max_retries: -1, long_delays: false, delete: :never, guard_seconds: -1, jitter: 101, max_message_bytes: 0,
      recursion_allowed: 'no', metrics_namespace: '', current_attributes: 1, client: :sqs }.each do |name, value|
      error = assert_raises(Lambdakiq::OptionError) { config.public_send("#{name}=", value) }
      assert_includes error.message, "config.lambdakiq.#{name}"
      assert_raises(Lambdakiq::OptionError) { config[name] = value }
      assert_raises(Lambdakiq::OptionError) { config.merge!(name.name => value) }
    end
  end

  def test_what_is_not_there_is_the_default
    config.max_retries = config.metrics_namespace = nil

    assert_equal [12, 'Lambdakiq'], [config.max_retries, config.metrics_namespace]
  end

  # A misspelling is not silent; nor does it keep an application from booting that 2.4.0 booted.
  def test_a_name_that_is_no_setting_is_warned_of_once_with_its_place
    _, errors = capture_io do
      config.max_retires = 3
      config.max_retires = 4
      config[:shop] = 1
      config.merge!(max_retires: 5, jitter: 10)
    end

    lines = errors.lines(chomp: true)
    assert_equal 2, lines.size, errors
    assert_match(/\A#{__FILE__}:\d+: warning: config\.lambdakiq\.max_retires is no setting .* did you mean max_retries\?\z/, lines[0])
    assert_match(/config\.lambdakiq\.shop is no setting of Lambdakiq and has no effect\z/, lines[1])
    assert_equal [12, 5, 10], [config.max_retries, config.max_retires, config.jitter]
  end

  def test_it_is_no_array_and_has_no_methods_that_take_more
    refute_respond_to config, :to_ary
    assert_equal [config], [config].flatten
    assert_raises(NoMethodError) { config.max_retires(1) }
  end

  # `config.lambdakiq = config_for(:lambdakiq)`, in the way that Rails loads an application.
  def test_other_options_in_its_place_are_merged_in_at_boot
    output = boot(<<~RUBY)
      config.lambdakiq = ActiveSupport::OrderedOptions.new.merge!(max_retries: 5, metrics_enabled: false)
      config.after_initialize { |app| p Lambdakiq.config.max_retries, Lambdakiq.config.metrics_enabled }
      config.after_initialize { |app| p app.config.lambdakiq.equal?(Lambdakiq.config) }
    RUBY

    assert_equal %w[5 false true], output.lines(chomp: true)
  end

  private

  def config
    Lambdakiq.config
  end

  def boot(settings)
    code = <<~RUBY
      require 'logger'
      require 'rails'
      require 'active_job/railtie'
      require 'lambdakiq'
      class Shop < Rails::Application
        config.eager_load = false
        config.logger = Logger.new(File::NULL)
        #{settings}
      end
      Shop.initialize!
    RUBY
    output, errors, status = Open3.capture3(RbConfig.ruby, '-Ilib', '-e', code, chdir: File.expand_path('..', __dir__))
    assert_predicate status, :success?, errors
    output
  end
end
