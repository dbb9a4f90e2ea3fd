# frozen_string_literal: true

require 'json'

# Prints the story: plain lines, colour only on a terminal.
class Timeline
  COLOURS = { red: 31, green: 32, dim: 2, bold: 1 }.freeze

  def initialize(out = $stdout)
    @out = out
    @tty = out.tty?
    @last_run_ms = {}
    @failed = {}
  end

  def title(text)
    @out.puts paint(text, :bold), ''
  end

  def fact(name, text)
    @out.puts format('  %-9s %s', name, text)
  end

  def sent(job)
    fact '', "→ #{job.fetch('queue_name').ljust(10)} #{short(job.fetch('job_class')).ljust(16)} " \
             "#{JSON.generate(readable(job.fetch('arguments')))}"
  end

  def start
    @start_ms = now_ms
    @out.puts '', format('  %-10s %-16s %s', 'clock', 'job', 'what happened')
  end

  def clock(moved_ms)
    @moved_ms = @moved_ms.to_i + moved_ms
  end

  # A line of a worker: metrics tell most, log lines the waits.
  def line(line)
    case line.text
    when /"_aws"/ then metric(JSON.parse(line.text), line.at_ms)
    when /\bRetrying \S+ \(Job ID: ([\h-]+)\).* in (\d+) seconds/
      failed(Regexp.last_match(1), "hidden for #{Regexp.last_match(2)} s")
    when /\A\[Lambdakiq\] message \S+ of (\S+): (not due for \d+ s): sent again/
      row(line.at_ms, Regexp.last_match(1), "a message is #{Regexp.last_match(2)}: sent on")
    end
  end

  def dead(messages)
    messages.each do |message|
      body = JSON.parse(message.fetch('body'))
      @out.puts '', "  in jobs-dlq: #{body['job_class']} #{JSON.generate(body['arguments'])}, message " \
                    "#{message['message_id']}, receive #{message.dig('attributes', 'ApproximateReceiveCount')}"
    end
  end

  def emf(text)
    @out.puts '', '  one Embedded Metric Format line, as CloudWatch reads it:', "  #{paint(text.to_s, :dim)}", ''
  end

  def check(passed, what)
    @out.puts "  #{passed ? paint('ok    ', :green) : paint('NOT OK', :red)} #{what}"
  end

  def result(failed, seconds)
    verdict = failed.zero? ? paint('all as it should be', :green) : paint("#{failed} not as they should be", :red)
    @out.puts '', format('  %s; %s of queue time in %.1f s', verdict, hours(@moved_ms.to_i), seconds)
  end

  private

  def metric(metric, at_ms)
    case metric['JobEvent']
    when 'perform.active_job' then performed(metric, at_ms)
    when 'retry_stopped.active_job' then failed(metric['JobId'], 'no more retries: left for the dead-letter queue')
    end
  end

  # A failure is printed when it is known what comes of it.
  def performed(metric, at_ms)
    text = "receive #{metric['Executions']}#{since_last_run(metric['JobId'], at_ms)}: "
    if metric['ExceptionName']
      @failed[metric['JobId']] = [at_ms, metric['JobName'], "#{text}#{paint("failed, #{metric['ExceptionName']}", :red)}"]
    else
      row(at_ms, metric['JobName'], "#{text}#{paint("done in #{metric['Duration']} ms", :green)}")
    end
  end

  def failed(job_id, consequence)
    at_ms, job_name, text = @failed.delete(job_id)
    row(at_ms, job_name, "#{text}; #{consequence}") if text
  end

  def since_last_run(job_id, at_ms)
    last = @last_run_ms[job_id]
    @last_run_ms[job_id] = at_ms
    last ? ", #{((at_ms - last) / 1000.0).round} s later" : ''
  end

  def row(at_ms, who, text)
    @out.puts format('  +%-9s %-16s %s', hours(at_ms - @start_ms), short(who), text)
  end

  def readable(arguments)
    arguments.map { |argument| argument.is_a?(Hash) ? argument.except('_aj_ruby2_keywords', '_aj_symbol_keys') : argument }
  end

  def short(job_class)
    job_class == 'ActionMailer::MailDeliveryJob' ? 'MailDeliveryJob' : job_class
  end

  def hours(milliseconds)
    seconds = [milliseconds, 0].max / 1000
    format('%d:%02d:%02d', seconds / 3600, seconds / 60 % 60, seconds % 60)
  end

  def now_ms
    (Time.now.to_f * 1000).round
  end

  def paint(text, colour)
    @tty ? "\e[#{COLOURS.fetch(colour)}m#{text}\e[0m" : text
  end
end
