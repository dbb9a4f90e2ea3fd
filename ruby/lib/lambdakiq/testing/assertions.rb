# frozen_string_literal: true

module Lambdakiq
  module Testing
    # For Minitest and ActiveSupport::TestCase:
    #
    #     include Lambdakiq::Testing::Assertions
    #
    # In RSpec the predicates of {Testing} do: `expect(Lambdakiq::Testing).to be_dead(OrderJob)`.
    module Assertions
      # Such a job waits, or is to be tried again.
      #
      # @param job_class [Class]
      # @param with [Array, nil] its arguments; nil: any
      # @param queue [String, nil] nil: any
      # @return [Message] the first of them
      def assert_job_waiting(job_class, with: nil, queue: nil)
        found(job_class, with, in_queue(queue, :messages), 'waits')
      end

      # None such waits.
      def refute_job_waiting(job_class, with: nil, queue: nil)
        refute(in_queue(queue, :messages).any? { |message| message.for?(job_class, with) }, "#{job_class} waits")
      end

      # Such a job ran and succeeded.
      def assert_job_performed(job_class, with: nil)
        assert(Testing.performed?(job_class, with: with), "no #{job_class} was performed#{about(with)}; runs: #{listed_runs}")
      end

      # Such a job is in the dead-letter queue.
      #
      # @return [Message] the first of them
      def assert_job_dead(job_class, with: nil, queue: nil)
        found(job_class, with, in_queue(queue, :dead_letters), 'is dead')
      end

      # Nothing is in any dead-letter queue.
      def assert_no_dead_jobs
        dead = Testing.dead_letters
        assert(dead.empty?, "dead jobs: #{dead.map(&:inspect).join(', ')}; runs: #{listed_runs}")
      end

      private

      def in_queue(name, kind)
        (name ? Testing.queues[name] : Testing).public_send(kind)
      end

      def found(job_class, with, messages, what)
        message = messages.find { |candidate| candidate.for?(job_class, with) }
        assert(message, "no #{job_class} #{what}#{about(with)}; there are: #{messages.map(&:inspect).join(', ')}")
        message
      end

      def about(with)
        " with #{with.inspect}" if with
      end

      def listed_runs
        Testing.runs.map { |run| "#{run.job.class} at #{run.at}#{": #{run.error.class}: #{run.error.message}" if run.error}" }.join(', ')
      end
    end
  end
end
