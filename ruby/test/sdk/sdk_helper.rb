# frozen_string_literal: true

require_relative '../test_helper'
require 'aws-sdk-sqs'

# For tests in a process that has the AWS SDK.
module SdkHelper
  URL = 'https://sqs.us-east-1.amazonaws.com/831702759394/jobs'
end
