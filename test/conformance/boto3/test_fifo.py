# SPDX-License-Identifier: MIT
"""FIFO queues: order, groups, deduplication, sequence numbers, handles, attempts."""

import hashlib

from sqs_case import SqsCase


class Fifo(SqsCase):
    def setUp(self):
        self.fifo = self.queue(fifo=True)

    def put(self, body, group="g", dedup=None, queue=None, **options):
        return self.send(queue or self.fifo, body, MessageGroupId=group,
                         MessageDeduplicationId=dedup or body, **options)

    def test_messages_come_in_order_with_ascending_sequence_numbers(self):
        numbers = [self.put(body)["SequenceNumber"] for body in "abcdefghijkl"]
        self.assertEqual(numbers, sorted(numbers))
        self.assertTrue(all(len(number) == 20 for number in numbers))
        messages = self.receive(self.fifo)
        self.assertEqual([message["Body"] for message in messages], list("abcdefghij"))
        self.assertEqual([message["Attributes"]["SequenceNumber"] for message in messages], numbers[:10])
        self.assertEqual(messages[0]["Attributes"]["MessageGroupId"], "g")
        self.assertEqual(messages[0]["Attributes"]["MessageDeduplicationId"], "a")

    def test_a_group_in_flight_waits_and_others_go_on(self):
        self.put("a")
        self.assertEqual(self.bodies(self.fifo, 1), ["a"])
        self.put("b")
        self.put("other", group="h")
        self.assertEqual(self.bodies(self.fifo), ["other"])

    def test_of_two_receives_at_the_same_time_one_has_the_group(self):
        for body in "abcdefghij":
            self.put(body)
        another = self.server.client()
        found = []
        there = self.while_waiting(
            lambda: found.extend(another.receive_message(
                QueueUrl=self.fifo, MaxNumberOfMessages=5).get("Messages", [])),
            lambda: self.receive(self.fifo, 5))
        self.assertEqual(sorted([len(found), len(there)]), [0, 5])
        self.assertEqual([message["Body"] for message in found + there], list("abcde"))

    def test_messages_return_in_their_order(self):
        for body in "abc":
            self.put(body)
        self.receive(self.fifo)
        self.server.advance(31)
        self.assertEqual(self.bodies(self.fifo), ["a", "b", "c"])

    def test_a_duplicate_within_five_minutes_is_answered_like_the_first(self):
        first = self.put("one", dedup="d")
        second = self.put("two", dedup="d")
        self.assertEqual(second["MessageId"], first["MessageId"])
        self.assertEqual(second["SequenceNumber"], first["SequenceNumber"])
        message, = self.receive(self.fifo)
        self.assertEqual(message["Body"], "one")
        self.delete(self.fifo, message)
        self.put("three", dedup="d")
        self.assertEqual(self.receive(self.fifo), [])
        self.server.advance(301)
        self.put("four", dedup="d")
        self.assertEqual(self.bodies(self.fifo), ["four"])

    def test_a_purge_forgets_deduplication(self):
        self.put("one", dedup="d")
        self.sqs.purge_queue(QueueUrl=self.fifo)
        self.put("two", dedup="d")
        self.assertEqual(self.bodies(self.fifo), ["two"])

    def test_content_is_compared_by_its_sha_256(self):
        queue = self.queue(fifo=True, ContentBasedDeduplication="true")
        for body in ["x", "x", "y"]:
            self.send(queue, body, MessageGroupId="g")
        messages = self.receive(queue)
        self.assertEqual([message["Body"] for message in messages], ["x", "y"])
        self.assertEqual(messages[0]["Attributes"]["MessageDeduplicationId"],
                         hashlib.sha256(b"x").hexdigest())

    def test_deduplication_by_group_lets_the_same_id_into_two_groups(self):
        queue = self.queue(fifo=True, DeduplicationScope="messageGroup",
                           FifoThroughputLimit="perMessageGroupId")
        for group in ["g", "h", "g"]:
            self.put("x", group=group, dedup="d", queue=queue)
        self.assertEqual(len(self.receive(queue)), 2)

    def test_an_expired_handle_deletes_nothing(self):
        self.put("a")
        message, = self.receive(self.fifo)
        self.server.advance(31)
        with self.refused("InvalidParameterValue", "The receipt handle has expired."):
            self.delete(self.fifo, message)
        answer = self.sqs.delete_message_batch(
            QueueUrl=self.fifo, Entries=[{"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}])
        failed, = answer["Failed"]
        self.assertEqual((failed["Code"], failed["SenderFault"]), ("ReceiptHandleIsInvalid", True))
        self.assertIn("The receipt handle has expired", failed["Message"])
        self.assertEqual(self.bodies(self.fifo), ["a"])

    def test_an_extended_handle_lives_until_the_new_deadline(self):
        self.put("a")
        message, = self.receive(self.fifo)
        self.sqs.change_message_visibility(
            QueueUrl=self.fifo, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=100)
        self.server.advance(90)
        self.delete(self.fifo, message)
        self.assertEqual(self.receive(self.fifo), [])

    def test_the_same_attempt_gets_the_same_messages_and_handles(self):
        for body in "ab":
            self.put(body)
        first = self.receive(self.fifo, ReceiveRequestAttemptId="try")
        second = self.receive(self.fifo, ReceiveRequestAttemptId="try")
        self.assertEqual([message["ReceiptHandle"] for message in second],
                         [message["ReceiptHandle"] for message in first])

    def test_both_ids_are_needed_and_have_their_form(self):
        with self.refused("MissingParameter", "MessageGroupId"):
            self.send(self.fifo, "x", MessageDeduplicationId="d")
        with self.refused("InvalidParameterValue", "ContentBasedDeduplication"):
            self.send(self.fifo, "x", MessageGroupId="g")
        with self.refused("InvalidParameterValue", "1 to 128 in length."):
            self.put("x", group="a b")
        self.put("x", group="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", dedup="d" * 128)

    def test_a_batch_that_lacks_ids_fails_as_a_whole(self):
        for entry in [{"MessageGroupId": "g"}, {"MessageDeduplicationId": "d"}]:
            with self.refused("InvalidParameterValue"):
                self.sqs.send_message_batch(QueueUrl=self.fifo, Entries=[
                    {"Id": "1", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
                    {"Id": "2", "MessageBody": "y", **entry}])
        self.assertEqual(self.receive(self.fifo), [])

    def test_the_entries_of_a_batch_keep_their_order(self):
        bodies = list("jihgfedcba")
        self.sqs.send_message_batch(QueueUrl=self.fifo, Entries=[
            {"Id": body, "MessageBody": body, "MessageGroupId": "g", "MessageDeduplicationId": body}
            for body in bodies])
        self.assertEqual(self.bodies(self.fifo), bodies)

    def test_only_the_queue_delays(self):
        with self.refused("InvalidParameterValue", "not valid for this queue type"):
            self.put("x", DelaySeconds=2)
        queue = self.queue(fifo=True, DelaySeconds="60")
        self.put("x", queue=queue, DelaySeconds=0)
        self.assertEqual(self.receive(queue), [])
        self.server.advance(61)
        self.assertEqual(self.bodies(queue), ["x"])
