# SPDX-License-Identifier: MIT
"""A server that checks signatures, and one behind a certificate."""

import os
import unittest
import urllib.error
import urllib.request

from botocore import UNSIGNED

import local_sqs
from local_sqs import KEY, SECRET
from sqs_case import SqsCase

PROTOCOL = local_sqs.shared().client().meta.service_model.metadata["protocol"]


class Signatures(SqsCase):
    @classmethod
    def setUpClass(cls):
        cls.server = local_sqs.shared("--access-key-id", KEY, secret=SECRET)
        cls.sqs = cls.server.client(KEY, SECRET)

    def test_the_right_pair_sends_receives_and_deletes(self):
        queue = self.queue()
        body = "é + ~ * / = & \r\n"
        self.send(queue, body, MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": b"\xff"}})
        message, = self.receive(queue)
        self.assertEqual(message["Body"], body)
        self.delete(queue, message)

    def test_another_secret_does_not_match(self):
        with self.refused("SignatureDoesNotMatch", status=403):
            self.server.client(KEY, "another").list_queues()

    def test_another_key_is_unknown(self):
        with self.refused("InvalidClientTokenId", status=403):
            self.server.client("AKIDANOTHER", SECRET).list_queues()

    def test_no_signature_lacks_a_token(self):
        with self.refused("MissingAuthenticationToken", status=403):
            self.server.client(KEY, SECRET, signature_version=UNSIGNED).list_queues()

    @unittest.skipUnless(PROTOCOL == "query", "in JSON a URL does not hold the parameters")
    def test_a_presigned_url_is_served_and_a_changed_one_refused(self):
        queue = self.queue()
        url = self.sqs.generate_presigned_url(
            "send_message", {"QueueUrl": queue, "MessageBody": "a b+c/é"}, ExpiresIn=60, HttpMethod="GET")
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.bodies(queue), ["a b+c/é"])
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url.replace("MessageBody=a", "MessageBody=b"))
        self.assertEqual(caught.exception.code, 403)
        self.assertIn(b"SignatureDoesNotMatch", caught.exception.read())
        caught.exception.close()


class Tls(SqsCase):
    @classmethod
    def setUpClass(cls):
        cls.certificate = os.environ["CONFORMANCE_TLS_CERT"]
        cls.server = local_sqs.shared("--tls-cert", cls.certificate,
                                      "--tls-key", os.environ["CONFORMANCE_TLS_KEY"])
        cls.sqs = cls.server.client(verify=cls.certificate)

    def test_a_message_goes_and_comes_over_tls(self):
        queue = self.queue()
        self.assertTrue(queue.startswith("https://"))
        self.send(queue, "secret")
        self.assertEqual(self.bodies(queue), ["secret"])
