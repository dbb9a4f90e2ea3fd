# frozen_string_literal: true

require 'minitest/autorun'

# docs/promises.md and docs/conformance.md name the tests that show what they say; none of them may be gone.
class PromisesDocTest < Minitest::Test
  ROOT = File.expand_path('../..', __dir__)
  DOCUMENTS = %w[promises conformance].to_h { |name| [name, File.read("#{ROOT}/docs/#{name}.md")] }

  # How a test begins, by the extension of its file.
  DEFINITIONS = {
    '.c' => 'static void\s+%s\(', '.rb' => '[ \t]*def %s\b', '.py' => '    def %s\(', '.sh' => '%s\(\)'
  }.freeze

  DOCUMENTS.each do |document, text|
    define_method(:"test_each_test_that_#{document}_names_is_there") do
      references = text.scan(/`([\w\/.]+)#(\w+)`/)

      refute_empty references
      assert_empty references.uniq.reject { |path, name| defined_in?("#{ROOT}/#{path}", name) }
    end

    define_method(:"test_each_link_of_#{document}_leads_somewhere") do
      links = text.scan(/\]\(([^)#]+)/).flatten

      refute_empty links
      assert_empty links.reject { |link| File.exist?("#{ROOT}/docs/#{link}") }
    end
  end

  def test_each_promise_names_what_shows_it_or_says_what_was_not_tried
    rows = rows('promises').grep_v(/\A\| (Promise|---)/)

    assert_operator rows.size, :>=, 50
    assert_empty rows.grep_v(/`[\w\/.]+#\w+` |nothing to show|every run of|itself/)
  end

  def test_each_rule_of_the_local_sqs_names_what_shows_it
    rows = rows('conformance').drop_while { |row| row !~ /\A\| Rule/ }.drop(2)

    assert_operator rows.size, :>=, 35
    assert_empty rows.grep_v(/`[\w\/.]+#\w+` /)
  end

  private

  def rows(document)
    DOCUMENTS.fetch(document).lines.grep(/\A\|/)
  end

  def defined_in?(path, name)
    pattern = format(DEFINITIONS.fetch(File.extname(path)), name)
    File.exist?(path) && File.read(path).match?(/^#{pattern}/)
  end
end
