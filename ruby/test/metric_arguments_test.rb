# frozen_string_literal: true

require_relative 'test_helper'
require 'rails'

# What stands of a job's arguments on its metrics line.
class MetricArgumentsTest < QueueTest
  # An argument that a serializer of the application's would carry.
  Unprintable = Class.new do
    def to_s
      raise 'no text'
    end
  end

  # As ActionController::Parameters: no Hash, but members.
  Parameters = Struct.new(:members) do
    alias_method :to_unsafe_h, :members
  end

  def test_a_large_argument_is_cut_and_its_length_told
    line = line_of('x' * 300_000, 'small')

    assert_equal "#{'x' * 4096}… (300000 bytes)", line['JobArg1']
    assert_equal 'small', line['JobArg2']
  end

  def test_a_text_is_cut_between_characters
    text = "a#{'ü' * 4096}"
    cut = line_of(text)['JobArg1']

    assert_equal "a#{'ü' * 2047}… (8193 bytes)", cut
  end

  def test_texts_in_members_are_cut_to_what_the_argument_has_left
    line = line_of({ 'a' => 'x' * 4000, 'b' => ['y' * 4000], 'c' => 7, 'd' => 8 })

    assert_equal 'x' * 4000, line['JobArg1']['a']
    assert_match(/\Ay{90,95}… \(4000 bytes\)\z/, line['JobArg1']['b'].first)
    assert_equal %w[a b …], line['JobArg1'].keys
  end

  def test_of_many_members_the_first_are_shown_and_the_others_counted
    line = line_of((1..1000).to_a, (1..1000).to_h { |n| ["k#{n}", n] })

    assert_equal [*1..200, '… (800 more)'], line['JobArg1']
    assert_equal (1..200).to_h { |n| ["k#{n}", n] }.merge('…' => '800 more'), line['JobArg2']
  end

  def test_many_arguments_leave_a_line_that_cloudwatch_takes
    text = write(Array.new(1000) { "\u0001" * 4096 })
    line = JSON.parse(text)

    assert_operator text.bytesize, :<, 256 * 1024
    assert_match(/\A… \(\d+ more\)\z/, line.select { |name, _| name.start_with?('JobArg') }.values.last)
    assert_equal 1, line['Count']
  end

  # It cannot be sent; ActiveJob tells of the attempt, and that it failed.
  def test_an_argument_that_contains_itself_has_an_end
    endless = []
    endless << endless << { 'again' => endless }
    line = line_of(endless)

    assert_kind_of Array, line['JobArg1']
    assert_includes line['JobArg1'].to_s, '…'
  end

  def test_what_json_does_not_know_is_printed_as_text
    line = line_of(Float::NAN, :name, Time.utc(2026, 1, 2), "\xff", 'ü'.encode('UTF-16LE'), Unprintable.new)

    assert_equal ['NaN', 'name', '2026-01-02 00:00:00 UTC', "\u{FFFD}", 'ü', "(#{Unprintable.name})"],
                 (1..6).map { |n| line["JobArg#{n}"] }
  end

  def test_members_are_filtered_at_every_depth_and_by_whole_values
    whole = ->(key, value) { value.gsub!(/\d{16}/, '[CARD]') if key == 'note' }
    filtering(:password, 'card.code', whole) do
      line = line_of([{ password: 'a' }], { 'card' => { 'code' => 'b', 'owner' => { 'password' => 'c' } } },
                     { 'note' => "#{' ' * 4090}1234567812345678" })

      assert_equal [{ 'password' => '[FILTERED]' }], line['JobArg1']
      assert_equal({ 'card' => { 'code' => '[FILTERED]', 'owner' => { 'password' => '[FILTERED]' } } }, line['JobArg2'])
      assert_equal "#{' ' * 4090}", line['JobArg3']['note'][0, 4090]
      refute_match(/\d{4}/, line['JobArg3']['note'][0, 4096])
    end
  end

  def test_parameters_of_a_controller_are_filtered_as_well
    filtering(:password) do
      assert_equal({ 'password' => '[FILTERED]', 'name' => 'ann' },
                   line_of(Parameters.new({ 'password' => 'a', 'name' => 'ann' }))['JobArg1'])
    end
  end

  def test_a_filter_that_is_added_later_counts
    filtering(:password) do |filters|
      line_of({ 'token' => 'a' })
      filters << :token

      assert_equal({ 'token' => '[FILTERED]' }, line_of({ 'token' => 'a' })['JobArg1'])
    end
  end

  private

  def line_of(*arguments)
    JSON.parse(write(arguments))
  end

  # The line of an enqueue with these arguments, without one.
  def write(arguments)
    Lambdakiq.config.metrics_enabled = true
    job = ActJob.new(*arguments)
    event = ActiveSupport::Notifications::Event.new('enqueue.active_job', Time.now, Time.now, 'id',
                                                    { adapter: ActJob.queue_adapter, job: job })
    text, = capture_io { Lambdakiq::Metrics.log(event) }
    text
  end

  def filtering(*filters)
    application = Struct.new(:config).new(Struct.new(:filter_parameters).new(filters))
    Rails.stub(:application, application) do
      Lambdakiq.config.metrics_app_name = 'Shop'
      yield filters
    end
  end
end
