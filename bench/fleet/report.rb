# frozen_string_literal: true

require_relative '../support/side'
require_relative '../support/table'

# Tallies of a fleet (see Fleet#tally), both sides beside each other.
module FleetReport
  module_function

  # One row for each story: accepted / performed / dead / gone.
  #
  # @param tallies [Hash{String => Hash{String => Hash}}] by story and side
  def print(title, tallies)
    sides = tallies.values.first.keys
    puts 'accepted / performed / in the DLQ / gone'
    Table.print([title, *sides.map { |side| Side::TITLES.fetch(side) }],
                tallies.map { |story, tally| [story, *sides.map { |side| cell(tally.fetch(side)) }] })
  end

  def cell(tally)
    text = tally.values_at(:accepted, :performed, :dead, :gone).join(' / ')
    tally.fetch(:unrun).positive? ? "#{text}; #{tally.fetch(:unrun)} never ran" : text
  end
  private_class_method :cell
end
