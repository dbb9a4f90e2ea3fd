# frozen_string_literal: true

# The behaviours of a module, once with the core's batch and once with the one that calls an SQS client
# of the application's own.
module BothEngines
  # The second way: any object that answers as Aws::SQS::Client does. Here ours, seen as a stranger.
  module OwnClient
    def setup
      super
      Lambdakiq.config.client = Lambdakiq::Client.new.sqs
      Lambdakiq.instance_variable_set(:@client, nil)
    end

    def test_the_client_is_the_applications_own
      refute_predicate Lambdakiq.client, :native?
    end
  end

  def self.for(name, behaviours)
    Object.const_set("#{name}Test", Class.new(QueueTest) { include behaviours })
    Object.const_set("#{name}OwnClientTest", Class.new(QueueTest) do
      include behaviours
      include OwnClient
    end)
  end
end
