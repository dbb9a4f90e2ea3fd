# frozen_string_literal: true

module Lambdakiq
  # The id of the web request that a job was enqueued in. It goes along with the job, in its JSON beside what
  # ActiveJob writes, so that what the jobs function logs can be joined to what the web function logged.
  # Jobs that a job enqueues have its request's. Workers of Lambdakiq 2 ignore it.
  #
  # @see Lambdakiq.request_id
  module RequestId
    # In the job's JSON.
    KEY = 'lambdakiq_request_id'

    # Rails cuts ids to it as well.
    MAX_LENGTH = 255

    # Knows the request that is being answered. It stands first and looks late: the id is made further in,
    # by ActionDispatch::RequestId.
    #
    # @api private
    class Middleware
      def initialize(app)
        @app = app
      end

      def call(env)
        RequestId.within(env) { @app.call(env) }
      end
    end

    # What ActiveJob::Base does on top.
    module Carried
      # @return [String, nil] the id of the web request that this job was enqueued in; of a job that was not
      #   enqueued yet, of the one that it would be enqueued in now
      def lambdakiq_request_id
        defined?(@lambdakiq_request_id) ? @lambdakiq_request_id : RequestId.current
      end

      # It is enqueued now, and asked for its id again when that is counted.
      #
      # @api private
      def lambdakiq_keep_request_id
        @lambdakiq_request_id = lambdakiq_request_id
      end

      # A job that came with one keeps it when it sends itself again.
      #
      # @api private
      def deserialize(job_data)
        @lambdakiq_request_id = RequestId.clean(job_data[KEY])
        super
      end

      # As Rails tags the lines of a request.
      #
      # @api private
      def perform_now
        RequestId.tagged(@lambdakiq_request_id) { super }
      end
    end

    class << self
      # @return [String, nil] of the job that is performed here, else of the request that is answered here
      def current
        Performing.frame&.request_id || chosen
      end

      # @param job [ActiveJob::Base]
      # @return [Hash] its JSON with the id, if there is one
      # @api private
      def serialize(job)
        data = job.serialize
        id = job.lambdakiq_keep_request_id
        id ? data.merge(KEY => id) : data
      end

      # @return [String, nil] what may stand on a log line
      # @api private
      def clean(value)
        return unless value.is_a?(String)

        id = ErrorText.utf8(value).gsub(/[[:cntrl:]]/, '').slice(0, MAX_LENGTH)
        id unless id.empty?
      end

      # @api private
      def tagged(id, &block)
        logger = ActiveJob::Base.logger
        id && logger.respond_to?(:tagged) ? logger.tagged(id, &block) : yield
      end

      # @param env [Hash] Rack's
      # @api private
      def within(env)
        outer = request
        self.request = env
        yield
      ensure
        self.request = outer
      end

      private

      # An id is a help to whoever looks for the job later: it never keeps a job from being sent.
      def chosen
        source = Lambdakiq.config.request_id or return
        clean(source == true ? request&.fetch('action_dispatch.request_id', nil) : source.call)
      rescue StandardError => e
        Lambdakiq.logger.warn("[Lambdakiq] config.lambdakiq.request_id failed: #{ErrorText.of(e)}; the job goes without")
        nil
      end

      # By thread or by fiber, as the application isolates its requests. Earlier ActiveSupport does not know
      # how: by fiber, which never has another request's.
      if ActiveSupport.const_defined?(:IsolatedExecutionState)
        def request
          ActiveSupport::IsolatedExecutionState[:lambdakiq_request]
        end

        def request=(env)
          ActiveSupport::IsolatedExecutionState[:lambdakiq_request] = env
        end
      else
        def request
          Thread.current[:lambdakiq_request]
        end

        def request=(env)
          Thread.current[:lambdakiq_request] = env
        end
      end
    end
  end
end
