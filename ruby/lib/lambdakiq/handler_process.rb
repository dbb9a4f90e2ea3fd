# frozen_string_literal: true

require 'optparse'
require 'lambdakiq'

module Lambdakiq
  # The process behind `lambdakiq-handler`: loads the application and performs invocations until it is
  # told to end.
  #
  # Invocations run in a thread of their own. Ruby gives signals to the main thread, so that a SIGTERM
  # does not cut off a call that the running job is making; it ends the wait for the next invocation. Nothing
  # is raised into the thread for that: locks of Active Record and others would let it into the job.
  class HandlerProcess
    USAGE = <<~TEXT
      Usage: lambdakiq-handler [--require FILE]... [HANDLER]

      Performs the invocations of a Lambda function, as AWS's Ruby runtime does: on Lambda, or on any
      machine under `lambdakiq dev -- lambdakiq-handler`.

      HANDLER  FILE.METHOD, CLASS.METHOD or FILE.CLASS.METHOD; default $_HANDLER, else Lambdakiq.cmd
               with config/environment.rb loaded
    TEXT

    # Runs the command.
    #
    # @param arguments [Array<String>]
    # @return [Integer] exit code
    def self.start(arguments)
      files = []
      rest = parser(files).parse(arguments)
      return misuse("one HANDLER, not #{rest.size}") if rest.size > 1

      new(files, rest.first).run
    rescue OptionParser::ParseError => e
      misuse(e.message)
    end

    def self.parser(files)
      OptionParser.new(USAGE) do |options|
        options.separator("\nOptions:")
        options.on('-r', '--require FILE', 'load FILE first (may be given several times)') { |file| files << file }
        options.on('-h', '--help', 'show this help') { finish(options) }
        options.on('--version', 'show the version') { finish("lambdakiq #{VERSION}") }
      end
    end

    def self.finish(text)
      puts text
      exit
    end

    def self.misuse(message)
      warn "lambdakiq-handler: #{message}; see lambdakiq-handler --help"
      2
    end
    private_class_method :parser, :finish, :misuse

    # @param files [Array<String>] loaded first
    # @param name [String, nil] the handler's
    def initialize(files, name)
      @files = files
      @name = name
    end

    # @return [Integer] exit code
    def run
      $stdout.sync = true
      @runtime = Native::Runtime.new(nil)
      handler = load_application or return 1
      serve(handler)
    rescue Error => e
      warn "lambdakiq-handler: #{e.message}"
      1
    end

    private

    # nil when it cannot be loaded; Lambda knows then.
    def load_application
      name = @name || handler_of_the_function || default_handler
      @files.each { |file| require File.expand_path(file) }
      HandlerName.new(name).load
    rescue SignalException
      raise
    rescue Exception => e # the application may raise anything while it is loaded
      warn "lambdakiq-handler: #{ErrorText.full(e)}"
      report(nil, e)
      nil
    end

    # A function whose command is its own program has a `_HANDLER` too, which names none of Ruby's.
    def handler_of_the_function
      name = ENV['_HANDLER']
      name unless name == 'bootstrap'
    end

    def default_handler
      return 'Lambdakiq.cmd' if @files.any? || !File.exist?('config/environment.rb')

      'config/environment.Lambdakiq.cmd'
    end

    # Until a signal, or a job that ends the process. The code says which.
    def serve(handler)
      Shutdown.reset # loaded here: a trap block may not
      thread = Thread.new { loop_over(handler) }
      thread.report_on_exception = false
      %w[TERM INT].each { |signal| trap(signal) { stop } }
      thread.join
      0
    rescue SignalException, NoMemoryError => e
      warn "lambdakiq-handler: ended by a job: #{ErrorText.of(e)}"
      1
    end

    # The running invocation is finished and answered.
    def stop
      Shutdown.request
      @runtime.stop
    end

    def loop_over(handler)
      while (invocation = @runtime.next)
        invoke(handler, invocation)
        raise Batch.ending if Batch.ending
        break if Thread.current.status == 'aborting' # a job ended it; what remains of it is not to be relied on
      end
    end

    # An invocation's failure, SystemExit included, is not the process's.
    def invoke(handler, invocation)
      request_id, event = invocation
      response = nil
      error = Containment.run do
        response = JSON.generate(call(handler, JSON.parse(event), Context.new(invocation)))
      end
      return @runtime.respond(request_id, response) unless error

      warn "lambdakiq-handler: invocation #{request_id}: #{ErrorText.full(error)}"
      report(request_id, error)
    rescue RuntimeApiError, TooLargeError => e
      warn "lambdakiq-handler: invocation #{request_id}: #{e.message}"
    end

    # Jobs that the handler sent without waiting are collected before it is answered: the sandbox may
    # freeze then.
    def call(handler, event, context)
      handler.call(event: event, context: context)
    ensure
      Lambdakiq.collect(context)
    end

    def report(request_id, error)
      @runtime.fail(request_id, ErrorText.class_name(error), ErrorText.message(error),
                    (error.backtrace || []).join("\n"))
    rescue Error => e
      warn "lambdakiq-handler: the failure could not be reported: #{e.message}"
    end
  end
end
