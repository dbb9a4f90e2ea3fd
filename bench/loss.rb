# frozen_string_literal: true

require 'tmpdir'
require_relative 'fleet/fleet'
require_relative 'fleet/report'

# What becomes of jobs when things go wrong: each story is played on both sides, from the first enqueue
# until nothing waits any more, with a clock that is moved over the hours between retries.
class Loss
  TITLE = 'what becomes of jobs that fail: performed, dead, gone'
  OPTIONS = { jobs: ['--jobs N', Integer, 'jobs in each story, in tens (default 100)'] }.freeze
  SIDES = %w[peer ours].freeze
  HOUR_MS = 3_600_000
  GROUP_SIZE = 5
  # Messages become visible within a while; moved on so far, the clock passes over it, and they come
  # in full batches, as they would in a busy queue.
  JUMP_S = 5

  # plan: what a producer enqueues; gets the number of jobs and the time.
  Story = Struct.new(:title, :queue, :batch_size, :plan)
  STORIES = [
    Story.new('always failing, 13 receives', 'jobs', 1, lambda { |jobs, now_ms|
      [{ kind: 'fails', job: 'FleetJob', count: jobs, arguments: [now_ms + (24 * 365 * HOUR_MS)] }]
    }),
    Story.new('`retry_on` on a FIFO queue, works at the third try', 'jobs.fifo', 10, lambda { |jobs, _now_ms|
      [{ kind: 'again', job: 'AgainJob', count: jobs }]
    }),
    # All delayed, so that they meet in their batches whatever the producer's speed is.
    Story.new('a poison record in each batch of ten', 'jobs', 10, lambda { |jobs, _now_ms|
      Array.new(jobs / 10) do
        [{ kind: 'fine', job: 'FleetJob', count: 9, wait_s: 120 },
         { kind: 'poison', job: 'VanishedJob', count: 1, wait_s: 120 }]
      end.flatten
    }),
    Story.new("12 h outage, FIFO groups of #{GROUP_SIZE}", 'jobs.fifo', 10, lambda { |jobs, now_ms|
      [{ kind: 'outage', job: 'GroupJob', count: jobs, groups: jobs / GROUP_SIZE,
         arguments: [now_ms + (12 * HOUR_MS)] }]
    })
  ].freeze

  def initialize(jobs: 100, json: false)
    abort('bench: --jobs wants tens, from 10') if jobs < 10 || (jobs % 10).positive?
    @jobs = jobs
    @json = json
  end

  def run
    tallies = STORIES.to_h { |story| [story.title, SIDES.to_h { |side| [side, play(story, side)] }] }
    @json ? puts(JSON.pretty_generate(tallies)) : FleetReport.print("#{@jobs} jobs each", tallies)
  end

  private

  def play(story, side)
    warn "#{Side::TITLES.fetch(side)}: #{story.title}"
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      # As the README of 2.4.0 sets queues up: twelve retries.
      fleet = Fleet.new(directory, queues: [story.queue], batch_size: story.batch_size, max_receive_count: 13)
      fleet.deploy(side) do |server|
        plan = story.plan.call(@jobs, server.clock_ms)
        fleet.enqueue(side, plan.map { |entry| entry.merge(queue: story.queue) })
        server.run_until_quiet(jump_s: JUMP_S)
        fleet.tally
      end
    end
  end
end
