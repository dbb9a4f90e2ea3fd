# frozen_string_literal: true

module Lambdakiq
  class SQS
    # What the answer of an operation that lists knows besides: the pages that follow it.
    #
    #     client.sqs.list_queues(max_results: 100).each { |page| puts page.queue_urls }
    module Pages
      # There is no page behind this one.
      class LastPageError < RuntimeError
        # @return [Structure] the last page
        attr_reader :response

        # @param response [Structure]
        def initialize(response)
          @response = response
          super('unable to fetch next page, end of results reached')
        end
      end

      # @api private
      def self.of(answer, client, operation, params)
        answer.extend(self).tap do |page|
          page.instance_variable_set(:@next, ->(more) { client.public_send(operation, params.merge(more)) })
        end
      end

      # @return [Boolean]
      def last_page?
        next_token.nil? || next_token.empty?
      end

      # @return [Boolean]
      def next_page?
        !last_page?
      end

      # @param params [Hash] instead of those this page was asked for with
      # @return [Structure]
      # @raise [LastPageError]
      def next_page(params = {})
        raise LastPageError, self if last_page?

        @next.call({ next_token: next_token, **params })
      end

      # This page and those behind it.
      #
      # @yieldparam page [Structure]
      def each
        return enum_for(:each) unless block_given?

        page = self
        loop do
          yield page
          break if page.last_page?

          page = page.next_page
        end
      end
      alias each_page each
    end
  end
end
