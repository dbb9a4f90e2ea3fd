# frozen_string_literal: true

require_relative 'test_helper'
require 'open3'
require 'rbconfig'
require 'tmpdir'

# Loading the extension where something is missing.
class LoaderTest < Minitest::Test
  LIB = File.expand_path('../lib', __dir__)
  EXTENSION = "#{LIB}/lambdakiq/lambdakiq.#{RbConfig::CONFIG['DLEXT']}".freeze

  def test_a_missing_libcurl_is_named_with_its_package
    message = load_error('libcurl.so.4' => 'libcurl.so.9')
    assert_match(/libcurl\.so\.9 is missing/, message)
    assert_match(/apt-get install libcurl4$/, message)
    assert_match(/dnf install libcurl-minimal$/, message)
    assert_match(/apk add libcurl$/, message)
  end

  def test_a_missing_libcrypto_is_named_with_its_package
    needed = File.binread(EXTENSION)[/libcrypto\.so\.[\d.]+/]
    message = load_error(needed => "#{needed[0..-2]}9")
    assert_match(/apt-get install libssl3$/, message)
  end

  def test_an_extension_that_is_not_there_says_how_to_build_it
    Dir.mktmpdir do |directory|
      FileUtils.cp_r("#{LIB}/.", directory)
      FileUtils.rm_f("#{directory}/lambdakiq/#{File.basename(EXTENSION)}")
      assert_match(/gem pristine lambdakiq/, message_of("-I#{directory}"))
    end
  end

  def test_an_extension_for_this_ruby_goes_before_the_compiled_one
    Dir.mktmpdir do |directory|
      FileUtils.cp_r("#{LIB}/.", directory)
      versioned = "#{directory}/lambdakiq/#{RUBY_VERSION[/\A\d+\.\d+/]}"
      FileUtils.mkdir(versioned)
      FileUtils.mv("#{directory}/lambdakiq/#{File.basename(EXTENSION)}", versioned)
      assert_equal "#{Lambdakiq::VERSION}\n", message_of("-I#{directory}")
    end
  end

  private

  # Of a copy of the extension that needs libraries of these other names, which nobody has.
  def load_error(names)
    Dir.mktmpdir do |directory|
      content = File.binread(EXTENSION)
      names.each { |name, other| content.gsub!("#{name}\0".b, "#{other}\0".b) or flunk("it does not need #{name}") }
      FileUtils.mkdir("#{directory}/lambdakiq")
      File.binwrite("#{directory}/lambdakiq/#{File.basename(EXTENSION)}", content)
      return message_of("-I#{directory}", "-I#{LIB}")
    end
  end

  # Loaded from these directories, and from this checkout only where they name it.
  def message_of(*arguments)
    code = "$LOAD_PATH.reject! { |path| path == #{LIB.inspect} } unless ARGV.include?('-I#{LIB}'); require 'lambdakiq'; " \
           'begin; puts Lambdakiq::VERSION; rescue LoadError => e; puts e.message; end'
    output, = Open3.capture2(RbConfig.ruby, *arguments, '-e', code, '--', *arguments)
    output
  end
end
