# frozen_string_literal: true

module Lambdakiq
  # Errors of ours under the names that the AWS SDK gives them: `rescue Aws::SQS::Errors::NonExistentQueue`
  # and `rescue Aws::Errors::ServiceError` go on working.
  module AwsErrors
    PREFIX = 'AWS.SimpleQueueService.'

    # Makes `rescue` look twice.
    module Match
      # @return [Boolean]
      def ===(error)
        super || AwsErrors.same?(self, error)
      end
    end

    module_function

    # Asked whenever SQS refuses something: the SDK may have been loaded by then.
    def match_loaded
      names = ::Aws::SQS::Errors
      base = defined?(::Aws::Errors::ServiceError) ? ::Aws::Errors::ServiceError : names::ServiceError
      base.singleton_class.prepend(Match) unless base.singleton_class.include?(Match)
    end

    # Whether an error of ours is what the SDK means by one of its classes.
    def same?(aws_class, error)
      return false unless error.is_a?(ServiceError) && defined?(::Aws::SQS::Errors)

      ours = ::Aws::SQS::Errors::ServiceError
      return true if ours <= aws_class

      aws_class < ours && names(error).include?(aws_class.name.to_s.split('::').last)
    end

    # SQS has two names for an error, and the SDK's spelling of each.
    def names(error)
      [error.aws_code, error.aws_code&.delete_prefix(PREFIX), error.aws_type].compact.map { |name| name.gsub(/\W/, '') }
    end
  end
end
