# frozen_string_literal: true

# One measurement in a fresh process: `child.rb SCENARIO`, the result as JSON on descriptor 3, so that
# whatever a library prints cannot disturb it.

require_relative 'app'
require_relative 'scenarios'

result = Scenarios.public_send(ARGV.fetch(0))
IO.new(3, 'w').write(JSON.generate(result))
