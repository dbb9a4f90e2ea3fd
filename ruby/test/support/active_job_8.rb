# frozen_string_literal: true

# ActiveJob 8 on Ruby 3.1, which it does not support: loaded before everything else, puts the ActiveJob
# and ActiveSupport in LAMBDAKIQ_ACTIVE_JOB (a directory of gems) before those of the bundle, with
# stand-ins for what they take from Ruby 3.2. See tools/active_job_8.sh.
require 'set'

$LOAD_PATH.unshift(*Dir["#{ENV.fetch('LAMBDAKIQ_ACTIVE_JOB')}/gems/*/lib"])

class Class
  unless method_defined?(:attached_object)
    def attached_object
      raise TypeError, "`#{self}' is not a singleton class" unless singleton_class?

      ObjectSpace.each_object(self).find { |object| object.singleton_class == self }
    end
  end
end

class Thread
  unless respond_to?(:each_caller_location)
    def self.each_caller_location(&block)
      caller_locations(2).each(&block)
      nil
    end
  end
end
