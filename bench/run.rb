# frozen_string_literal: true

# The command behind bin/bench: which comparison, with which options.
#
#     ruby bench/run.rb [COMPARISON] [options]

require 'json'
require 'optparse'
require_relative 'cold'
require_relative 'costs'
require_relative 'loss'
require_relative 'server'
require_relative 'speed'
require_relative 'upgrade'
require_relative 'worker'

COMPARISONS = { 'speed' => Speed, 'loss' => Loss, 'cold' => Cold, 'upgrade' => Upgrade, 'costs' => Costs,
                'server' => Server, 'worker' => Worker }.freeze

def usage(parser, comparison)
  list = COMPARISONS.map { |name, comparison| format('    %-10s %s', name, comparison::TITLE) }
  parser.banner = "usage: bin/bench [COMPARISON] [options]\n\n" \
                  "Measures ours and its peers on the same work, in one run.\n\n" \
                  "Comparisons:\n#{list.join("\n")}\n\nOptions of #{COMPARISONS.key(comparison)}:"
end

def parse(arguments, comparison)
  options = {}
  rest = OptionParser.new do |parser|
    usage(parser, comparison)
    comparison::OPTIONS.each { |name, line| parser.on(*line) { |value| options[name] = value } }
    parser.on('--json', 'figures as JSON') { options[:json] = true }
  end.parse(arguments)
  abort("bench: unexpected argument #{rest.first}; see bin/bench --help") if rest.any?
  options
rescue OptionParser::ParseError => e
  abort("bench: #{e.message}; see bin/bench --help")
end

name = ARGV.first.to_s.start_with?('-') || ARGV.empty? ? 'speed' : ARGV.shift
comparison = COMPARISONS.fetch(name) { abort("bench: there is no comparison #{name}; see bin/bench --help") }
comparison.new(**parse(ARGV, comparison)).run
