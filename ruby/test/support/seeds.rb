# frozen_string_literal: true

# What tests that play at random begin with: the same numbers in each run, so that a build fails for what was
# changed and not by chance. LAMBDAKIQ_SEED is one to be played again, or "random" for new ones, to go looking.
module Seeds
  module_function

  # @param count [Integer]
  # @param known [Array<Integer>] those that found something once: they come first
  # @return [Array<Integer>]
  def take(count, known: [])
    case (asked = ENV.fetch('LAMBDAKIQ_SEED', nil))
    when nil then [*known, *fresh(count, Random.new(1))].first(count)
    when 'random' then fresh(count, Random.new)
    else [Integer(asked)]
    end
  end

  def fresh(count, random)
    Array.new(count) { random.rand(1_000_000) }
  end
end
