# frozen_string_literal: true

require 'json'
require 'net/http'

# `lambdakiq dev` as a child process: its environment for others, its lines, its clock and queues.
class DevProcess
  # at_ms: by the moved clock.
  Line = Struct.new(:text, :at_ms)
  # Of the clock: lines that are written from then on have this offset.
  Move = Struct.new(:from_ms, :offset_ms)

  attr_reader :environment

  def initialize(command, chdir:, env:)
    @lines = [] # [text, written_ms]
    @moves = []
    @lock = Mutex.new
    @environment = {}
    output, input = IO.pipe
    @pid = Process.spawn(env, *command, chdir: chdir, out: input, err: input, pgroup: true)
    input.close
    @reader = Thread.new { read(output) }
  end

  def wait_until_ready(seconds)
    wait_for(seconds, 'lambdakiq dev to be ready') { @environment.key?('AWS_ENDPOINT_URL_SQS') }
  end

  def url
    @environment.fetch('AWS_ENDPOINT_URL_SQS')
  end

  # All lines so far. To be called when the clock is at rest.
  def lines
    @lock.synchronize { @lines.map { |text, written_ms| Line.new(text, written_ms + offset_ms(written_ms)) } }
  end

  # Embedded Metric Format lines of the workers, with the (moved) time they were written at.
  def metrics
    lines.filter_map do |line|
      next unless line.text.start_with?('{') && line.text.include?('"_aws"')

      JSON.parse(line.text).merge('at_ms' => line.at_ms)
    end
  end

  def queues
    get('/_lambdakiq/queues').fetch('queues').to_h { |queue| [queue.fetch('name'), queue] }
  end

  # Moves the clock to the next moment at which a message becomes visible. Returns the milliseconds moved, nil
  # when nothing is due ever. The answer is made while nothing runs; what is due then may be done before it is
  # here.
  def advance_to_next
    moved = post('/_lambdakiq/clock', to_next: true)
    offset_ms = moved.fetch('offset_ms')
    @moves << Move.new(moved.fetch('now_ms') - offset_ms, offset_ms)
    moved['advanced_ms']
  end

  # Nothing is visible and nothing runs.
  def idle?
    texts = lines.map(&:text)
    texts.count { |text| text.start_with?('START RequestId') } ==
      texts.count { |text| text.start_with?('END RequestId') } &&
      queues.none? { |name, queue| !name.include?('dlq') && queue.fetch('visible').positive? }
  end

  def wait_for(seconds, what)
    deadline = now_s + seconds
    until yield
      raise "lambdakiq dev ended:\n#{tail}" if ended?
      raise "gave up waiting #{seconds} s for #{what}:\n#{tail}" if now_s > deadline

      sleep 0.02
    end
  end

  def stop
    return if ended?

    Process.kill('TERM', @pid)
    20.times do
      break if ended?

      sleep 0.25
    end
    Process.kill('KILL', @pid) unless ended?
    @reader.join(2)
  end

  private

  def read(output)
    output.each_line(chomp: true) do |text|
      text = text.scrub
      line = [text, written_ms(text)]
      @lock.synchronize { @lines << line }
      @environment[Regexp.last_match(1)] = Regexp.last_match(2) if text =~ /\A\s*export ([A-Z_]+)=(\S+)\z/
    end
  end

  # A metric says when it was written. Reading it may come later, and the wait from there to the next try
  # would seem too short.
  def written_ms(text)
    text.start_with?('{') && text[/"_aws":\{"Timestamp":(\d+)/, 1]&.to_i || (Time.now.to_f * 1000).round
  end

  def offset_ms(written_ms)
    @moves.reverse_each.find { |move| move.from_ms <= written_ms }&.offset_ms || 0
  end

  def ended?
    @status ||= Process.waitpid2(@pid, Process::WNOHANG)&.last
  end

  def tail
    lines.last(25).map(&:text).join("\n")
  end

  def now_s
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def get(path)
    answer(Net::HTTP.get_response(URI(url + path)), path)
  end

  def post(path, body)
    answer(Net::HTTP.post(URI(url + path), JSON.generate(body), 'Content-Type' => 'application/json'), path)
  end

  def answer(response, path)
    raise "#{path}: HTTP #{response.code}: #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    JSON.parse(response.body)
  end
end
