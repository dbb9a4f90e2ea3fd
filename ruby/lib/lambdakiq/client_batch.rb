# frozen_string_literal: true

module Lambdakiq
  # The steps of a batch for a client that is not ours to drive: stubbed, or the application's own. It
  # takes the same decisions from the core as {Native::Batch}, and makes the calls one by one.
  class ClientBatch
    # A record on its way through. group: nil on standard queues.
    Item = Struct.new(:record, :queue, :group, :failed, :options) do
      def data
        record.data
      end
    end

    # SQS is asked again before a failure deletes a message when what we know is older than this.
    FRESH_S = 10

    def initialize(client)
      @client = client
      @items = []
      @groups = {}  # group => seconds its head waits, once something holds it up
      @read_at = {} # queue => when its attributes were read
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
      while (@item = @items.find { |item| item.failed.nil? })
        @item.failed = true
        return @item.record.message_id if !foreign? && ready?
      end
    end

    def start(retry_value, dead_to_dlq)
      @item.options = { retry: retry_value, dead_to_dlq: dead_to_dlq }
      decide(nil, due_at: false).tap { |decision| carry_out(*decision) unless decision.first == :run }
    end

    def executions(body_executions)
      body_executions + @item.record.receive_count - 1 - Native.delay_receives(@item.data)
    end

    def finish(outcome)
      @item.options[:undeletable] = true if outcome == :poison
      decision = decide(outcome == :done)
      decision = decide(false) if decision.first == :delete && outcome != :done && reload_attributes
      carry_out(*decision)
      decision
    end

    def stop
      @items.each { |item| item.failed = true if item.failed.nil? }
    end

    def note
      @notes.shift
    end

    def response
      stop
      @items.select(&:failed).map { |item| item.record.message_id }
    end

    private

    def foreign?
      return false if Event.job?(@item.data) && @item.record.body.is_a?(String)

      say('FOREIGN', true, 'is not a job of ours; it is reported failed and left alone')
      true
    end

    # Whether it may run now; else it has been dealt with.
    def ready?
      decision = decide(nil)
      return true if decision.first == :run

      say({ skip: 'SKIPPED', defer: 'DEFERRED', hop: 'HOPPED' }.fetch(decision.first, 'DRAINED'), false,
          "not performed now (#{decision.first})", decision[1])
      carry_out(*decision)
      false
    end

    def decide(outcome, due_at: true)
      data = due_at ? @item.data : @item.data.merge('messageAttributes' => {})
      Native.decide(data, outcome, facts.merge(@item.options))
    end

    def facts
      { max_retries: Lambdakiq.config.max_retries, now_ms: epoch_ms, received_at_ms: @now_ms,
        max_receive_count: max_receive_count, retention_s: attributes['MessageRetentionPeriod'].to_i,
        group_blocked: @groups.key?(@item.group), group_wait_s: @groups.fetch(@item.group, nil) }
    end

    def max_receive_count
      return Native::MAX_RECEIVE_UNKNOWN if attributes.frozen? && attributes.empty?

      @item.queue.max_receive_count || Native::MAX_RECEIVE_NONE
    end

    # Frozen and empty when SQS would not tell: nothing is deleted by a failure then.
    def attributes
      @read_at[@item.queue] ||= Time.now
      @item.queue.attributes
    rescue StandardError => e
      say('ATTRIBUTES_UNKNOWN', true, "its attributes cannot be read: #{e.message}", nil, e)
      {}.freeze
    end

    # Whether they were older than a deletion may rest on.
    def reload_attributes
      return false if Time.now - @read_at.fetch(@item.queue, Time.at(0)) < FRESH_S

      @read_at[@item.queue] = Time.now
      @item.queue.reload_attributes
    rescue StandardError
      false
    end

    def carry_out(action, wait_s, _dead)
      case action
      when :delete then done { delete }
      when :hop then done { hop }
      else hold(action, wait_s)
      end
    end

    # A delete that fails leaves the record reported done: the mapping deletes it (B8).
    def done
      @item.failed = false
      yield
    rescue StandardError => e
      say('SETTLE_FAILED', true, "could not be deleted: #{e.message}", nil, e)
    end

    def delete
      @client.call(:delete_message, queue_url: @item.queue.queue_url, receipt_handle: @item.record.receipt_handle)
    end

    # The new message first: two copies are better than none.
    def hop
      remaining_ms = Native.due_at_ms(@item.data) - epoch_ms
      @item.queue.resend(@item.record, remaining_ms)
      delete
    rescue StandardError
      @item.failed = true
      raise
    end

    def hold(action, wait_s)
      @groups[@item.group] = wait_s if @item.group && %i[retry defer skip].include?(action)
      return unless wait_s

      @client.call(:change_message_visibility, queue_url: @item.queue.queue_url, visibility_timeout: wait_s,
                                                receipt_handle: @item.record.receipt_handle)
    rescue StandardError => e
      say('SETTLE_FAILED', true, "its visibility could not be changed: #{e.message}", nil, e)
    end

    def say(kind, warning, text, wait_s = nil, error = nil)
      @notes << [kind.to_sym, warning, @item.record.message_id, @item.record.queue_name, wait_s, error, text]
    end

    def epoch_ms
      Native.now_ms
    end
  end
end
