# SPDX-License-Identifier: MIT
"""Dead-letter queues, and move tasks where this boto3 knows them."""

import json
import unittest

import local_sqs
from sqs_case import SqsCase

KNOWS_MOVE_TASKS = hasattr(local_sqs.shared().client(), "start_message_move_task")


class DeadLetters(SqsCase):
    def pair(self, receives=3, fifo=False):
        """A queue and its dead-letter queue."""
        dlq = self.queue(fifo=fifo)
        policy = json.dumps({"deadLetterTargetArn": self.arn(dlq), "maxReceiveCount": receives})
        return self.queue(fifo=fifo, RedrivePolicy=policy), dlq

    def kill(self, queue, receives):
        for _ in range(receives):
            self.receive(queue, VisibilityTimeout=0)

    def test_three_deliveries_then_the_fourth_attempt_moves(self):
        queue, dlq = self.pair(3)
        sent = self.send(queue, "x", MessageAttributes={"a": {"DataType": "Number", "StringValue": "1"}})
        counts = [self.receive(queue, VisibilityTimeout=0)[0]["Attributes"]["ApproximateReceiveCount"]
                  for _ in range(3)]
        self.assertEqual(counts, ["1", "2", "3"])
        self.assertEqual(self.receive(dlq), [])
        self.assertEqual(self.receive(queue), [])
        dead, = self.receive(dlq, MessageAttributeNames=["All"])
        self.assertEqual(dead["MessageId"], sent["MessageId"])
        self.assertEqual(dead["Attributes"]["ApproximateReceiveCount"], "4")
        self.assertEqual(dead["Attributes"]["DeadLetterQueueSourceArn"], self.arn(queue))
        self.assertEqual(dead["MessageAttributes"]["a"]["StringValue"], "1")

    def test_a_fifo_group_goes_on_after_its_head_died(self):
        queue, dlq = self.pair(1, fifo=True)
        for body in "ab":
            self.send(queue, body, MessageGroupId="g", MessageDeduplicationId=body)
        self.receive(queue, 1, VisibilityTimeout=0)
        self.assertEqual(self.bodies(queue), ["b"])
        dead, = self.receive(dlq)
        self.assertEqual(dead["Attributes"]["MessageGroupId"], "g")
        self.assertEqual(dead["Attributes"]["MessageDeduplicationId"], dead["MessageId"])

    def test_a_policy_needs_a_queue_of_the_same_type_that_is_there(self):
        queue, fifo = self.queue(), self.queue(fifo=True)
        missing = self.arn(queue)[:-4]
        for target, receives in [(self.arn(fifo), 1), (missing, 1), (self.arn(queue), 0),
                                 (self.arn(queue), 1001), (self.arn(queue), "x")]:
            with self.refused("InvalidParameterValue"):
                self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(
                    {"deadLetterTargetArn": target, "maxReceiveCount": receives})})

    def test_a_dead_letter_queue_may_deny_its_sources(self):
        dlq = self.queue(RedriveAllowPolicy='{"redrivePermission":"denyAll"}')
        with self.refused("InvalidParameterValue"):
            self.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": self.arn(dlq), "maxReceiveCount": 1}))

    @unittest.skipUnless(KNOWS_MOVE_TASKS, "boto3 of before 2023 knows no move tasks")
    def test_a_move_task_brings_dead_letters_back_as_new_messages(self):
        queue, dlq = self.pair(1)
        sent = self.send(queue, "x")
        self.kill(queue, 2)
        self.sqs.start_message_move_task(SourceArn=self.arn(dlq))
        again, = self.receive(queue, WaitTimeSeconds=20)
        self.assertNotEqual(again["MessageId"], sent["MessageId"])
        self.assertEqual(again["Attributes"]["ApproximateReceiveCount"], "1")
        task, = self.sqs.list_message_move_tasks(SourceArn=self.arn(dlq))["Results"]
        self.assertEqual((task["Status"], task["ApproximateNumberOfMessagesMoved"]), ("COMPLETED", 1))
        self.assertNotIn("TaskHandle", task)

    @unittest.skipUnless(KNOWS_MOVE_TASKS, "boto3 of before 2023 knows no move tasks")
    def test_a_move_task_is_cancelled(self):
        queue, dlq = self.pair(1)
        for body in "abc":
            self.send(queue, body)
        self.kill(queue, 2)
        task = self.sqs.start_message_move_task(
            SourceArn=self.arn(dlq), DestinationArn=self.arn(queue), MaxNumberOfMessagesPerSecond=1)
        with self.refused("InvalidParameterValue", "already a task running"):
            self.sqs.start_message_move_task(SourceArn=self.arn(dlq))
        self.sqs.cancel_message_move_task(TaskHandle=task["TaskHandle"])
        with self.refused("ResourceNotFoundException", "doesn't exist", status=404):
            self.sqs.start_message_move_task(SourceArn=self.arn(dlq) + "x")
