# frozen_string_literal: true

header = File.read(File.expand_path("ext/lambdakiq/include/lambdakiq.h", __dir__))

Gem::Specification.new do |spec|
  spec.name = "lambdakiq"
  spec.version = header[/^#define LK_VERSION\s+"([^"]+)"/, 1]
  spec.summary = "ActiveJob on Amazon SQS and AWS Lambda"
  spec.description = "Background jobs for Rails on Amazon SQS and AWS Lambda: event driven, with retries, " \
                     "dead letters, FIFO order and CloudWatch metrics decided by one small core in C."
  spec.authors = ["The Lambdakiq authors"]
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.metadata = { "rubygems_mfa_required" => "true" }

  # The core comes through the directory symlinks ext/lambdakiq/{src,include}, so that the packed gem
  # holds real files and builds with mkmf alone.
  spec.files = Dir.chdir(__dir__) do
    Dir["lib/**/*.{rb,tt}", "exe/*", "ext/lambdakiq/*.{c,h,rb}",
        "ext/lambdakiq/src/*.{c,h}", "ext/lambdakiq/include/*.h", "LICENSE"]
  end
  spec.bindir = "exe"
  spec.executables = ["lambdakiq-handler"]
  spec.extensions = ["ext/lambdakiq/extconf.rb"]
  spec.require_paths = ["lib"]

  spec.add_dependency "activejob", ">= 6.1"
end
