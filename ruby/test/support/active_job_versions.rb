# frozen_string_literal: true

# What the tests need to run with every ActiveJob that the gem supports, see tools/matrix.sh.
module ActiveJobVersions
  # Keeps a test of what ActiveJob has only from a version on.
  #
  #     since '7.1', def test_many_jobs_at_once
  def since(version, test)
    remove_method(test) if ActiveJob.version < Gem::Version.new(version)
  end
end

# ActiveJob 6.1 sets options of a class only; of an instance they are set when it is enqueued.
unless ActiveJob::Base.method_defined?(:set)
  ActiveJob::Base.class_eval do
    def set(options = {})
      self.scheduled_at = options[:wait].seconds.from_now.to_f if options[:wait]
      self.queue_name = self.class.queue_name_from_part(options[:queue]) if options[:queue]
      self
    end
  end
end
