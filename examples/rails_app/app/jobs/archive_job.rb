# frozen_string_literal: true

# Performed in C, by examples/c_worker: there is no perform here. Its function has a queue of its own.
class ArchiveJob < ApplicationJob
  queue_as ENV['C_JOBS_QUEUE_NAME']
end
