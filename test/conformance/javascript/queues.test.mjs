// SPDX-License-Identifier: MIT
//
// Queues: their life, attributes, pages of lists, tags and permissions.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import {
  InvalidAttributeName, InvalidAttributeValue, OverLimit, PurgeQueueInProgress, QueueDeletedRecently,
  QueueDoesNotExist, QueueNameExists, SQSServiceException, paginateListDeadLetterSourceQueues,
  paginateListQueues,
} from '@aws-sdk/client-sqs';

import { LocalSqs, Queues, refused } from './local_sqs.mjs';

let server, queues, sqs;

before(async () => {
  server = await LocalSqs.shared();
  queues = new Queues(server);
  sqs = queues.sqs;
});

async function pagesOf(pages) {
  const all = [];
  for await (const page of pages) all.push(page.QueueUrls ?? page.queueUrls);
  return all;
}

describe('the life of a queue', () => {
  test('a queue is created, found, listed and deleted', async () => {
    const QueueName = Queues.name();
    const { QueueUrl } = await sqs.createQueue({ QueueName });
    assert.equal(QueueUrl, `${server.url}/000000000000/${QueueName}`);
    assert.equal((await sqs.getQueueUrl({ QueueName })).QueueUrl, QueueUrl);
    assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: QueueName })).QueueUrls, [QueueUrl]);
    await sqs.deleteQueue({ QueueUrl });
    assert.equal((await sqs.listQueues({ QueueNamePrefix: QueueName })).QueueUrls, undefined);
  });

  test('an unknown queue has its class and its code', async () => {
    await refused(sqs.getQueueUrl({ QueueName: Queues.name() }), QueueDoesNotExist,
      'AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.');
    await refused(queues.send(`${server.url}/000000000000/${Queues.name()}`, 'lost'), QueueDoesNotExist,
      'AWS.SimpleQueueService.NonExistentQueue');
  });

  test('names, the FIFO suffix and its attribute are checked', async () => {
    for (const QueueName of ['n'.repeat(81), 'a.b', 'a b', Queues.name('.fifo')])
      await refused(sqs.createQueue({ QueueName }), SQSServiceException, 'InvalidParameterValue');
    await refused(sqs.createQueue({ QueueName: Queues.name(), Attributes: { FifoQueue: 'false' } }),
      InvalidAttributeName, 'InvalidAttributeName', 'Unknown Attribute FifoQueue.');
  });

  test('creating it again is idempotent unless a value differs', async () => {
    const QueueName = Queues.name();
    const first = await sqs.createQueue({ QueueName, Attributes: { DelaySeconds: '5' } });
    assert.equal((await sqs.createQueue({ QueueName })).QueueUrl, first.QueueUrl);
    await refused(sqs.createQueue({ QueueName, Attributes: { DelaySeconds: '6' } }), QueueNameExists,
      'QueueAlreadyExists', 'different value for attribute DelaySeconds');
  });

  test('a purge empties it', async () => {
    const QueueUrl = await queues.make();
    await queues.send(QueueUrl, 'a');
    await queues.send(QueueUrl, 'b', { DelaySeconds: 900 });
    await sqs.purgeQueue({ QueueUrl });
    const shown = await queues.attributes(QueueUrl);
    assert.equal(shown.ApproximateNumberOfMessages, '0');
    assert.equal(shown.ApproximateNumberOfMessagesDelayed, '0');
  });
});

describe('attributes', () => {
  test('a standard queue shows the defaults and nothing of FIFO', async () => {
    const shown = await queues.attributes(await queues.make());
    for (const name of ['QueueArn', 'CreatedTimestamp', 'LastModifiedTimestamp']) {
      assert.ok(shown[name], name);
      delete shown[name];
    }
    assert.deepEqual(shown, {
      ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesDelayed: '0',
      ApproximateNumberOfMessagesNotVisible: '0', DelaySeconds: '0', MaximumMessageSize: '1048576',
      MessageRetentionPeriod: '345600', ReceiveMessageWaitTimeSeconds: '0', SqsManagedSseEnabled: 'true',
      VisibilityTimeout: '30',
    });
  });

  test('every attribute that is set is shown', async () => {
    const [QueueUrl, another] = [await queues.make(), await queues.make()];
    const arn = await queues.arn(another);
    const Attributes = {
      DelaySeconds: '7', MaximumMessageSize: '2048', MessageRetentionPeriod: '600',
      ReceiveMessageWaitTimeSeconds: '3', VisibilityTimeout: '43200', KmsMasterKeyId: 'alias/mine',
      KmsDataKeyReusePeriodSeconds: '60', Policy: '{"Version":"2012-10-17","Statement":[]}',
      RedriveAllowPolicy: '{"redrivePermission":"denyAll"}',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 4 }),
    };
    await sqs.setQueueAttributes({ QueueUrl, Attributes });
    const shown = await queues.attributes(QueueUrl, ...Object.keys(Attributes));
    assert.deepEqual(shown, Attributes);
  });

  test('a FIFO queue shows its four attributes as they are set', async () => {
    const QueueUrl = await queues.fifo();
    const names = ['FifoQueue', 'ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit'];
    assert.deepEqual(await queues.attributes(QueueUrl, ...names), {
      FifoQueue: 'true', ContentBasedDeduplication: 'false', DeduplicationScope: 'queue',
      FifoThroughputLimit: 'perQueue',
    });
    const Attributes = {
      ContentBasedDeduplication: 'true', DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    };
    await sqs.setQueueAttributes({ QueueUrl, Attributes });
    assert.deepEqual(await queues.attributes(QueueUrl, ...names.slice(1)), Attributes);
  });

  test('values out of range and unknown names have their classes', async () => {
    const QueueUrl = await queues.make();
    await refused(sqs.setQueueAttributes({ QueueUrl, Attributes: { VisibilityTimeout: '43201' } }),
      InvalidAttributeValue, 'InvalidAttributeValue', 'VisibilityTimeout');
    await refused(sqs.setQueueAttributes({ QueueUrl, Attributes: { QueueArn: 'x' } }),
      InvalidAttributeName, 'InvalidAttributeName');
    await refused(queues.attributes(QueueUrl, 'Nonsense'), InvalidAttributeName, 'InvalidAttributeName',
      'Unknown Attribute Nonsense.');
  });

  test('the three counters count apart', async () => {
    const queue = await queues.make();
    for (const body of ['a', 'b', 'c']) await queues.send(queue, body);
    await queues.receive(queue, { MaxNumberOfMessages: 1 });
    await queues.send(queue, 'd', { DelaySeconds: 900 });
    const shown = await queues.attributes(queue);
    assert.deepEqual(['', 'NotVisible', 'Delayed'].map((n) => shown[`ApproximateNumberOfMessages${n}`]),
      ['2', '1', '1']);
  });
});

describe('pages', () => {
  test('the pages of a list are complete and without duplicates', async () => {
    const prefix = Queues.name();
    const urls = [];
    for (let n = 0; n < 7; n++) urls.push((await sqs.createQueue({ QueueName: `${prefix}-${n}` })).QueueUrl);
    const pages = await pagesOf(paginateListQueues({ client: sqs, pageSize: 3 }, { QueueNamePrefix: prefix }));
    assert.deepEqual(pages, [urls.slice(0, 3), urls.slice(3, 6), urls.slice(6)]);
    assert.equal((await sqs.listQueues({ QueueNamePrefix: prefix })).NextToken, undefined);
  });

  test('sources of a dead-letter queue come in pages', async () => {
    const dlq = await queues.make();
    const policy = JSON.stringify({ deadLetterTargetArn: await queues.arn(dlq), maxReceiveCount: 2 });
    const sources = [];
    for (let n = 0; n < 3; n++) sources.push(await queues.make({ RedrivePolicy: policy }));
    sources.sort();
    const pages = await pagesOf(paginateListDeadLetterSourceQueues({ client: sqs, pageSize: 2 },
      { QueueUrl: dlq }));
    assert.deepEqual(pages, [sources.slice(0, 2), sources.slice(2)]);
  });

  test('a bad token or number of results is refused', async () => {
    await refused(sqs.listQueues({ MaxResults: 1001 }), SQSServiceException, 'InvalidParameterValue');
    await refused(sqs.listQueues({ MaxResults: 1, NextToken: 'nonsense' }), SQSServiceException,
      'InvalidParameterValue');
  });
});

describe('tags and permissions', () => {
  test('tags are set, overwritten, listed and removed', async () => {
    const { QueueUrl } = await sqs.createQueue({ QueueName: Queues.name(), tags: { team: 'shop', é: 'ü' } });
    await sqs.tagQueue({ QueueUrl, Tags: { team: 'mail', Team: '' } });
    assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { team: 'mail', Team: '', é: 'ü' });
    await sqs.untagQueue({ QueueUrl, TagKeys: ['team', 'Team', 'é', 'unknown'] });
    assert.equal((await sqs.listQueueTags({ QueueUrl })).Tags, undefined);
  });

  test('permissions make a policy and the last one takes it along', async () => {
    const QueueUrl = await queues.make();
    const AWSAccountIds = ['123456789012'];
    await sqs.addPermission({ QueueUrl, Label: 'one', AWSAccountIds, Actions: ['SendMessage', 'ReceiveMessage'] });
    const [statement] = JSON.parse((await queues.attributes(QueueUrl, 'Policy')).Policy).Statement;
    assert.deepEqual(statement.Action, ['SQS:SendMessage', 'SQS:ReceiveMessage']);
    assert.deepEqual(statement.Principal, { AWS: 'arn:aws:iam::123456789012:root' });
    await refused(sqs.addPermission({ QueueUrl, Label: 'one', AWSAccountIds, Actions: ['*'] }),
      SQSServiceException, 'InvalidParameterValue', 'Already exists.');
    await sqs.removePermission({ QueueUrl, Label: 'one' });
    assert.deepEqual(await queues.attributes(QueueUrl, 'Policy'), {});
    await refused(sqs.removePermission({ QueueUrl, Label: 'one' }), SQSServiceException,
      'InvalidParameterValue', "can't find label");
  });
});

describe('the waits and limits of AWS, on request', () => {
  let strict, careful;

  before(async () => {
    strict = await LocalSqs.shared(['--purge-wait', '--recreate-wait', '--in-flight-limit', '2']);
    careful = new Queues(strict);
  });

  test('a second purge within a minute is refused', async () => {
    const QueueUrl = await careful.make();
    await careful.sqs.purgeQueue({ QueueUrl });
    await refused(careful.sqs.purgeQueue({ QueueUrl }), PurgeQueueInProgress,
      'AWS.SimpleQueueService.PurgeQueueInProgress', 'every 60 seconds', 403);
  });

  test('the name of a deleted queue is free after a minute', async () => {
    const QueueName = Queues.name();
    await careful.sqs.deleteQueue(await careful.sqs.createQueue({ QueueName }));
    await refused(careful.sqs.createQueue({ QueueName }), QueueDeletedRecently,
      'AWS.SimpleQueueService.QueueDeletedRecently', 'wait 60 seconds');
    await strict.advance(61);
    await careful.sqs.createQueue({ QueueName });
  });

  test('a short poll above the limit in flight is refused', async () => {
    const queue = await careful.make();
    for (const body of ['a', 'b', 'c']) await careful.send(queue, body);
    await careful.receive(queue);
    await refused(careful.receive(queue), OverLimit, 'OverLimit', '', 403);
  });
});
