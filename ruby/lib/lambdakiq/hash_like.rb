# frozen_string_literal: true

module Lambdakiq
  # {Config} as it is used in applications of Lambdakiq 2. There it is an `ActiveSupport::OrderedOptions`: any name
  # can be set, and read by its name or as of a Hash. What did boot does boot. A name that is no setting is kept
  # for the application, and warned of: it may be one that was misspelt.
  #
  #     config.lambdakiq[:max_retries] = 3
  #     config.lambdakiq.fetch(:max_retries)
  #     config.lambdakiq.merge!(config_for(:lambdakiq))
  #     config.lambdakiq.max_retires = 3 # a warning, which asks whether max_retries was meant
  module HashLike
    # @param name [Symbol, String]
    # @return [Object, nil] the setting, or what was set by another name; nil when nothing was
    def [](name)
      setting?(name) ? public_send(name) : others[name.to_sym]
    end

    # Sets what the method `name=` sets.
    #
    # @param name [Symbol, String]
    # @raise [OptionError] it is a setting, and the value makes no sense
    def []=(name, value)
      return public_send("#{name}=", value) if setting?(name)

      warn_of(name) unless others.key?(name.to_sym)
      others[name.to_sym] = value
    end

    # Sets all of them.
    #
    # @param hashes [Array<Hash>]
    # @return [self]
    def merge!(*hashes)
      hashes.each { |hash| hash.to_h.each { |name, value| self[name] = value } }
      self
    end
    alias update merge!

    # @return [Hash{Symbol => Object}] all settings, and what was set besides
    def to_h
      self.class::SETTINGS.to_h { |name| [name, public_send(name)] }.merge(others)
    end

    private

    # What a Hash has; `name = …`, `name`, and `name!` which raises where nothing was set.
    def method_missing(name, *arguments, &block)
      return to_h.public_send(name, *arguments, &block) if Hash.method_defined?(name)
      return super if block || arguments.size != (name.end_with?('=') ? 1 : 0)
      return self[name.name.chomp('=')] = arguments.first if name.end_with?('=')
      return self[name] unless name.end_with?('!')

      self[name.name.chomp('!')].presence || raise(KeyError, ":#{name.name.chomp('!')} is blank")
    end

    # What is asked for without having been set is no method: Ruby asks every object for `to_ary`.
    def respond_to_missing?(name, include_private = false)
      others.key?(name) || Hash.method_defined?(name) || super
    end

    def setting?(name)
      self.class::SETTINGS.include?(name.to_sym)
    end

    def others
      @others ||= {}
    end

    # On standard error: ActiveJob's logger is not there yet while an application boots.
    def warn_of(name)
      likely = DidYouMean::SpellChecker.new(dictionary: self.class::SETTINGS).correct(name).first if defined?(DidYouMean)
      place = caller_locations.find { |location| location.path != __FILE__ }
      warn("#{place.path}:#{place.lineno}: warning: config.lambdakiq.#{name} is no setting of Lambdakiq and has no effect" \
           "#{"; did you mean #{likely}?" if likely}")
    end
  end
end
