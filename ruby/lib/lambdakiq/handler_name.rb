# frozen_string_literal: true

module Lambdakiq
  # The name of a handler as Lambda's Ruby runtime reads it, and what it stands for.
  #
  #     app.handler                          app.rb, method handler
  #     config/environment.Lambdakiq.cmd     config/environment.rb, method Lambdakiq.cmd
  #     Lambdakiq.cmd                        method Lambdakiq.cmd of what is loaded already
  class HandlerName
    # @param name [String]
    def initialize(name)
      @name = name
      *target, @method_name = name.to_s.split('.')
      @constant = target.pop if target.last&.match?(/\A[A-Z]/)
      @file = target.join('.') unless target.empty?
      return if @method_name && (@constant || @file) && target.size <= 1

      raise ArgumentError, "handler #{name.inspect}: write FILE.METHOD (app.handler), CLASS.METHOD " \
                           '(Lambdakiq.cmd) or FILE.CLASS.METHOD'
    end

    # Loads the file, if there is one.
    #
    # @return [#call] takes event: and context:
    def load
      load_file if @file
      target = @constant ? Object.const_get(@constant) : TOPLEVEL_BINDING.receiver
      return target.method(@method_name) if target.respond_to?(@method_name, true)

      raise NameError, "handler #{@name.inspect}: no method #{@method_name} #{@constant ? "of #{@constant}" : "in #{@file}.rb"}"
    end

    private

    def load_file
      path = File.expand_path(@file)
      require path
    rescue LoadError => e
      raise unless e.path == path # the file is there, and misses another

      raise LoadError, "handler #{@name.inspect}: there is no file #{path}.rb"
    end
  end
end
