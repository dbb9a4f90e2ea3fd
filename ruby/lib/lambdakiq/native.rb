# frozen_string_literal: true

require 'rbconfig'

module Lambdakiq
  # Loads the extension, which defines {Native} and {VERSION}: the one a precompiled gem has for this
  # Ruby, else the one that was compiled when the gem was installed.
  #
  # @api private
  module Loader
    # What to install, on Debian and Ubuntu, Fedora and Amazon Linux 2023, and Alpine.
    PACKAGES = {
      'libcurl' => %w[libcurl4 libcurl-minimal libcurl],
      'libcrypto' => %w[libssl3 openssl-libs libcrypto3],
      'libjansson' => %w[libjansson4 jansson jansson]
    }.freeze

    class << self
      # @raise [LoadError] naming the package to install when a library is missing
      def load
        require extension
      rescue LoadError => e
        raise LoadError, explain(e.message), cause: e
      end

      private

      def extension
        versioned = File.expand_path("#{RUBY_VERSION[/\A\d+\.\d+/]}/lambdakiq", __dir__)
        File.exist?("#{versioned}.#{RbConfig::CONFIG['DLEXT']}") ? versioned : 'lambdakiq/lambdakiq'
      end

      # glibc and musl word it differently; both name the library.
      def explain(message)
        library = message[/\b(lib(?:curl|crypto|jansson)\.so[.\d]*)/, 1]
        return missing_library(library, message) if library
        return message unless message.include?('cannot load such file')

        "lambdakiq: the extension is not compiled for Ruby #{RUBY_VERSION} on #{RUBY_PLATFORM}; " \
          "run `gem pristine lambdakiq` or `bundle pristine lambdakiq` (#{message})"
      end

      def missing_library(library, message)
        debian, fedora, alpine = PACKAGES.fetch(library[/\A[a-z]+/])
        <<~TEXT.chomp
          lambdakiq: #{library} is missing or cannot be used. Install it:
            Debian, Ubuntu               apt-get install #{debian}
            Fedora, Amazon Linux 2023    dnf install #{fedora}
            Alpine                       apk add #{alpine}
          (#{message})
        TEXT
      end
    end
  end
end

Lambdakiq::Loader.load
