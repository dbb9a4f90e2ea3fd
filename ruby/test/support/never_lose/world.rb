# frozen_string_literal: true

require_relative '../dev_server'
require_relative '../faulty_proxy'
require_relative '../scripted_jobs'

module NeverLose
  # Plays a plan on the real local server: sends its jobs, lets the workers perform them under a clock
  # that is moved until nothing is left to do, and looks at what there is then.
  class World
    TIMEOUT_S = 4
    # A worker that is slow on a busy machine must not find its message in other hands.
    VISIBILITY_S = 60

    # timeline: what the workers wrote. dead: { queue => [messages of its dead-letter queue] }.
    # left: { queue => [visible, in flight, delayed] }.
    Outcome = Struct.new(:timeline, :dead, :left, :log, :faults, keyword_init: true)

    def initialize(plan)
      @plan = plan
      @random = Random.new(plan.seed)
    end

    # @return [Outcome]
    def play(within_s:)
      Lambdakiq.config.metrics_enabled = false
      @proxy = FaultyProxy.new { |action, parameters| fault(action, parameters) }
      @dev = DevServer.new(queues: @plan.queues.map(&:name), proxy: @proxy, batch_size: @plan.batch_size,
                           timeout: TIMEOUT_S, visibility: VISIBILITY_S)
      @dev.use do
        @plan.queues.each { |queue| set_up(queue) }
        @plan.queues.each { |queue| queue.jobs.each { |job| send_job(queue, job) } }
        @dev.run_until_quiet(jump_s: @plan.jump_s, within_s: within_s)
        outcome
      end
    ensure
      @dev&.stop
      @proxy&.close
    end

    private

    def fault(action, parameters)
      queue = @plan.queues.find { |candidate| parameters['QueueUrl'].to_s.end_with?(candidate.name) }
      fault, probability = queue&.faults&.fetch(action, nil)
      fault if fault && @random.rand < probability
    end

    def sqs
      Lambdakiq.client.sqs
    end

    def set_up(queue)
      policy = { deadLetterTargetArn: @dev.arn(dead_name(queue)), maxReceiveCount: queue.max_receive_count }
      sqs.set_queue_attributes(queue_url: queue.name,
                               attributes: { 'RedrivePolicy' => queue.max_receive_count ? JSON.generate(policy) : '' })
    end

    def dead_name(queue)
      queue.fifo ? queue.name.sub('.fifo', '-dlq.fifo') : "#{queue.name}-dlq"
    end

    def send_job(queue, job)
      return send_poison(queue, job) if job.poison

      job_class = (job.kept ? ScriptedJob::KEPT : ScriptedJob::WITH_RETRY).fetch(job.retry)
      job.due_ms = @dev.clock_ms + (job.wait_s * 1000)
      sent = job_class.set(queue: queue.name, wait: job.wait_s).perform_later('acts' => job.acts, 'group' => job.group)
      job.job_id = sent.job_id
      job.message_id = sent.provider_job_id
    end

    def send_poison(queue, job)
      body = { malformed: '{', foreign: '{"not":"ours"}',
               unknown_class: JSON.generate(job_class: 'Nobody', job_id: "nobody-#{job.index}", arguments: []) }
      parameters = { queue_url: queue.name, message_body: body.fetch(job.poison), message_attributes: {} }
      parameters[:message_attributes] = Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE unless job.poison == :foreign
      parameters.merge!(message_group_id: job.group || 'own', message_deduplication_id: "p#{job.index}") if queue.fifo
      job.message_id = sqs.send_message(**parameters).message_id
    end

    def outcome
      Outcome.new(timeline: @dev.timeline, dead: @plan.queues.to_h { |queue| [queue, drain(dead_name(queue))] },
                  left: @plan.queues.to_h { |queue| [queue, @dev.counts(queue.name)] }, log: @dev.log, faults: @proxy.faults.dup)
    end

    # All messages, which are deleted as they are read: on a FIFO queue they would block those behind them.
    def drain(name)
      found = []
      loop do
        messages = sqs.receive_message(queue_url: name, max_number_of_messages: 10, wait_time_seconds: 0).messages
        return found if messages.empty?

        messages.each do |message|
          found << message
          sqs.delete_message(queue_url: name, receipt_handle: message.receipt_handle)
        end
      end
    end
  end
end
