# frozen_string_literal: true

require 'set'

module Lambdakiq
  # The steps of a batch for a client that is not ours to drive: stubbed, or the application's own. It
  # takes the same decisions from the core as {Native::Batch}, and makes the calls one by one.
  #
  # @api private
  class ClientBatch
    # A record on its way through. group: nil on standard queues. failed: nil until its fate is decided,
    # or in the caller's hands.
    Item = Struct.new(:record, :queue, :group, :failed, :options, :decision) do
      def data
        record.data
      end
    end

    # SQS is asked again before a failure deletes a message when what we know is older than this.
    FRESH_S = 10
    # With less time than this left nothing is sent again.
    HOP_MS = 500
    # Of a queue's settings.
    WARNINGS = { retention: "a wait was cut to stay within the queue's MessageRetentionPeriod: raise it, or SQS drops messages " \
                            'that are still to be retried',
                 no_redrive: 'a failed job was deleted because its queue has no RedrivePolicy: give it one, and failed jobs are ' \
                             'retried and kept in its dead-letter queue' }.freeze
    LONG_GROUP = 'a start time this far ahead on a FIFO queue: the job was sent again and stands at the end of its group now'
    private_constant :WARNINGS, :LONG_GROUP
    # What SQS would not tell: nothing is deleted by a failure then.
    NO_ATTRIBUTES = {}.freeze

    # @param options [Hash] as {Native::Batch} takes them
    def initialize(client, options)
      @client = client
      @options = options
      @items = []
      @taken = 0 # so many of them
      @groups = {} # group => when its head's wait ends (nil: unknown), once something holds it up
      @unreadable = [] # queues, that were asked in vain: each question may take seconds
      @warned = Set.new
      @notes = []
      @now_ms = epoch_ms
    end

    def add(data)
      record = Record.new(data)
      queue = @client.queues[record.queue_arn]
      group = [record.queue_arn, record.fifo_message_group_id] if queue.fifo?
      @items << Item.new(record, queue, group, nil, {})
      self
    end

    def next
      return give_back_rest if @stopped || time_is_up?

      while take
        return @taken - 1 if !foreign? && ready?
        return give_back_rest if time_is_up?
      end
    end

    def start(retry_value, dead)
      @item.options = { retry: retry_value, dead: dead }
      decision = decide_on(nil)
      unless decision.first == :run
        say_held_back(decision)
        carry_out(*decision)
      end
      decision
    end

    def decide(outcome, retry_in_s = nil)
      @item.options.merge!(undeletable: outcome == :poison, retry_in_s: retry_in_s)
      decision = decide_on(outcome == :done)
      decision = decide_on(false) if decision.first == :delete && outcome != :done && reload_attributes
      @item.decision = decision
    end

    def finish(outcome = nil)
      decide(outcome) if outcome
      @worked = true
      carry_out(*@item.decision)
    end

    def stop
      @stopped = true
    end

    def note
      @notes.shift
    end

    def response
      give_back_rest
      @items.select(&:failed).map { |item| item.record.message_id }
    end

    private

    def time_is_up?
      left_ms <= 0 || left_ms < @options.fetch(:guard_ms, 0)
    end

    # Lambda's deadline is real time.
    def left_ms
      @options[:deadline_ms] ? @options[:deadline_ms] - (Time.now.to_f * 1000).to_i : Float::INFINITY
    end

    # What nobody starts now.
    def give_back_rest
      while take
        settle('could not be given back') { give_back unless foreign? }
      end
    end

    # The next one, in hand now. Failed, unless something better becomes of it.
    def take
      @item = @items[@taken] or return false

      @taken += 1
      @item.failed = true
    end

    # Visible again at once, but for what waits behind its group's head; what could lose its run by that is
    # sent again, which is reported failed as well.
    def give_back
      decision = decide_on(:unstarted)
      return if decision.first == :hop && hop_unstarted

      decision = decide_on(:unstarted) if decision.first == :hop
      return skip(decision) if decision.first == :skip

      say_unstarted('visible again at once', 0)
      hide(0)
    end

    def skip(decision)
      say_held_back(decision)
      carry_out(*decision)
    end

    # Each invocation must get something done, or its jobs would be sent round and round.
    def may_hop?
      @worked && !@hop_refused && left_ms >= HOP_MS
    end

    # @return [Boolean] whether it was sent
    def hop_unstarted
      say_unstarted('sent again', send_anew)
      settle('the message of a job that was sent again could not be deleted, and the job runs twice') { delete }
      true
    rescue StandardError => e
      @hop_refused = true
      say('SETTLE_FAILED', true, "not started, and could not be sent again: #{e.message}", nil, e)
      false
    end

    def say_unstarted(what, wait_s)
      say('UNSTARTED', false, "not started: the batch was stopped, or the time is nearly used up; #{what}", wait_s)
    end

    # At its last receive it will not come back: nobody need wait for it.
    def foreign?
      fault = Native.record_fault(@item.data) or return false

      @groups[@item.group] = nil if @item.group && !last_receive?
      say('FOREIGN', true, "the record #{fault}; it is reported failed and left alone")
      true
    end

    # Whether it may run now; else it has been dealt with. Its class is not known yet: as if it wanted all
    # the retries there are. {#start} looks again when it is.
    def ready?
      decision = decide_on(nil, retry: Native::RETRY_MAX)
      pause(decision[4] / 1000.0) if decision[4] # what is due in less than a second runs then, not before
      return true if decision.first == :run

      say_held_back(decision) unless decision.first == :hop
      carry_out(*decision)
      false
    end

    # A client with a clock of its own waits by that.
    def pause(seconds)
      sqs = @client.sqs
      sqs.respond_to?(:pause) ? sqs.pause(seconds) : sleep(seconds)
    end

    def say_held_back(decision)
      say({ skip: 'SKIPPED', defer: 'DEFERRED' }.fetch(decision.first, 'DRAINED'), false,
          "not performed now (#{decision.first})", decision[1])
    end

    # action, wait_s, dead, limit, and where there are any milliseconds to sleep first, and a warning
    def decide_on(moment, **more)
      Native.decide(@item.data, moment, facts.merge(@item.options, more))
    end

    def facts
      { max_retries: @options[:max_retries], jitter_percent: @options[:jitter_percent], now_ms: epoch_ms,
        received_at_ms: @now_ms, max_receive_count: max_receive_count,
        retention_s: attributes['MessageRetentionPeriod'].to_i,
        group_blocked: @groups.key?(@item.group), group_wait_s: group_wait_s, may_hop: may_hop?,
        alone_in_group: alone_in_group?, seen_dead: @client.deaths.include?(@item.record.message_id) }
    end

    # With the default group, the job's id, nobody else is in it.
    def alone_in_group?
      @item.record.fifo_message_group_id == @item.record.job_id if @item.group
    end

    def last_receive?
      max = max_receive_count
      max.positive? && @item.record.receive_count >= max
    end

    def group_wait_s
      return unless @groups.key?(@item.group)

      ends_at = @groups[@item.group]
      ends_at ? [ends_at - monotonic_s, 0].max.ceil : attributes['VisibilityTimeout']&.to_i
    end

    def max_receive_count
      return Native::MAX_RECEIVE_UNKNOWN if attributes.equal?(NO_ATTRIBUTES)

      @item.queue.redrive_policy ? @item.queue.max_receive_count : Native::MAX_RECEIVE_NONE
    end

    def attributes
      return NO_ATTRIBUTES if @unreadable.include?(@item.queue)

      @item.queue.attributes
    rescue StandardError => e
      without_attributes(e)
    end

    def without_attributes(error)
      @unreadable << @item.queue
      say('ATTRIBUTES_UNKNOWN', true, "its attributes cannot be read: #{error.message}", nil, error)
      NO_ATTRIBUTES
    end

    # @return [Boolean] whether they were older than a deletion may rest on; what cannot be read again is unknown
    def reload_attributes
      return false if @unreadable.include?(@item.queue) || !@item.queue.attributes_older_than?(FRESH_S)

      @item.queue.reload_attributes
      true
    rescue StandardError => e
      without_attributes(e)
      true
    end

    def carry_out(action, wait_s, dead, _limit = nil, _sleep_ms = nil, warning = nil)
      warn_of(warning, wait_s) if warning
      case action
      when :delete then done { delete unless left_to_mapping?(dead) }
      when :hop then hop
      else hold(action, wait_s, dead)
      end
    end

    # A delete that fails leaves the record reported done: the mapping deletes it (B8).
    def done(&block)
      @item.failed = false
      settle('could not be deleted', &block)
    end

    # A call that fails is told of, and nothing else.
    def settle(what_failed)
      yield
    rescue StandardError => e
      say('SETTLE_FAILED', true, "#{what_failed}: #{e.message}", nil, e)
    end

    def left_to_mapping?(dead)
      @options[:delete] == :mapping && !dead && @item.equal?(@items.last)
    end

    def delete
      @client.call(:delete_message, queue_url: @item.queue.queue_url, receipt_handle: @item.record.receipt_handle)
    end

    # The new message first: two copies are better than none.
    def hop
      wait_s = send_anew
      say('HOPPED', false, 'not due: sent again', wait_s)
      say('LONG_GROUP', true, LONG_GROUP, wait_s) if @item.group && !alone_in_group?
      done { delete }
    rescue StandardError => e
      keep_unsent(e)
    end

    # @return [Integer] the seconds that remain of its wait
    def send_anew
      remaining_ms = [Native.due_at_ms(@item.data) - epoch_ms, 0].max
      @item.queue.resend(@item.record, remaining_ms)
      (remaining_ms / 1000.0).ceil
    end

    # Hidden until it is due, if it can be.
    def keep_unsent(error)
      decision = decide_on(:unsent)
      say('SETTLE_FAILED', true, 'not due, and could not be sent again; ' \
                                 "#{decision[2] ? 'this was its last receive' : 'hidden until it is due'}: #{error.message}", nil, error)
      carry_out(*decision)
    end

    # A dead head blocks nobody; all others hold their group up.
    def hold(action, wait_s, dead)
      @client.deaths.add(@item.record.message_id) if dead
      @groups[@item.group] = wait_s && (monotonic_s + wait_s) if @item.group && !dead && action != :skip
      hide(wait_s) if wait_s
    end

    def hide(wait_s)
      settle('its visibility could not be changed') do
        @client.call(:change_message_visibility, queue_url: @item.queue.queue_url, visibility_timeout: wait_s,
                                                  receipt_handle: @item.record.receipt_handle)
      end
    end

    # Once for each queue.
    def warn_of(warning, wait_s)
      return unless @warned.add?([warning, @item.queue])

      say(warning.name.upcase, true, WARNINGS.fetch(warning), wait_s)
    end

    def say(kind, warning, text, wait_s = nil, error = nil)
      @notes << [kind.to_sym, warning, @item.record.message_id, @item.record.queue_name, wait_s, error, text]
    end

    def monotonic_s
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def epoch_ms
      Native.now_ms
    end
  end
end
