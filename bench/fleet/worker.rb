# frozen_string_literal: true

# One worker process of a jobs function, of the side that BENCH_SIDE says.

require_relative 'app'

if SIDE == 'ours'
  require 'lambdakiq/handler_process'
  exit Lambdakiq::HandlerProcess.start(['Lambdakiq.cmd'])
else
  require_relative 'moved_time'
  require_relative 'runtime_loop'
  RuntimeLoop.new { |event, context| Lambdakiq.cmd(event: event, context: context) }.run
end
