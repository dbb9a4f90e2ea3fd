# frozen_string_literal: true

require 'json'

# Who is measured, and running something in a fresh process of it.
module Side
  ROOT = File.expand_path('../..', __dir__)
  # side => directory with its Gemfile. "null" is the application without any adapter, "floor" with one
  # that only sends the bytes.
  BUNDLES = { 'peer' => 'peer', 'ours' => 'ours', 'null' => 'ours', 'floor' => 'ours' }.freeze
  TITLES = { 'peer' => '2.4.0', 'ours' => 'ours', 'null' => 'neither', 'floor' => 'floor' }.freeze

  module_function

  # What makes a process one of that side.
  def environment(side)
    { 'BENCH_SIDE' => side, 'BUNDLE_GEMFILE' => "#{ROOT}/bench/#{BUNDLES.fetch(side)}/Gemfile",
      'RUBYOPT' => nil, 'RUBYLIB' => nil }
  end

  # Runs a script of bench/ and returns what it wrote to descriptor 3, so that whatever a library
  # prints cannot disturb it.
  #
  # @param input [String] what it reads from standard input
  # @return [Object] the JSON it wrote
  # @raise [RuntimeError] it failed
  def run(side, script, *arguments, environment: {}, input: '')
    read, write = IO.pipe
    standard_input, feed = IO.pipe
    pid = Process.spawn(Side.environment(side).merge(environment), 'ruby', "#{ROOT}/bench/#{script}", *arguments,
                        3 => write, in: standard_input, out: File::NULL)
    [write, standard_input].each(&:close)
    feed.write(input)
    feed.close
    text = read.read
    Process.wait(pid)
    raise "#{TITLES.fetch(side)}: #{script} #{arguments.join(' ')} failed" unless $?.success?

    JSON.parse(text)
  end
end
