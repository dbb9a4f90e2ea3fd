# frozen_string_literal: true

# Prints rows of texts as a Markdown table, so that what a command prints can stand in the README.
module Table
  module_function

  # @param heads [Array<String>] the first column is text, all others are numbers
  # @param rows [Array<Array>]
  def print(heads, rows)
    rows = rows.map { |row| row.map(&:to_s) }
    widths = heads.each_index.map { |at| [heads, *rows].map { |row| row[at].length }.max }
    line(heads, widths)
    line(widths.each_with_index.map { |width, at| at.zero? ? '-' * width : "#{'-' * (width - 1)}:" }, widths)
    rows.each { |row| line(row, widths) }
  end

  def line(row, widths)
    cells = row.each_with_index.map { |text, at| at.zero? ? text.ljust(widths[at]) : text.rjust(widths[at]) }
    puts "| #{cells.join(' | ')} |"
  end
  private_class_method :line
end
