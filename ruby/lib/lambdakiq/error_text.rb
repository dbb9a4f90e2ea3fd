# frozen_string_literal: true

module Lambdakiq
  # An exception in words, whatever it is: `message` and `inspect` are methods of the application's, and
  # may raise, return nil or bytes that are no text. A record must not fail twice because of that.
  module ErrorText
    module_function

    # @param error [Exception]
    # @return [String] class and message, one line, valid UTF-8
    def of(error)
      "#{class_name(error)}: #{message(error).lines.first&.chomp}"
    end

    # @param error [Exception]
    # @return [String] valid UTF-8; says so when there is none to be had
    def message(error)
      utf8(error.message)
    rescue Exception => e # even `exit` in a message is only a message
      "(its message cannot be read: #{class_name(e)})"
    end

    # @param error [Exception]
    # @return [String] message and backtrace, valid UTF-8
    def full(error)
      utf8(error.full_message(highlight: false))
    rescue Exception
      [of(error), *error.backtrace].join("\n\tfrom ")
    end

    # @param error [Exception]
    # @return [String]
    def class_name(error)
      (Module.instance_method(:name).bind_call(error.class) || 'an anonymous class').to_s
    end

    def utf8(text)
      text = text.to_s
      text = text.encoding == Encoding::BINARY ? text.dup.force_encoding(Encoding::UTF_8) : text.encode(Encoding::UTF_8)
      text.scrub
    rescue EncodingError
      text.dup.force_encoding(Encoding::UTF_8).scrub
    end
    private_class_method :utf8
  end
end
