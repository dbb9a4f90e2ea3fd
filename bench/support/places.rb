# frozen_string_literal: true

require 'fileutils'
require_relative 'local_server'

# Where the measured processes are: loopback flatters everyone, so some rows are measured over TLS, from
# a distance, and with a part of a CPU.
class Places
  TITLES = { here: 'loopback', tls: 'over TLS', far: 'with 8 ms added to each round trip', small: 'at 0.3 CPU' }.freeze
  DELAY_MS = 8
  CPU = 0.3

  # @param directory [String] for data
  def self.open(directory)
    places = new(directory)
    yield places
  ensure
    places&.close
  end

  def initialize(directory)
    @directory = directory
    @servers = {}
  end

  # @return [LocalServer] the one that processes of a place talk to
  def server(place)
    kind = place == :tls ? :tls : :plain
    @servers[kind] ||= kind == :tls ? start_tls : start_plain
  end

  # @return [Hash{String => String}, nil] for a measured process; nil: cannot be had on this machine
  def environment(place)
    base = server(place).environment
    case place
    when :here then base
    when :tls then base.merge('AWS_CA_BUNDLE' => certificate)
    when :far then base.merge('AWS_ENDPOINT_URL_SQS' => "http://127.0.0.1:#{relay_port}")
    when :small then cpu_group && base.merge('BENCH_CPU_GROUP' => cpu_group)
    end
  end

  def close
    @relay&.close
    @servers.each_value(&:stop)
    Dir.rmdir(@cpu_group) if @cpu_group
  end

  private

  # Without a clock that moves: the cores would look at its file.
  def start_plain
    LocalServer.new(:serve, data('plain'), clock_file: nil)
  end

  def start_tls
    LocalServer.new(:serve, data('tls'), clock_file: nil, ca_file: certificate, tls_cert: certificate, tls_key: key)
  end

  def data(name)
    "#{@directory}/#{name}".tap { |path| FileUtils.mkdir_p(path) }
  end

  def certificate
    make_certificate
    "#{@directory}/cert.pem"
  end

  def key
    "#{@directory}/key.pem"
  end

  def make_certificate
    return if File.exist?(key)

    system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
           '-keyout', key, '-out', "#{@directory}/cert.pem", '-subj', '/CN=bench',
           '-addext', 'subjectAltName=IP:127.0.0.1', err: File::NULL, exception: true)
  end

  # delay.c ends when its standard input does.
  def relay_port
    @relay ||= IO.popen([ENV.fetch('BENCH_DELAY'), URI(server(:far).url).port.to_s, DELAY_MS.to_s], 'r+')
    @relay_port ||= @relay.gets.to_i
  end

  # A control group that may use CPU of a processor: of cgroup v2 where there is its CPU controller, else
  # of v1. nil when none may be made.
  def cpu_group
    return @cpu_group if defined?(@cpu_group)

    @cpu_group = make_group('/sys/fs/cgroup', 'cpu.max' => "#{(CPU * 100_000).to_i} 100000") ||
                 make_group('/sys/fs/cgroup/cpu', 'cpu.cfs_period_us' => '100000',
                                                  'cpu.cfs_quota_us' => (CPU * 100_000).to_i.to_s)
  end

  def make_group(root, limits)
    path = "#{root}/lambdakiq-bench-#{Process.pid}"
    Dir.mkdir(path)
    # In a real hierarchy the limits are files that are there, elsewhere a directory is just one.
    return Dir.rmdir(path) && nil unless limits.keys.all? { |name| File.exist?("#{path}/#{name}") }

    limits.each { |name, value| File.write("#{path}/#{name}", value) }
    path
  rescue SystemCallError
    nil
  end
end
