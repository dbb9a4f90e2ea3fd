# frozen_string_literal: true

require 'rails/generators/base'

module Lambdakiq
  # What `rails g` offers.
  module Generators
    # `rails g lambdakiq:install`: everything between `gem 'lambdakiq'` and `sam deploy`.
    #
    # It can be run again: what is there already stays as it is.
    class InstallGenerator < ::Rails::Generators::Base
      source_root File.expand_path('templates', __dir__)

      class_option :environment, default: 'production', desc: 'The environment that gets the queue adapter'
      class_option :fifo, type: :boolean, default: false, desc: 'Make the jobs queue a FIFO queue'
      class_option :sam, type: :boolean, default: true, desc: 'Write the AWS resources to template.yaml'
      class_option :cloudwatch, type: :boolean, default: true, desc: 'Write cloudwatch.yaml: dashboard and alarms'

      APPLICATION_JOB = 'app/jobs/application_job.rb'
      TEMPLATE = 'template.yaml'
      private_constant :APPLICATION_JOB, :TEMPLATE

      # config/initializers/lambdakiq.rb
      def write_initializer
        template 'initializer.rb.tt', 'config/initializers/lambdakiq.rb'
      end

      # In the environment of `--environment`; another adapter there becomes a comment.
      def set_queue_adapter
        path = "config/environments/#{options[:environment]}.rb"
        return say_status(:skip, "#{path} is not there", :yellow) unless there?(path)
        return say_status(:identical, path, :blue) if mentions?(path, /^\s*config\.active_job\.queue_adapter = :lambdakiq/)

        replaced = mentions?(path, /^\s*config\.active_job\.queue_adapter\s*=/)
        comment_lines(path, /config\.active_job\.queue_adapter\s*=/) if replaced
        say_status(:insert, path, :green)
        environment('config.active_job.queue_adapter = :lambdakiq', env: options[:environment])
      end

      # ApplicationJob's two lines
      def include_worker
        return template('application_job.rb.tt', APPLICATION_JOB) unless there?(APPLICATION_JOB)
        return say_status(:identical, APPLICATION_JOB, :blue) if mentions?(APPLICATION_JOB, /Lambdakiq::Worker/)

        inject_into_class APPLICATION_JOB, 'ApplicationJob', <<-RUBY
  include Lambdakiq::Worker
  queue_as ENV['JOBS_QUEUE_NAME']

        RUBY
      end

      # Queues and jobs function, into template.yaml or into a new one.
      def write_sam_resources
        return unless options[:sam]
        return template('template.yaml.tt', TEMPLATE) unless there?(TEMPLATE)
        return say_status(:identical, TEMPLATE, :blue) if mentions?(TEMPLATE, /^  JobsQueue:/)

        add_resources
      end

      # Dashboard and alarms, for a stack of their own.
      def write_cloudwatch
        template 'cloudwatch.yaml.tt', 'cloudwatch.yaml' if options[:cloudwatch]
      end

      # What is left to do by hand.
      def say_what_is_next
        say "\nNext:\n#{NEXT.map { |line| "  #{line}" }.join("\n")}"
      end

      NEXT = [
        'template.yaml: let both functions have JOBS_QUEUE_NAME and the policies written there; the jobs',
        '  function runs the image of your web function.',
        'sam deploy, then, with the names of the two queues: aws cloudformation deploy --stack-name … \\',
        '  --template-file cloudwatch.yaml --parameter-overrides JobsQueueName=… JobsDLQueueName=…',
        'On this machine: rails g lambdakiq:install --environment development, and',
        '  lambdakiq dev --queue jobs -- bundle exec lambdakiq-handler'
      ].freeze
      private_constant :NEXT

      private

      # Into the Resources of a template that has some of its own. YAML that is parsed and written again
      # would lose its comments.
      def add_resources
        unless mentions?(TEMPLATE, /^Resources:\s*$/)
          return say_status(:skip, "#{TEMPLATE} has no Resources; run again where it is not there, and merge", :yellow)
        end

        insert_into_file TEMPLATE, resources, after: /^Resources:\s*\n/
      end

      # The queues, and the function as far as it can be known.
      def resources
        [render('queues.yaml.tt'), render('function.yaml.tt')].join("\n").concat("\n")
      end

      def render(name)
        require 'erb'
        ERB.new(File.read(find_in_source_paths(name)), trim_mode: '-').result(binding)
      end

      def there?(path)
        File.exist?(File.expand_path(path, destination_root))
      end

      def mentions?(path, pattern)
        File.read(File.expand_path(path, destination_root)).match?(pattern)
      end

      def fifo?
        options[:fifo]
      end

      # The first try and 12 retries; on a FIFO queue a delay spends one more.
      def max_receive_count
        fifo? ? 14 : 13
      end

      def application_name
        (defined?(Rails.application) && Rails.application ? Rails.application.class.name : 'App').split('::').first
      end
    end
  end
end
