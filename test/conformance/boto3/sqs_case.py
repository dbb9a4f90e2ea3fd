# SPDX-License-Identifier: MIT
"""What the test cases share: a client, queues of their own, errors by code, digests."""

import contextlib
import hashlib
import struct
import threading
import unittest
import uuid

from botocore.exceptions import ClientError

import local_sqs


def digest_of_body(text):
    return hashlib.md5(text.encode()).hexdigest()


def digest_of_attributes(attributes):
    """SQS's digest of message attributes, as its documentation describes it."""
    digest = hashlib.md5()

    def add(data):
        digest.update(struct.pack(">I", len(data)) + data)

    for name in sorted(attributes, key=str.encode):
        value = attributes[name]
        add(name.encode())
        add(value["DataType"].encode())
        if value["DataType"].startswith("Binary"):
            digest.update(b"\x02")
            add(value["BinaryValue"])
        else:
            digest.update(b"\x01")
            add(value["StringValue"].encode())
    return digest.hexdigest()


class SqsCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = local_sqs.shared()
        cls.sqs = cls.server.client()

    def name(self, suffix=""):
        return f"q-{uuid.uuid4().hex}{suffix}"

    def queue(self, fifo=False, **attributes):
        if fifo:
            attributes["FifoQueue"] = "true"
        answer = self.sqs.create_queue(
            QueueName=self.name(".fifo" if fifo else ""), Attributes=attributes)
        return answer["QueueUrl"]

    def arn(self, queue):
        return self.attributes(queue, "QueueArn")["QueueArn"]

    def attributes(self, queue, *names):
        answer = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names or ["All"])
        return answer["Attributes"]

    def send(self, queue, body, **options):
        return self.sqs.send_message(QueueUrl=queue, MessageBody=body, **options)

    def receive(self, queue, count=10, **options):
        answer = self.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=count, AttributeNames=["All"], **options)
        return answer.get("Messages", [])

    def bodies(self, queue, count=10, **options):
        return [message["Body"] for message in self.receive(queue, count, **options)]

    def delete(self, queue, message):
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    @contextlib.contextmanager
    def refused(self, code, reason="", kind=ClientError, status=400):
        """The block fails with this code and status, with a message that has `reason` in it."""
        with self.assertRaises(kind) as caught:
            yield
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], code)
        self.assertIn(reason, response["Error"]["Message"])
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)

    def while_waiting(self, act, wait):
        """Runs `wait` in a thread, then `act`; what `wait` returned."""
        found = []
        thread = threading.Thread(target=lambda: found.append(wait()))
        thread.start()
        act()
        thread.join(60)
        self.assertFalse(thread.is_alive())
        return found[0]
