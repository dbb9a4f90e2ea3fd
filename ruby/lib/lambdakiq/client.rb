# frozen_string_literal: true

module Lambdakiq
  # The way to SQS: a pool of native handles, the queues by name, and {#sqs}.
  class Client
    # Options of `Aws::SQS::Client` that mean something here, and what the core calls them.
    SECONDS = { http_open_timeout: :connect_timeout_ms, http_read_timeout: :timeout_ms,
                http_idle_timeout: :idle_max_ms }.freeze
    TEXTS = { region: :region, endpoint: :endpoint, profile: :profile, access_key_id: :access_key_id,
              secret_access_key: :secret_access_key, session_token: :session_token,
              user_agent_suffix: :user_agent }.freeze
    OTHERS = %i[credentials stub_responses max_attempts retry_limit verify_checksums].freeze
    KNOWN = (SECONDS.keys + TEXTS.keys + OTHERS).freeze

    class << self
      # @param value [Hash] instead of what is there, see {default_options}
      attr_writer :default_options

      # Options for the client, as `Aws::SQS::Client.new` takes them: endpoint, region, credentials,
      # stub_responses … Merge into it before the client is used.
      #
      # @return [Hash]
      def default_options
        @default_options ||= {}
      end
    end

    # @return [Hash{String => Queue}] made when asked for; by name, URL or ARN
    attr_reader :queues

    # @return [Outbox] jobs on their way
    # @api private
    attr_reader :outbox

    # @return [Deaths] of the jobs in batches whose calls {#sqs} makes
    # @api private
    attr_reader :deaths

    # @param options [Hash] over {Client.default_options}
    def initialize(options = {})
      @options = aws_config.merge(self.class.default_options).merge(options)
      @credentials = @options[:credentials]
      @pool = Pool.new { make_native }
      @outbox = Outbox.new(self)
      @deaths = Deaths.new
      @queues = Hash.new { |queues, name| queues[name] = Queue.new(name, self) }
      warn_unknown
    end

    # SQS, called as `Aws::SQS::Client` is. With `config.lambdakiq.client` it is that object.
    #
    # @return [SQS, Object]
    def sqs
      @sqs ||= Lambdakiq.config.client || SQS.new(self, stubbed: @options[:stub_responses])
    end

    # @api private
    def option(name)
      @options[name]
    end

    # Whether jobs go through the core all the way; else it decides, and {#sqs} makes the calls.
    def native?
      return @native if defined?(@native)

      @native = Lambdakiq.config.client.nil? && !@options[:stub_responses]
    end

    # Whether {#sqs} answers with stubs.
    #
    # @api private
    def stubbed?
      return @options[:stub_responses] ? true : false unless Lambdakiq.config.client

      settings = sqs.config if sqs.respond_to?(:config)
      settings.respond_to?(:stub_responses) && settings.stub_responses ? true : false
    end

    # A call that {#sqs} makes, when that is not the core's.
    #
    # @api private
    def call(operation, **params)
      Requests.observe_foreign(operation, params[:queue_url]) { sqs.public_send(operation, **params) }
    end

    # Lends a native handle.
    #
    # @yieldparam handle [Native::Client]
    # @api private
    def with
      @pool.with do |handle|
        sign_with_current_credentials(handle) if @credentials
        yield handle
      end
    end

    # Lends a native handle for calls that are not waited for, each of which is a notification too.
    #
    # @api private
    def with_reports
      @pool.with do |handle|
        prepare(handle)
        yield handle
      ensure
        Requests.tell { handle.observed }
      end
    end

    # @return [Native::Client] another handle, for the caller to keep
    # @api private
    def make_native
      Native::Client.new(native_options)
    end

    # Before calls that are not waited for.
    #
    # @api private
    def prepare(handle)
      sign_with_current_credentials(handle) if @credentials
      Requests.watch(handle)
    end

    # The same where what was done already must not suffer when an application's object has no credentials
    # to give: those at hand have to do.
    #
    # @api private
    def renew(handle)
      prepare(handle)
    rescue StandardError, ScriptError => e
      Lambdakiq.logger.error("[Lambdakiq] the object given as credentials failed: #{ErrorText.of(e)}; those at hand are used")
      ErrorReports.report(e, handled: true, context: { lambdakiq: 'the object given as credentials' })
    end

    # Drops connections inherited from a parent process at once. Without it they are left alone and a
    # descriptor stays open.
    def discard!
      @pool.discard!
      @outbox.discard!
    end

    private

    # An application's own credentials object decides anew at each call.
    def sign_with_current_credentials(handle)
      set = @credentials
      set = set.credentials if set.respond_to?(:credentials)
      unless set&.access_key_id && set.secret_access_key
        raise CredentialsError, "the #{@credentials.class} that was given as credentials has no keys"
      end

      handle.set_credentials(set.access_key_id, set.secret_access_key, set.session_token)
    end

    def native_options
      native = { skip_md5: @options[:verify_checksums] == false,
                 max_message_bytes: Lambdakiq.config.max_message_bytes, max_attempts: attempts }
      TEXTS.each { |ours, core| native[core] = @options[ours]&.to_s }
      SECONDS.each { |ours, core| native[core] = (@options[ours] * 1000).round if @options[ours] }
      native
    end

    def attempts
      @options[:max_attempts] || (@options[:retry_limit] && (@options[:retry_limit] + 1))
    end

    # What an application set for all its AWS clients applies here too.
    def aws_config
      return {} unless defined?(::Aws) && ::Aws.respond_to?(:config)

      ::Aws.config.slice(*KNOWN).merge(::Aws.config[:sqs] || {})
    end

    def warn_unknown
      unknown = @options.keys - KNOWN
      return if unknown.empty?

      Lambdakiq.logger.warn("[Lambdakiq] client options without effect: #{unknown.join(', ')}")
    end
  end
end
