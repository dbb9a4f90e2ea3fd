# SPDX-License-Identifier: MIT
# frozen_string_literal: true

# Does every link in our Markdown files lead to a file that is there, and to a heading of it?
#
#   ruby tools/check_links.rb    prints those that do not; exits 1

Dir.chdir(File.expand_path('..', __dir__))

# As GitHub makes the anchor of a heading.
def anchor(heading)
  heading.downcase.gsub(/\[([^\]]*)\]\([^)]*\)/, '\1').gsub(/[^\p{Alnum}\s_-]/, '').strip.tr(' ', '-')
end

def anchors(file)
  File.read(file).scan(/^#+ (.+)$/).map { |(heading)| anchor(heading) }
end

def broken?(file, link)
  path, heading = link.split('#', 2)
  target = path.empty? ? file : File.join(File.dirname(file), path)
  !File.exist?(target) || (heading && !anchors(target).include?(heading))
end

broken = `git ls-files '*.md'`.split("\n").flat_map do |file|
  links = File.read(file).scan(/\[[^\]]*\]\(([^)\s]+)\)/).flatten.grep_v(/\A[a-z]+:/)
  links.select { |link| broken?(file, link) }.map { |link| "#{file}: #{link}" }
end
abort "links that lead nowhere:\n#{broken.join("\n")}" if broken.any?
