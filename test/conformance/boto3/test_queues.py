# SPDX-License-Identifier: MIT
"""Queues: their life, attributes, pages of lists, tags and permissions."""

import json

import boto3

import local_sqs
from sqs_case import SqsCase

ANOTHER_ACCOUNT = "123456789012"


class QueueLife(SqsCase):
    def test_a_queue_is_created_found_listed_and_deleted(self):
        name = self.name()
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.assertEqual(url, f"{self.server.url}/000000000000/{name}")
        self.assertEqual(self.sqs.get_queue_url(QueueName=name)["QueueUrl"], url)
        self.assertEqual(self.sqs.list_queues(QueueNamePrefix=name)["QueueUrls"], [url])
        self.sqs.delete_queue(QueueUrl=url)
        self.assertNotIn("QueueUrls", self.sqs.list_queues(QueueNamePrefix=name))

    def test_an_unknown_queue_has_its_code_and_class(self):
        with self.refused("AWS.SimpleQueueService.NonExistentQueue", "does not exist",
                          self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.get_queue_url(QueueName=self.name())
        with self.refused("AWS.SimpleQueueService.NonExistentQueue", "does not exist",
                          self.sqs.exceptions.QueueDoesNotExist):
            self.send(f"{self.server.url}/000000000000/{self.name()}", "lost")

    def test_a_name_has_1_to_80_letters_digits_hyphens_and_underscores(self):
        self.sqs.create_queue(QueueName="n" * 80)
        for name in ["n" * 81, "a.b", "a b", "é"]:
            with self.refused("InvalidParameterValue"):
                self.sqs.create_queue(QueueName=name)

    def test_the_fifo_suffix_and_the_attribute_go_together(self):
        with self.refused("InvalidParameterValue"):
            self.sqs.create_queue(QueueName=self.name(".fifo"))
        with self.refused("InvalidParameterValue"):
            self.sqs.create_queue(QueueName=self.name(), Attributes={"FifoQueue": "true"})
        with self.refused("InvalidAttributeName", "Unknown Attribute FifoQueue."):
            self.sqs.create_queue(QueueName=self.name(), Attributes={"FifoQueue": "false"})

    def test_creating_it_again_is_idempotent_unless_a_value_differs(self):
        name = self.name()
        url = self.sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})["QueueUrl"]
        self.assertEqual(self.sqs.create_queue(QueueName=name)["QueueUrl"], url)
        with self.refused("QueueAlreadyExists", "different value for attribute DelaySeconds",
                          self.sqs.exceptions.QueueNameExists):
            self.sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "6"})

    def test_a_purge_removes_visible_hidden_and_delayed_messages(self):
        queue = self.queue()
        for body in "ab":
            self.send(queue, body)
        self.receive(queue, 1)
        self.send(queue, "c", DelaySeconds=900)
        self.sqs.purge_queue(QueueUrl=queue)
        counters = self.attributes(queue)
        for counter in ["", "NotVisible", "Delayed"]:
            self.assertEqual(counters[f"ApproximateNumberOfMessages{counter}"], "0")

    def test_the_resources_of_boto3_work_as_well(self):
        sqs = boto3.resource("sqs", **self.server.arguments())
        queue = sqs.create_queue(QueueName=self.name(), Attributes={"VisibilityTimeout": "9"})
        self.assertEqual(queue.attributes["VisibilityTimeout"], "9")
        queue.send_messages(Entries=[{"Id": "1", "MessageBody": "one"}, {"Id": "2", "MessageBody": "two"}])
        messages = queue.receive_messages(MaxNumberOfMessages=10)
        self.assertEqual([message.body for message in messages], ["one", "two"])
        messages[0].delete()
        messages[1].change_visibility(VisibilityTimeout=0)
        self.assertEqual([message.body for message in queue.receive_messages()], ["two"])
        self.assertEqual(sqs.get_queue_by_name(QueueName=queue.url.rsplit("/", 1)[1]).url, queue.url)
        queue.delete()


class Attributes(SqsCase):
    def test_a_standard_queue_shows_the_defaults_and_nothing_of_fifo(self):
        shown = self.attributes(self.queue())
        self.assertRegex(shown.pop("QueueArn"), r"^arn:aws:sqs:us-east-1:000000000000:q-")
        self.assertRegex(shown.pop("CreatedTimestamp"), r"^\d{10}$")
        self.assertRegex(shown.pop("LastModifiedTimestamp"), r"^\d{10}$")
        self.assertEqual(shown, {
            "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0", "DelaySeconds": "0",
            "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
            "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
            "VisibilityTimeout": "30"})

    def test_a_fifo_queue_shows_its_four_attributes(self):
        shown = self.attributes(self.queue(fifo=True))
        self.assertEqual(
            [shown[name] for name in ["FifoQueue", "ContentBasedDeduplication",
                                      "DeduplicationScope", "FifoThroughputLimit"]],
            ["true", "false", "queue", "perQueue"])

    def test_every_attribute_that_is_set_is_shown(self):
        queue, source = self.queue(), self.queue()
        given = {
            "DelaySeconds": "7", "MaximumMessageSize": "2048", "MessageRetentionPeriod": "600",
            "ReceiveMessageWaitTimeSeconds": "3", "VisibilityTimeout": "43200",
            "KmsMasterKeyId": "alias/mine", "KmsDataKeyReusePeriodSeconds": "60",
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": []}),
            "RedriveAllowPolicy": json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [self.arn(source)]}),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": self.arn(source), "maxReceiveCount": "4"})}
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes=given)
        shown = self.attributes(queue)
        for name, value in given.items():
            if value.startswith("{"):
                continue
            self.assertEqual(shown[name], value, name)
        self.assertEqual(json.loads(shown["Policy"]), json.loads(given["Policy"]))
        self.assertEqual(json.loads(shown["RedriveAllowPolicy"]), json.loads(given["RedriveAllowPolicy"]))
        self.assertEqual(json.loads(shown["RedrivePolicy"]),
                         {"deadLetterTargetArn": self.arn(source), "maxReceiveCount": 4})
        self.assertEqual(shown["SqsManagedSseEnabled"], "false")
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": "", "Policy": ""})
        self.assertNotIn("RedrivePolicy", self.attributes(queue))
        self.assertNotIn("Policy", self.attributes(queue))

    def test_fifo_attributes_that_are_set_are_shown(self):
        queue = self.queue(fifo=True)
        given = {"ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup",
                 "FifoThroughputLimit": "perMessageGroupId"}
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes=given)
        self.assertEqual(self.attributes(queue, *given), given)
        with self.refused("InvalidAttributeValue", "Modifying queue type is not supported"):
            self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"FifoQueue": "false"})

    def test_values_out_of_range_and_unknown_names_are_refused(self):
        queue = self.queue()
        for name, value in [("DelaySeconds", "901"), ("MaximumMessageSize", "1023"),
                            ("MessageRetentionPeriod", "59"), ("ReceiveMessageWaitTimeSeconds", "21"),
                            ("VisibilityTimeout", "43201"), ("KmsDataKeyReusePeriodSeconds", "59")]:
            with self.refused("InvalidAttributeValue", name):
                self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: value})
        for name in ["QueueArn", "CreatedTimestamp", "ApproximateNumberOfMessages", "Nonsense"]:
            with self.refused("InvalidAttributeName", name):
                self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: "1"})
        with self.refused("InvalidAttributeName", "Unknown Attribute Nonsense.",
                          self.sqs.exceptions.InvalidAttributeName):
            self.attributes(queue, "Nonsense")

    def test_no_names_show_no_attributes(self):
        self.assertNotIn("Attributes", self.sqs.get_queue_attributes(QueueUrl=self.queue()))

    def test_the_three_counters_count_apart(self):
        queue = self.queue()
        for body in "abc":
            self.send(queue, body)
        self.receive(queue, 1)
        self.send(queue, "d", DelaySeconds=900)
        shown = self.attributes(queue)
        self.assertEqual([shown[f"ApproximateNumberOfMessages{name}"]
                          for name in ["", "NotVisible", "Delayed"]], ["2", "1", "1"])


class Pages(SqsCase):
    def test_the_pages_of_a_list_are_complete_and_without_duplicates(self):
        prefix = self.name()
        urls = [self.sqs.create_queue(QueueName=f"{prefix}-{n:02}")["QueueUrl"] for n in range(7)]
        pages = self.sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=prefix, PaginationConfig={"PageSize": 3})
        self.assertEqual([page["QueueUrls"] for page in pages], [urls[:3], urls[3:6], urls[6:]])

    def test_a_token_comes_only_with_max_results_and_more_to_come(self):
        prefix = self.name()
        for n in range(2):
            self.sqs.create_queue(QueueName=f"{prefix}-{n}")
        self.assertNotIn("NextToken", self.sqs.list_queues(QueueNamePrefix=prefix))
        self.assertNotIn("NextToken", self.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2))
        self.assertIn("NextToken", self.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=1))
        with self.refused("InvalidParameterValue"):
            self.sqs.list_queues(MaxResults=1001)
        with self.refused("InvalidParameterValue"):
            self.sqs.list_queues(MaxResults=1, NextToken="nonsense")

    def test_sources_of_a_dead_letter_queue_come_in_pages(self):
        dlq = self.queue()
        policy = json.dumps({"deadLetterTargetArn": self.arn(dlq), "maxReceiveCount": 2})
        sources = sorted(self.queue(RedrivePolicy=policy) for _ in range(5))
        pages = self.sqs.get_paginator("list_dead_letter_source_queues").paginate(
            QueueUrl=dlq, PaginationConfig={"PageSize": 2})
        self.assertEqual([page["queueUrls"] for page in pages], [sources[:2], sources[2:4], sources[4:]])


class Tags(SqsCase):
    def test_tags_are_set_overwritten_listed_and_removed(self):
        queue = self.sqs.create_queue(QueueName=self.name(), tags={"team": "shop", "é": "ü"})["QueueUrl"]
        self.sqs.tag_queue(QueueUrl=queue, Tags={"team": "mail", "Team": ""})
        self.assertEqual(self.sqs.list_queue_tags(QueueUrl=queue)["Tags"],
                         {"team": "mail", "Team": "", "é": "ü"})
        self.sqs.untag_queue(QueueUrl=queue, TagKeys=["team", "Team", "é", "unknown"])
        self.assertNotIn("Tags", self.sqs.list_queue_tags(QueueUrl=queue))

    def test_more_than_fifty_tags_or_a_long_key_are_refused(self):
        queue = self.queue()
        with self.refused("InvalidParameterValue"):
            self.sqs.tag_queue(QueueUrl=queue, Tags={f"t{n}": "" for n in range(51)})
        with self.refused("InvalidParameterValue"):
            self.sqs.tag_queue(QueueUrl=queue, Tags={"k" * 129: "v"})


class Permissions(SqsCase):
    def test_permissions_make_a_policy_and_the_last_one_takes_it_along(self):
        queue = self.queue()
        self.sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=[ANOTHER_ACCOUNT],
                                Actions=["SendMessage", "ReceiveMessage"])
        self.sqs.add_permission(QueueUrl=queue, Label="two", AWSAccountIds=[ANOTHER_ACCOUNT], Actions=["*"])
        first, second = json.loads(self.attributes(queue, "Policy")["Policy"])["Statement"]
        self.assertEqual(first, {
            "Sid": "one", "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ANOTHER_ACCOUNT}:root"},
            "Action": ["SQS:SendMessage", "SQS:ReceiveMessage"], "Resource": self.arn(queue)})
        self.assertEqual(second["Action"], "SQS:*")
        with self.refused("InvalidParameterValue", "Already exists."):
            self.sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=[ANOTHER_ACCOUNT], Actions=["*"])
        for label in ["one", "two"]:
            self.sqs.remove_permission(QueueUrl=queue, Label=label)
        self.assertNotIn("Attributes", self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"]))
        with self.refused("InvalidParameterValue", "can't find label"):
            self.sqs.remove_permission(QueueUrl=queue, Label="one")


class WaitsOfAws(SqsCase):
    @classmethod
    def setUpClass(cls):
        cls.server = local_sqs.shared("--purge-wait", "--recreate-wait", "--in-flight-limit", "2")
        cls.sqs = cls.server.client()

    def test_a_second_purge_within_a_minute_is_refused(self):
        queue = self.queue()
        self.sqs.purge_queue(QueueUrl=queue)
        with self.refused("AWS.SimpleQueueService.PurgeQueueInProgress", "every 60 seconds",
                          self.sqs.exceptions.PurgeQueueInProgress, 403):
            self.sqs.purge_queue(QueueUrl=queue)
        self.server.advance(61)
        self.sqs.purge_queue(QueueUrl=queue)

    def test_the_name_of_a_deleted_queue_is_free_after_a_minute(self):
        name = self.name()
        self.sqs.delete_queue(QueueUrl=self.sqs.create_queue(QueueName=name)["QueueUrl"])
        with self.refused("AWS.SimpleQueueService.QueueDeletedRecently", "wait 60 seconds",
                          self.sqs.exceptions.QueueDeletedRecently):
            self.sqs.create_queue(QueueName=name)
        self.server.advance(61)
        self.sqs.create_queue(QueueName=name)

    def test_a_standard_queue_refuses_a_short_poll_above_its_limit_in_flight(self):
        queue = self.queue()
        for body in "abc":
            self.send(queue, body)
        self.receive(queue, 2)
        with self.refused("OverLimit", kind=self.sqs.exceptions.OverLimit, status=403):
            self.receive(queue)
