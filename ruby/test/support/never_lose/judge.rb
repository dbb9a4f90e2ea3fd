# frozen_string_literal: true

module NeverLose
  # What must be true of every job when all is quiet. Each complaint is a sentence.
  class Judge
    MAX_RETRIES = 12

    def initialize(plan, outcome)
      @plan = plan
      @outcome = outcome
      @timeline = outcome.timeline
    end

    # @return [Array<String>] with the timeline of the job that is wronged
    def complaints
      @plan.queues.flat_map do |queue|
        jobs = queue.jobs.flat_map { |job| explain(job, [*fate(queue, job), *manners(queue, job)], queue) }
        [*jobs, *order(queue), *leftovers(queue)]
      end
    end

    private

    # --- The promise

    # Performed, in the dead-letter queue, or deleted where that is the contract and an event says so.
    def fate(queue, job)
      return [] if done?(job)
      return buried(queue, job) if dead?(queue, job)
      return [] if deletable?(queue, job) && stopped(job).any?

      ['LOST: neither performed, nor in the dead-letter queue, nor deleted with an event as the contract allows']
    end

    # A job's own retries are spent, or there is no dead-letter queue.
    def deletable?(queue, job)
      !job.poison && (job.retry || queue.max_receive_count.nil?)
    end

    def buried(queue, job)
      return [] if job.poison || runs(job).any? || crashed(job).any? || excused?(queue, job)

      ['in the dead-letter queue without one run, and no crash or timeout spent its receives']
    end

    # What docs/semantics.md says of jobs that cannot know better: one that was not due at its last receive
    # and that SQS did not take anew; one of a FIFO queue that did not say how many receives there are; one
    # whose tries were spent on waiting for others of its group.
    def excused?(queue, job)
      (job.wait_s.positive? && queue.faults.key?('SendMessage')) ||
        (queue.fifo && queue.faults.key?('GetQueueAttributes')) ||
        (noted?(job, 'skipped') && noted?(job, 'drained'))
    end

    def noted?(job, kind)
      @timeline.any? { |entry| entry['kind'] == "#{kind}.lambdakiq" && entry['message'] == job.message_id }
    end

    # --- More that is promised

    def manners(queue, job)
      [early(job), *(exactly_once(queue, job) if queue.faultless? && crashed(job).empty? && !job.poison)].compact
    end

    def early(job)
      first = runs(job).first
      "performed #{job.due_ms - first['at_ms']} ms before it was due" if first && first['at_ms'] < job.due_ms
    end

    # Where no call fails and no process dies there is nothing to excuse a second copy.
    def exactly_once(queue, job)
      [("performed #{done(job).size} times" if done(job).size > 1),
       ('performed and in the dead-letter queue' if done?(job) && dead?(queue, job)),
       ("#{stopped(job).size} times retry_stopped" if stopped(job).size != (done?(job) ? 0 : 1)),
       tries(queue, job)]
    end

    # On a standard queue nothing but a try spends a receive.
    def tries(queue, job)
      return if queue.fifo || done?(job) || job.acts.include?('hiccup')

      wanted = limit(queue, job) + 1
      "tried #{runs(job).size} times, not #{wanted}" unless runs(job).size == wanted
    end

    def limit(queue, job)
      return 0 unless queue.max_receive_count

      [job.retry || MAX_RETRIES, MAX_RETRIES, queue.max_receive_count - 1].min
    end

    # Within a group first come, first done; what was sent anew (a wait, a retry_on) stands at its end.
    def order(queue)
      return [] unless queue.fifo

      queue.jobs.reject { |job| job.poison || job.group.nil? || job.wait_s.positive? || job.acts.include?('hiccup') }
           .group_by(&:group).filter_map do |group, jobs|
        performed = jobs.select { |job| done?(job) }
        actual = performed.sort_by { |job| @timeline.index(done(job).first) }
        "#{queue}\n  group #{group} was performed in the order #{actual.map(&:index)}" if actual != performed
      end
    end

    def leftovers(queue)
      left = @outcome.left.fetch(queue)
      left == [0, 0, 0] ? [] : ["#{queue}\n  still holds #{left}"]
    end

    # --- Evidence

    def runs(job)
      entries(job, 'run')
    end

    def done(job)
      entries(job, 'done')
    end

    def done?(job)
      done(job).any?
    end

    def stopped(job)
      entries(job, 'retry_stopped')
    end

    def entries(job, what)
      job.job_id ? @timeline.select { |entry| entry['what'] == what && entry['job'] == job.job_id } : []
    end

    def dead?(queue, job)
      @outcome.dead.fetch(queue).any? do |message|
        job.job_id ? message.body.include?(job.job_id) : message.message_id == job.message_id
      end
    end

    # Invocations that had the job and were never answered, or whose process ended before its turn.
    def crashed(job)
      @answered ||= @timeline.filter_map { |entry| entry['request'] if entry['what'] == 'answered' }.to_h { |id| [id, true] }
      invocations(job).reject { |entry| @answered.key?(entry['request']) } + unstarted(job)
    end

    def unstarted(job)
      @timeline.select { |entry| entry['kind'] == 'unstarted.lambdakiq' && entry['message'] == job.message_id }
    end

    def invocations(job)
      @timeline.select { |entry| entry['what'] == 'invoked' && entry['records'].any? { |record| of?(record, job) } }
    end

    def of?(record, job)
      (job.job_id && record['job'] == job.job_id) || record['message'] == job.message_id
    end

    # --- Explaining

    def explain(job, complaints, queue)
      complaints.map { |complaint| "#{queue}\n  #{job}\n  #{complaint}\n#{story(job)}" }
    end

    # The job's own entries, and what became of the invocations it was part of.
    def story(job)
      requests = invocations(job).map { |entry| entry['request'] }
      @timeline.select { |entry| of?(entry, job) || requests.include?(entry['request']) }
               .map { |entry| "    +#{(entry['at_ms'] - @timeline.first['at_ms']) / 1000.0} #{entry.except('at_ms', 'pid')}" }.join("\n")
    end
  end
end
