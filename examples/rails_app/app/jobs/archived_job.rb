# frozen_string_literal: true

# Enqueued in C when an ArchiveJob is done.
class ArchivedJob < ApplicationJob
  def perform(name, bytes_before, bytes_after)
    write_ledger "archived #{name}, #{bytes_before} bytes became #{bytes_after}"
  end
end
