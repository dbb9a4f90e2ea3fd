# frozen_string_literal: true

require 'fileutils'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# The real local server in memory, once for a test process, with a clock that moves.
class LocalSqs < LocalServer
  def self.start
    @start ||= new
  end

  def initialize
    @directory = Dir.mktmpdir('lambdakiq-test')
    super(:serve, @directory, db: ':memory:')
  end

  def stop
    super
    FileUtils.remove_entry(@directory)
  end
end
