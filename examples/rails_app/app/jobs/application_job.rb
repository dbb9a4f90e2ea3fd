# frozen_string_literal: true

class ApplicationJob < ActiveJob::Base
  include Lambdakiq::Worker
  queue_as ENV['JOBS_QUEUE_NAME']

  private

  # The jobs' visible effect: a line in a file that people (and bin/demo) can read.
  def write_ledger(line)
    path = ENV.fetch('LEDGER') { Rails.root.join('tmp/ledger.txt').to_s }
    FileUtils.mkdir_p(File.dirname(path))
    File.open(path, 'a') { |file| file.write("#{line}\n") }
  end
end
