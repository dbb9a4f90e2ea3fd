# frozen_string_literal: true

require_relative 'sqs_case'

# A server that checks signatures.
class SignaturesTest < SqsCase
  def server
    Servers.shared(access_key_id: Servers::KEY, secret: Servers::SECRET)
  end

  def sqs
    @sqs ||= client(key: Servers::KEY, secret: Servers::SECRET)
  end

  def test_the_right_pair_sends_receives_and_deletes
    url = queue
    put(url, "é + ~ * / = & \r\n")
    message = receive(url).first
    assert_equal "é + ~ * / = & \r\n", message.body
    delete(url, message)
  end

  def test_another_secret_does_not_match
    assert_refused('SignatureDoesNotMatch', status: 403) do
      client(key: Servers::KEY, secret: 'another').list_queues
    end
  end

  def test_another_key_is_unknown
    assert_refused('InvalidClientTokenId', status: 403) do
      client(key: 'AKIDANOTHER', secret: Servers::SECRET).list_queues
    end
  end

  def test_no_signature_lacks_a_token
    bare = client
    bare.handlers.remove(Aws::Plugins::Sign::Handler)
    assert_refused('MissingAuthenticationToken', status: 403) { bare.list_queues }
  end
end

# A server behind a certificate.
class TlsTest < SqsCase
  def server
    Servers.shared(tls_cert: ENV.fetch('CONFORMANCE_TLS_CERT'), tls_key: ENV.fetch('CONFORMANCE_TLS_KEY'))
  end

  def sqs
    @sqs ||= client(ssl_ca_bundle: ENV.fetch('CONFORMANCE_TLS_CERT'))
  end

  def test_a_message_goes_and_comes_over_tls
    url = queue
    assert url.start_with?('https://'), url
    put(url, 'secret')
    assert_equal ['secret'], bodies(url)
  end
end
