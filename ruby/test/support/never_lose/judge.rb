# frozen_string_literal: true

module NeverLose
  # What must be true of every job when all is quiet. Each complaint is a sentence.
  class Judge
    MAX_RETRIES = 12
    # With less time left than this a job that is not started is not sent again.
    HOP_MS = 500

    def initialize(plan, outcome)
      @plan = plan
      @outcome = outcome
      @timeline = outcome.timeline
      @messages = {}.compare_by_identity
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
      !job.poison && ((job.retry && !job.kept) || queue.max_receive_count.nil?)
    end

    def buried(queue, job)
      return [] if job.poison || runs(job).any? || crashed(job).any? || late(job).any? || helpless?(queue, job)

      ['in the dead-letter queue without one run, and no crash or timeout spent its receives']
    end

    # The ways that docs/semantics.md gives: SQS refused to take it anew when it was not started, or at its last
    # receive when it was not due; or its last receive went to waiting in a FIFO queue that did not say that it
    # was the last.
    def helpless?(queue, job)
      invocations(job).any? do |invocation|
        record = record_of(invocation, job)
        last = record['receive'] == queue.max_receive_count
        notes = notes_of(invocation, queue)
        own = notes_on(record, notes)
        (refused?(notes) && noted?(own, 'unstarted')) || ((last || queue.fifo) && refused?(own)) ||
          (last && queue.fifo && noted?(notes, 'attributes_unknown') && noted?(own, 'skipped', 'deferred', 'unstarted'))
      end
    end

    # What an invocation had to say of a queue, which it says at its end.
    def notes_of(invocation, queue)
      rest = @timeline.drop(@timeline.index(invocation))
      rest.select { |entry| entry['pid'] == invocation['pid'] }.take_while { |entry| entry['what'] != 'answered' }
          .select { |entry| entry['what'] == 'note' && entry['queue'] == queue.name }
    end

    def notes_on(record, notes)
      notes.select { |note| note['message'] == record['message'] }
    end

    def noted?(notes, *kinds)
      notes.any? { |note| kinds.include?(note['kind'].delete_suffix('.lambdakiq')) }
    end

    def refused?(notes)
      notes.any? { |note| note['text'].include?('could not be sent again') }
    end

    # --- More that is promised

    def manners(queue, job)
      smooth = queue.faultless? && crashed(job).empty? && late(job).empty?
      [early(job), *(exactly_once(queue, job) if smooth && !job.poison)].compact
    end

    def early(job)
      first = runs(job).first
      "performed #{job.due_ms - first['at_ms']} ms before it was due" if first && first['at_ms'] < job.due_ms
    end

    # Where no call fails and no process dies there is nothing to excuse a second copy.
    def exactly_once(queue, job)
      [("performed #{done(job).size} times" if done(job).size > 1),
       ('performed and in the dead-letter queue' if done?(job) && dead?(queue, job)),
       ("#{stopped(job).size} times retry_stopped" unless told_as_promised?(queue, job)),
       tries(queue, job)]
    end

    # A death is told once, where an unstarted batch did not take its last try. A message of a group that others
    # share can die once more, should a process that did not see it give it its last receive, and may even be sent
    # again by `retry_on` then.
    def told_as_promised?(queue, job)
      return done?(job) || untried?(queue, job) if stopped(job).empty?
      return stopped(job).size == 1 && !done?(job) unless job.group

      performed = done(job).map { |entry| message_of(job, entry) }
      stopped(job).group_by { |entry| message_of(job, entry) }.all? do |message, deaths|
        deaths.size <= (performed.include?(message) ? 1 : 2) && deaths.map { |entry| entry['pid'] }.uniq.size == deaths.size
      end
    end

    # Given back at the last of the tries that its class has set for it.
    def untried?(queue, job)
      job.retry && job.kept && invocations(job).any? do |invocation|
        record = record_of(invocation, job)
        record['receive'] == limit(queue, job) + 1 && noted?(notes_on(record, notes_of(invocation, queue)), 'unstarted')
      end
    end

    # The one whose run an entry ended.
    def message_of(job, entry)
      runs(job).reverse.find { |run| @timeline.index(run) < @timeline.index(entry) }['message']
    end

    # On a standard queue nothing but a try spends a receive, where there is time for one.
    def tries(queue, job)
      return if queue.fifo || done?(job) || job.acts.include?('hiccup') || unstarted?(job)

      wanted = limit(queue, job) + 1
      "tried #{runs(job).size} times, not #{wanted}" unless runs(job).size == wanted
    end

    def limit(queue, job)
      return 0 unless queue.max_receive_count

      [job.retry || MAX_RETRIES, MAX_RETRIES, queue.max_receive_count - 1].min
    end

    # Within a group first come, first done; what was sent anew (a wait, a retry_on) stands at its end, and what
    # was dead has let the others pass, should it be tried again all the same.
    def order(queue)
      return [] unless queue.fifo

      queue.jobs.reject { |job| job.poison || job.group.nil? || sent_anew?(job) || stopped(job).any? }
           .group_by(&:group).filter_map do |group, jobs|
        performed = jobs.select { |job| done?(job) }
        actual = performed.sort_by { |job| @timeline.index(done(job).first) }
        "#{queue}\n  group #{group} was performed in the order #{actual.map(&:index)}" if actual != performed
      end
    end

    def sent_anew?(job)
      job.wait_s.positive? || job.acts.include?('hiccup') || messages(job).size > 1
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
        job.job_id ? message.body.include?(job.job_id) : messages(job).include?(message.message_id)
      end
    end

    # The message that was sent, and those that it was sent again as.
    def messages(job)
      @messages[job] ||= @timeline.each_with_object([job.message_id]) do |entry, known|
        known << entry['text'][/sent again as message (\S+)/, 1] if entry['what'] == 'note' && known.include?(entry['message'])
      end.compact
    end

    # Invocations that had the job and were never answered.
    def crashed(job)
      @answered ||= @timeline.filter_map { |entry| entry['request'] if entry['what'] == 'answered' }.to_h { |id| [id, true] }
      invocations(job).reject { |entry| @answered.key?(entry['request']) }
    end

    # Invocations that had it and too little time left to send it anew: as good as a timeout.
    def late(job)
      invocations(job).select do |entry|
        answer = @timeline.find { |candidate| candidate['what'] == 'answered' && candidate['request'] == entry['request'] }
        answer && answer['at_ms'] - entry['at_ms'] > (World::TIMEOUT_S * 1000) - HOP_MS
      end
    end

    def unstarted?(job)
      received = invocations(job).flat_map { |entry| entry['records'] }.select { |record| of?(record, job) }.map { |record| record['message'] }
      @timeline.any? { |entry| entry['kind'] == 'unstarted.lambdakiq' && received.include?(entry['message']) }
    end

    def invocations(job)
      @timeline.select { |entry| entry['what'] == 'invoked' && entry['records'].any? { |record| of?(record, job) } }
    end

    def record_of(invocation, job)
      invocation['records'].find { |record| of?(record, job) }
    end

    def of?(record, job)
      (job.job_id && record['job'] == job.job_id) || messages(job).include?(record['message'])
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
