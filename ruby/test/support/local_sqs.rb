# frozen_string_literal: true

require 'json'
require 'net/http'
require 'tmpdir'

# The real local server, once for a test process, with a clock that moves.
class LocalSqs
  REGION = 'us-east-1'
  ACCOUNT = '000000000000'
  ROOT = File.expand_path('../../..', __dir__)

  class << self
    # The `lambdakiq` command: LAMBDAKIQ_COMMAND, or what the checkout built.
    def command
      @command ||= [ENV['LAMBDAKIQ_COMMAND'], "#{ROOT}/build/release/lambdakiq", "#{ROOT}/build/dev/lambdakiq"]
                   .compact.find { |path| File.executable?(path) } ||
                   abort('the gem tests need the lambdakiq command: run bin/setup, or set LAMBDAKIQ_COMMAND')
    end

    def start
      @start ||= new
    end
  end

  attr_reader :url, :environment

  def initialize
    @directory = Dir.mktmpdir('lambdakiq-test')
    clock = "#{@directory}/clock"
    output, input = IO.pipe
    @pid = Process.spawn(self.class.command, 'serve', '--port', '0', '--json', '--clock-file', clock, out: input)
    input.close
    @url = JSON.parse(output.gets || abort('lambdakiq serve did not start')).fetch('url')
    @environment = { 'AWS_ENDPOINT_URL_SQS' => @url, 'AWS_REGION' => REGION, 'AWS_ACCESS_KEY_ID' => 'test',
                     'AWS_SECRET_ACCESS_KEY' => 'test', 'LAMBDAKIQ_CLOCK_FILE' => clock,
                     'AWS_CONFIG_FILE' => '/dev/null', 'AWS_SHARED_CREDENTIALS_FILE' => '/dev/null' }
  end

  def stop
    Process.kill('TERM', @pid)
    Process.wait(@pid)
    FileUtils.remove_entry(@directory)
  end

  # Moves the clock of the server and of every client on this machine that knows its file.
  def advance(seconds)
    post('/_lambdakiq/clock', advance_ms: (seconds * 1000).round)
  end

  # The same, to the next moment at which a message can be received.
  #
  # @return [Boolean] whether there is one
  def advance_to_next
    post('/_lambdakiq/clock', to_next: true).fetch('advanced_ms').positive?
  end

  def arn(queue)
    "arn:aws:sqs:#{REGION}:#{ACCOUNT}:#{queue}"
  end

  private

  def post(path, body)
    response = Net::HTTP.post(URI("#{@url}#{path}"), JSON.generate(body), 'Content-Type' => 'application/json')
    raise "#{path}: #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    JSON.parse(response.body)
  end
end
