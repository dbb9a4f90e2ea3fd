# frozen_string_literal: true

require 'minitest/autorun'

# docs/promises.md names what shows each promise; none of that may be gone.
class PromisesDocTest < Minitest::Test
  ROOT = File.expand_path('../..', __dir__)
  DOCUMENT = File.read("#{ROOT}/docs/promises.md")

  def test_each_test_that_is_named_is_there
    references = DOCUMENT.scan(/`([\w\/.]+)#(\w+)`/)

    refute_empty references
    assert_empty references.uniq.reject { |path, name| defined_in?("#{ROOT}/#{path}", name) }
  end

  def test_each_promise_names_what_shows_it_or_says_what_was_not_tried
    rows = DOCUMENT.lines.grep(/\A\|/).grep_v(/\A\| (Promise|---)/)

    assert_operator rows.size, :>=, 50
    assert_empty rows.grep_v(/`[\w\/.]+#\w+` |nothing to show|every run of|itself/)
  end

  def test_each_link_leads_somewhere
    links = DOCUMENT.scan(/\]\(([^)#]+)\)/).flatten

    assert_empty links.reject { |link| File.exist?("#{ROOT}/docs/#{link}") }
  end

  private

  def defined_in?(path, name)
    pattern = path.end_with?('.c') ? /^static void #{name}\(/ : /\bdef #{name}\b/
    File.exist?(path) && File.read(path).match?(pattern)
  end
end
