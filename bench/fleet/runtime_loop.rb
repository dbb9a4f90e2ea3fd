# frozen_string_literal: true

require 'json'
require 'net/http'

# Lambda's Runtime API from the function's side, as AWS's runtime speaks it: for 2.4.0, which has none
# of its own. (Ours brings `lambdakiq-handler`.)
class RuntimeLoop
  Context = Struct.new(:aws_request_id, :deadline_ms) do
    def get_remaining_time_in_millis
      deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
    end
  end

  def initialize(&handler)
    @handler = handler
    @api = URI("http://#{ENV.fetch('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime/")
  end

  # Until SIGTERM, which waits for the end of a running invocation.
  def run
    trap('TERM') { @waiting ? exit!(0) : @stopping = true }
    Net::HTTP.start(@api.host, @api.port, read_timeout: nil) do |http|
      @http = http
      invoke until @stopping
    end
  end

  private

  def invoke
    @waiting = true
    answer = @http.get("#{@api.path}invocation/next")
    @waiting = false
    ENV['_X_AMZN_TRACE_ID'] = answer['Lambda-Runtime-Trace-Id']
    path = "#{@api.path}invocation/#{answer['Lambda-Runtime-Aws-Request-Id']}"
    perform(path, JSON.parse(answer.body),
            Context.new(answer['Lambda-Runtime-Aws-Request-Id'], answer['Lambda-Runtime-Deadline-Ms'].to_i))
  end

  def perform(path, event, context)
    post("#{path}/response", @handler.call(event, context))
  rescue StandardError => e
    post("#{path}/error", errorMessage: e.message, errorType: e.class.name, stackTrace: [])
  end

  def post(path, body)
    @http.post(path, JSON.generate(body), 'Content-Type' => 'application/json')
  end
end
