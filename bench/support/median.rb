# frozen_string_literal: true

# The middle of what was measured.
module Median
  module_function

  # @param values [Array<Numeric>] not empty
  # @return [Float]
  def of(values)
    sorted = values.sort
    middle = sorted.size / 2
    sorted.size.odd? ? sorted[middle].to_f : (sorted[middle - 1] + sorted[middle]) / 2.0
  end
end
