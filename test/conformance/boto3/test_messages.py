# SPDX-License-Identifier: MIT
"""Messages of standard queues: what comes back, delays, timeouts, batches, polls."""

from sqs_case import SqsCase, digest_of_attributes, digest_of_body

BODIES = {
    "plain text": "hello world",
    "Unicode": "héllo ✓ 😀 \u2028",
    "markup": "<a href=\"x\">&amp; &lt; ' ]]></a>",
    "carriage returns": "a\r\nb\rc\n",
    "white space": " \t lead and trail \n ",
    "what forms escape": "a+b c%20d=e&f;g",
}

ATTRIBUTES = {
    "text": {"DataType": "String", "StringValue": "é <✓> \r\n"},
    "trace.id": {"DataType": "String.uuid", "StringValue": "abc"},
    "Count": {"DataType": "Number", "StringValue": "-12.50"},
    "ratio": {"DataType": "Number.float", "StringValue": "1e10"},
    "bin": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    "image": {"DataType": "Binary.png", "BinaryValue": b"\x00\x01\xff"},
}


class SendAndReceive(SqsCase):
    def test_bodies_come_back_unchanged_with_their_digest(self):
        queue = self.queue()
        for what, body in BODIES.items():
            with self.subTest(what):
                sent = self.send(queue, body)
                message, = self.receive(queue)
                self.assertEqual(message["Body"], body)
                self.assertEqual(message["MD5OfBody"], digest_of_body(body))
                self.assertEqual(sent["MD5OfMessageBody"], digest_of_body(body))
                self.assertEqual(message["MessageId"], sent["MessageId"])
                self.delete(queue, message)

    def test_attributes_of_every_type_come_back_with_their_digest(self):
        queue = self.queue()
        sent = self.send(queue, "x", MessageAttributes=ATTRIBUTES)
        self.assertEqual(sent["MD5OfMessageAttributes"], digest_of_attributes(ATTRIBUTES))
        message, = self.receive(queue, MessageAttributeNames=["All"])
        self.assertEqual(message["MessageAttributes"], ATTRIBUTES)
        self.assertEqual(message["MD5OfMessageAttributes"], digest_of_attributes(ATTRIBUTES))

    def test_the_digest_covers_the_attributes_that_were_asked_for(self):
        queue = self.queue(VisibilityTimeout="0")
        self.send(queue, "x", MessageAttributes=ATTRIBUTES)
        for names, expected in [(["Count"], ["Count"]), (["t*"], []), (["t.*"], ["text", "trace.id"]),
                                (["bin", "image", "unknown"], ["bin", "image"])]:
            message, = self.receive(queue, MessageAttributeNames=names)
            subset = {name: ATTRIBUTES[name] for name in expected}
            self.assertEqual(message.get("MessageAttributes", {}), subset)
            self.assertEqual(message.get("MD5OfMessageAttributes"),
                             digest_of_attributes(subset) if subset else None)

    def test_attributes_come_only_when_asked_for(self):
        queue = self.queue()
        self.send(queue, "x", MessageAttributes=ATTRIBUTES)
        message, = self.sqs.receive_message(QueueUrl=queue)["Messages"]
        self.assertEqual(sorted(message), ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"])

    def test_attributes_that_cannot_be_are_refused(self):
        queue = self.queue()
        bad = {
            "empty": {"a": {"DataType": "String", "StringValue": ""}},
            "another type": {"a": {"DataType": "Text", "StringValue": "x"}},
            "no number": {"a": {"DataType": "Number", "StringValue": "one"}},
            "a reserved name": {"AWS.x": {"DataType": "String", "StringValue": "x"}},
            "a forbidden character": {"a": {"DataType": "String", "StringValue": "\x01"}},
            "eleven": {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)},
        }
        for what, attributes in bad.items():
            with self.subTest(what), self.refused("InvalidParameterValue"):
                self.send(queue, "x", MessageAttributes=attributes)

    def test_list_values_are_unsupported(self):
        with self.refused("AWS.SimpleQueueService.UnsupportedOperation",
                          kind=self.sqs.exceptions.UnsupportedOperation):
            self.send(self.queue(), "x", MessageAttributes={
                "a": {"DataType": "String", "StringListValues": ["x"]}})

    def test_system_attributes_say_who_sent_when_and_how_often_it_came(self):
        queue = self.queue(VisibilityTimeout="0")
        header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        sent = self.send(queue, "x", MessageGroupId="tenant", MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": header}})
        self.assertEqual(sent["MD5OfMessageSystemAttributes"], "5ae4d5d7636402d80f4eb6d213245a88")
        self.receive(queue)
        shown = self.receive(queue)[0]["Attributes"]
        self.assertEqual(shown["ApproximateReceiveCount"], "2")
        self.assertEqual(shown["AWSTraceHeader"], header)
        self.assertEqual(shown["MessageGroupId"], "tenant")
        self.assertIn("SenderId", shown)
        for time in ["SentTimestamp", "ApproximateFirstReceiveTimestamp"]:
            self.assertRegex(shown[time], r"^\d{13}$")

    def test_bodies_that_cannot_be_are_refused(self):
        queue = self.queue(MaximumMessageSize="1024")
        self.send(queue, "x" * 1024)
        with self.refused("InvalidParameterValue", "Message must be shorter than 1024 bytes."):
            self.send(queue, "x" * 1025)
        with self.refused("MissingParameter", "MessageBody"):
            self.send(queue, "")
        for text in ["\x00", "\x1b", "\uffff"]:
            with self.refused("InvalidMessageContents", kind=self.sqs.exceptions.InvalidMessageContents):
                self.send(queue, text)

    def test_a_mebibyte_goes_through(self):
        queue = self.queue()
        body = "\r\n&é " * (1048576 // 7)
        self.send(queue, body)
        self.assertEqual(self.bodies(queue), [body])

    def test_a_standard_queue_takes_no_deduplication_id(self):
        with self.refused("InvalidParameterValue"):
            self.send(self.queue(), "x", MessageDeduplicationId="d")

    def test_ranges_of_a_receive_are_refused_in_the_words_of_sqs(self):
        queue = self.queue()
        with self.refused("InvalidParameterValue", "Must be between 1 and 10, if provided."):
            self.receive(queue, 11)
        with self.refused("InvalidParameterValue", "Must be >= 0 and <= 20, if provided."):
            self.receive(queue, WaitTimeSeconds=21)
        with self.refused("InvalidParameterValue"):
            self.receive(queue, VisibilityTimeout=43201)

    def test_an_empty_queue_has_no_messages_member(self):
        self.assertNotIn("Messages", self.sqs.receive_message(QueueUrl=self.queue()))


class Time(SqsCase):
    def test_a_delayed_message_comes_after_its_delay(self):
        queue = self.queue(DelaySeconds="60")
        self.send(queue, "the queue's")
        self.send(queue, "none", DelaySeconds=0)
        self.send(queue, "its own", DelaySeconds=900)
        self.assertEqual(self.bodies(queue, VisibilityTimeout=43200), ["none"])
        self.server.advance(61)
        self.assertEqual(self.bodies(queue, VisibilityTimeout=43200), ["the queue's"])
        self.server.advance(840)
        self.assertEqual(self.bodies(queue), ["its own"])
        with self.refused("InvalidParameterValue"):
            self.send(queue, "x", DelaySeconds=901)

    def test_a_message_comes_back_when_its_timeout_ends(self):
        queue = self.queue(VisibilityTimeout="100")
        self.send(queue, "x")
        first, = self.receive(queue)
        self.assertEqual(self.receive(queue), [])
        self.server.advance(101)
        second, = self.receive(queue)
        self.assertEqual(second["Attributes"]["ApproximateReceiveCount"], "2")
        self.delete(queue, first)  # answered, but the message is another receiver's now
        self.server.advance(101)
        self.assertEqual(len(self.receive(queue)), 1)

    def test_a_standard_message_is_deleted_by_its_newest_handle_also_late(self):
        queue = self.queue()
        self.send(queue, "x")
        message, = self.receive(queue)
        self.server.advance(31)
        self.delete(queue, message)
        self.delete(queue, message)
        self.assertEqual(self.receive(queue), [])

    def test_a_timeout_is_changed_and_ends_early_or_late(self):
        queue = self.queue()
        self.send(queue, "x")
        message, = self.receive(queue)
        self.sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=500)
        self.server.advance(400)
        self.assertEqual(self.receive(queue), [])
        self.sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        again, = self.receive(queue)
        self.assertEqual(again["Attributes"]["ApproximateReceiveCount"], "2")
        self.delete(queue, again)
        with self.refused("InvalidParameterValue", "not available for visibility timeout change"):
            self.sqs.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=1)

    def test_twelve_hours_since_the_receive_are_the_limit(self):
        queue = self.queue(VisibilityTimeout="43200")
        self.send(queue, "x")
        message, = self.receive(queue)
        self.server.advance(10)
        with self.refused("InvalidParameterValue", "beyond the limit [43200 seconds]"):
            self.sqs.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43200)

    def test_a_message_vanishes_at_the_end_of_its_retention(self):
        queue = self.queue(MessageRetentionPeriod="60")
        self.send(queue, "x")
        self.server.advance(61)
        self.assertEqual(self.receive(queue), [])

    def test_nonsense_and_handles_of_another_queue_are_no_handles(self):
        one, two = self.queue(), self.queue()
        self.send(one, "x")
        message, = self.receive(one)
        for handle in ["nonsense", message["ReceiptHandle"]]:
            with self.refused("ReceiptHandleIsInvalid", "is not a valid receipt handle",
                              self.sqs.exceptions.ReceiptHandleIsInvalid, 404):
                self.sqs.delete_message(QueueUrl=two, ReceiptHandle=handle)


class LongPolls(SqsCase):
    def test_a_send_ends_a_long_poll(self):
        queue = self.queue()
        another = self.server.client()
        found = self.while_waiting(lambda: another.send_message(QueueUrl=queue, MessageBody="x"),
                                   lambda: self.bodies(queue, WaitTimeSeconds=20))
        self.assertEqual(found, ["x"])

    def test_a_deleted_queue_ends_a_long_poll(self):
        queue = self.queue(ReceiveMessageWaitTimeSeconds="20")
        another = self.server.client()

        def wait():
            try:
                return self.receive(queue)
            except self.sqs.exceptions.QueueDoesNotExist:
                return []

        self.assertEqual(self.while_waiting(lambda: another.delete_queue(QueueUrl=queue), wait), [])

    def test_a_long_poll_that_finds_nothing_ends_without_messages(self):
        self.assertEqual(self.receive(self.queue(), WaitTimeSeconds=1), [])


class Batches(SqsCase):
    def test_a_bad_entry_fails_alone(self):
        queue = self.queue(MaximumMessageSize="1024")
        attributes = {"bin": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
        answer = self.sqs.send_message_batch(QueueUrl=queue, Entries=[
            {"Id": "good", "MessageBody": "é\r\n", "MessageAttributes": attributes},
            {"Id": "long", "MessageBody": "x" * 1025},
            {"Id": "bad", "MessageBody": "\x01"},
            {"Id": "late", "MessageBody": "y", "DelaySeconds": 901}])
        good, = answer["Successful"]
        self.assertEqual(good["MD5OfMessageBody"], digest_of_body("é\r\n"))
        self.assertEqual(good["MD5OfMessageAttributes"], digest_of_attributes(attributes))
        self.assertEqual([(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]], [
            ("long", "InvalidParameterValue", True), ("bad", "InvalidMessageContents", True),
            ("late", "InvalidParameterValue", True)])
        self.assertEqual(self.bodies(queue), ["é\r\n"])

    def test_ten_entries_go_in_and_out(self):
        queue = self.queue()
        ids = [f"e{n}" for n in range(10)]
        sent = self.sqs.send_message_batch(
            QueueUrl=queue, Entries=[{"Id": id, "MessageBody": id} for id in ids])
        self.assertEqual([entry["Id"] for entry in sent["Successful"]], ids)
        self.assertNotIn("Failed", sent)
        messages = self.receive(queue)
        self.assertEqual([message["Body"] for message in messages], ids)
        gone = self.sqs.delete_message_batch(QueueUrl=queue, Entries=[
            {"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages])
        self.assertEqual([entry["Id"] for entry in gone["Successful"]], ids)

    def test_batches_that_fail_as_a_whole_have_their_class(self):
        queue = self.queue()
        entry = {"Id": "1", "MessageBody": "x"}
        kinds = self.sqs.exceptions
        for kind, code, entries in [
                (kinds.EmptyBatchRequest, "EmptyBatchRequest", []),
                (kinds.TooManyEntriesInBatchRequest, "TooManyEntriesInBatchRequest",
                 [{"Id": str(n), "MessageBody": "x"} for n in range(11)]),
                (kinds.BatchEntryIdsNotDistinct, "BatchEntryIdsNotDistinct", [entry, entry]),
                (kinds.InvalidBatchEntryId, "InvalidBatchEntryId", [{"Id": "a.b", "MessageBody": "x"}]),
                (kinds.BatchRequestTooLong, "BatchRequestTooLong",
                 [{"Id": str(n), "MessageBody": "x" * 600000} for n in range(2)])]:
            with self.subTest(code), self.refused(f"AWS.SimpleQueueService.{code}", kind=kind):
                self.sqs.send_message_batch(QueueUrl=queue, Entries=entries)
        self.assertEqual(self.receive(queue), [])

    def test_deletes_and_changes_of_timeouts_fail_entry_by_entry(self):
        queue = self.queue()
        for body in "ab":
            self.send(queue, body)
        one, two = self.receive(queue)
        answer = self.sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
            {"Id": "good", "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0},
            {"Id": "nonsense", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
            {"Id": "long", "ReceiptHandle": two["ReceiptHandle"], "VisibilityTimeout": 43201}])
        self.assertEqual([entry["Id"] for entry in answer["Successful"]], ["good"])
        self.assertEqual([(entry["Id"], entry["Code"]) for entry in answer["Failed"]],
                         [("nonsense", "ReceiptHandleIsInvalid"), ("long", "InvalidParameterValue")])
        self.assertEqual(self.bodies(queue), ["a"])
        answer = self.sqs.delete_message_batch(QueueUrl=queue, Entries=[
            {"Id": "good", "ReceiptHandle": two["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "nonsense"}])
        self.assertEqual([entry["Id"] for entry in answer["Successful"]], ["good"])
        self.assertEqual(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid")
