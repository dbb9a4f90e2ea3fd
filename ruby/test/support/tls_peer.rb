# frozen_string_literal: true

require 'openssl'
require 'tempfile'
require_relative 'silent_peer'

# A peer over TLS that answers every request the same. Each request comes with the number of the
# connection it came on.
class TlsPeer < SilentPeer
  # The numbers of connections that ended.
  attr_reader :endings

  # @param answer [String] a JSON body
  def initialize(answer)
    @context = OpenSSL::SSL::SSLContext.new
    @context.key = OpenSSL::PKey::EC.generate('prime256v1')
    @context.cert = certificate(@context.key)
    @connections = 0
    @endings = Thread::Queue.new
    super
  end

  def url
    super.sub('http:', 'https:')
  end

  # A file for AWS_CA_BUNDLE.
  def ca_bundle
    @ca_bundle ||= Tempfile.new(['ca', '.pem']).tap { |file| file.write(@context.cert.to_pem) && file.close }.path
  end

  private

  def certificate(key)
    OpenSSL::X509::Certificate.new.tap do |certificate|
      certificate.version = 2
      certificate.serial = 1
      certificate.subject = certificate.issuer = OpenSSL::X509::Name.parse('/CN=127.0.0.1')
      certificate.public_key = key
      certificate.not_before = Time.now - 60
      certificate.not_after = Time.now + 3600
      factory = OpenSSL::X509::ExtensionFactory.new(certificate, certificate)
      certificate.add_extension(factory.create_extension('subjectAltName', 'IP:127.0.0.1'))
      certificate.add_extension(factory.create_extension('basicConstraints', 'CA:TRUE', true))
      certificate.sign(key, 'SHA256')
    end
  end

  def serve(socket)
    number = (@connections += 1)
    Thread.new do
      tls = OpenSSL::SSL::SSLSocket.new(socket, @context).accept
      while (head = tls.gets("\r\n\r\n"))
        @requests << [number, tls.read(head[/content-length: (\d+)/i, 1].to_i)]
        tls.write("HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n" \
                  "Content-Length: #{@answer.bytesize}\r\n\r\n#{@answer}")
      end
    rescue SystemCallError, IOError, OpenSSL::SSL::SSLError
      nil # the client hung up
    ensure
      @endings << number
    end
  end
end
