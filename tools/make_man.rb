# SPDX-License-Identifier: MIT
# frozen_string_literal: true

# Makes the manual pages from what they are about, so that they cannot drift apart:
#
#   ruby tools/make_man.rb build/release/lambdakiq            writes docs/man/lambdakiq.{1,3}
#   ruby tools/make_man.rb build/release/lambdakiq --check    only says whether they are up to date
#
# lambdakiq.1 is the command's own help, lambdakiq.3 is include/lambdakiq.h: its banners are sections, its
# comments paragraphs, its declarations stand as they are.

ROOT = File.expand_path('..', __dir__)

# Text as roff takes it.
module Roff
  module_function

  def escape(text)
    text.gsub('\\', '\\e').gsub('-', '\\-').gsub(/^([.'])/, '\\\\&\\1')
  end

  # Without the empty lines around it.
  def verbatim(lines)
    lines = lines.drop_while { |line| line.strip.empty? }.reverse.drop_while { |line| line.strip.empty? }.reverse
    lines.empty? ? [] : ['.PP', '.nf', *lines.map { |line| escape(line) }, '.fi']
  end

  def paragraph(lines)
    ['.PP', *lines.map { |line| escape(line.strip) }]
  end

  # Paragraphs, and what is indented as it stands.
  def prose(lines)
    lines.slice_when { |a, b| a.strip.empty? != b.strip.empty? || indented?(a) != indented?(b) }.flat_map do |block|
      next [] if block.first.strip.empty?

      indented?(block.first) ? verbatim(block) : paragraph(block)
    end
  end

  def indented?(line)
    line.start_with?('  ')
  end

  def head(section, title, version)
    ['.\\" SPDX-License-Identifier: MIT', '.\\" Made by tools/make_man.rb; do not edit.',
     %(.TH LAMBDAKIQ #{section} "" "lambdakiq #{version}" "#{title}")]
  end
end

# lambdakiq.1
class CommandPage
  def initialize(command)
    @command = command
  end

  def lines
    general = help
    names = general[/^Commands:\n(.*?)\n\n/m, 1].scan(/^  (\S+)/).flatten - ['help']
    [*Roff.head(1, 'User Commands', version), '.SH NAME',
     'lambdakiq \\- background jobs on Amazon SQS and AWS Lambda, and both of them on this machine',
     '.SH SYNOPSIS', *names.flat_map { |name| ['.br', Roff.escape(help(name)[/^Usage: (.*)$/, 1])] }.drop(1),
     '.SH DESCRIPTION', *Roff.paragraph([general.lines.first]), *names.flat_map { |name| section(name) }, *exits,
     '.SH SEE ALSO', '.BR lambdakiq (3)']
  end

  private

  def help(*name)
    IO.popen([@command, *name, '--help'], &:read)
  end

  def version
    IO.popen([@command, '--version'], &:read)[/[\d.]+/]
  end

  def section(name)
    summary, _usage, options, *details = help(name).split(/\n\n(?!  )/).map { |part| part.lines(chomp: true) }
    [".SH #{name.upcase}", *Roff.paragraph(summary), *options.drop(1).slice_when { |_, b| b =~ /^ +-/ }.flat_map { |o| option(o) },
     *details.flat_map { |part| Roff.prose(part) }]
  end

  def option(lines)
    signature, text = lines.first.strip.match(/\A((?:-\w, )?--[\w-]+(?: [A-Z]+)?)\s+(.*)/).captures
    ['.TP', ".B #{Roff.escape(signature)}", *[text, *lines.drop(1)].map { |line| Roff.escape(line.strip) }]
  end

  def exits
    ['.SH EXIT STATUS', '0: it worked, or was told to stop.',
     '1: it failed; standard error says why and what to do. 2: it was called wrongly.']
  end
end

# lambdakiq.3
class HeaderPage
  BANNER = %r{\A/\* --- (.+?) -+ \*/\z}.freeze
  COMMENT = %r{\A/\*(.*?)\*/\s*\z}m.freeze

  def initialize(path)
    @text = File.read(path)
  end

  def lines
    [*Roff.head(3, 'Library Functions', @text[/LK_VERSION +"(.+?)"/, 1]), '.SH NAME',
     'lambdakiq \\- background jobs on Amazon SQS and AWS Lambda, in C', '.SH SYNOPSIS', '.nf',
     '#include <lambdakiq.h>', '', 'cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs lambdakiq)', '.fi', '.SH DESCRIPTION',
     *introduction, *blocks.flat_map { |block| render(block) }, '.SH SEE ALSO', '.BR lambdakiq (1)']
  end

  private

  def introduction
    Roff.prose(uncomment(@text[%r{\A/\*(.*?)\*/}m, 1]).drop(1))
  end

  # From the first banner to the end of what is C; at empty lines.
  def blocks
    @text[%r{^/\* --- .*(?=^#ifdef __cplusplus)}m].split(/\n\n+/).flat_map { |part| split_comments(part) }
  end

  # Comments that begin a line stand by themselves, those behind code with it.
  def split_comments(part)
    part.scan(%r{^/\*.*?\*/[^\n]*(?:\n|\z)|(?:(?!^/\*).)+}m).map(&:strip).reject(&:empty?)
  end

  def render(block)
    return [".SH #{$1.upcase}"] if block =~ BANNER
    return Roff.prose(uncomment($1)) if block =~ COMMENT

    Roff.verbatim(block.gsub(/\bLK_API |\s+LK_CHECK\b/, '').lines(chomp: true))
  end

  def uncomment(text)
    text.lines(chomp: true).map { |line| line.sub(/\A \* ?/, '') }.map { |line| line.sub(/\A (?=\S)/, '') }
  end
end

command, check = ARGV
abort 'usage: ruby tools/make_man.rb COMMAND [--check]' unless command && File.executable?(command)

pages = { 'lambdakiq.1' => CommandPage.new(command), 'lambdakiq.3' => HeaderPage.new("#{ROOT}/include/lambdakiq.h") }
pages.each do |name, page|
  path = "#{ROOT}/docs/man/#{name}"
  text = "#{page.lines.join("\n")}\n"
  if check != '--check'
    File.write(path, text)
  elsif !File.exist?(path) || File.read(path) != text
    abort "docs/man/#{name} is not up to date: ruby tools/make_man.rb #{command}"
  end
end
