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

    # @return [String] any value as `inspect` shows it, shortened; says so when it cannot
    def inspection(value)
      utf8(value.inspect).slice(0, 200)
    rescue Exception
      "(#{class_name(value)} that cannot be inspected)"
    end

    # @return [String] the class of anything
    def class_name(value)
      klass = Kernel.instance_method(:class).bind_call(value)
      Module.instance_method(:name).bind_call(klass) || 'an anonymous class'
    end

    # @return [String] any text as valid UTF-8
    def utf8(text)
      text = text.to_s
      text = text.encoding == Encoding::BINARY ? text.dup.force_encoding(Encoding::UTF_8) : text.encode(Encoding::UTF_8)
      text.scrub
    rescue EncodingError
      text.dup.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
