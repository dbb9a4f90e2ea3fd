// SPDX-License-Identifier: MIT
//
// FIFO queues, dead-letter queues and move tasks.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { ResourceNotFoundException, SQSServiceException } from '@aws-sdk/client-sqs';

import { LocalSqs, Queues, refused } from './local_sqs.mjs';

let server, queues, sqs;

before(async () => {
  server = await LocalSqs.shared();
  queues = new Queues(server);
  sqs = queues.sqs;
});

function put(queue, body, { group = 'g', dedup = body, ...options } = {}) {
  return queues.send(queue, body, { MessageGroupId: group, MessageDeduplicationId: dedup, ...options });
}

describe('FIFO queues', () => {
  test('messages come in order with ascending sequence numbers', async () => {
    const queue = await queues.fifo();
    const numbers = [];
    for (const body of 'abcdefghijkl') numbers.push((await put(queue, body)).SequenceNumber);
    assert.deepEqual(numbers, [...numbers].sort());
    const messages = await queues.receive(queue);
    assert.equal(messages.map((message) => message.Body).join(''), 'abcdefghij');
    assert.deepEqual(messages.map((message) => message.Attributes.SequenceNumber), numbers.slice(0, 10));
    assert.deepEqual(await queues.receive(queue), [], 'the group is in flight');
  });

  test('a group in flight waits, others go on, and what comes back keeps its place', async () => {
    const queue = await queues.fifo();
    await put(queue, 'a');
    await queues.receive(queue);
    await put(queue, 'b');
    await put(queue, 'other', { group: 'h' });
    assert.deepEqual(await queues.bodies(queue, { VisibilityTimeout: 43200 }), ['other']);
    await server.advance(31);
    assert.deepEqual(await queues.bodies(queue), ['a', 'b']);
  });

  test('a duplicate within five minutes is answered like the first', async () => {
    const queue = await queues.fifo();
    const first = await put(queue, 'one', { dedup: 'd' });
    const second = await put(queue, 'two', { dedup: 'd' });
    assert.equal(second.MessageId, first.MessageId);
    assert.equal(second.SequenceNumber, first.SequenceNumber);
    const [message] = await queues.receive(queue);
    assert.equal(message.Body, 'one');
    await queues.delete(queue, message);
    await server.advance(301);
    await put(queue, 'three', { dedup: 'd' });
    assert.deepEqual(await queues.bodies(queue), ['three']);
  });

  test('content is compared by its SHA-256', async () => {
    const queue = await queues.fifo({ ContentBasedDeduplication: 'true' });
    for (const body of ['x', 'x']) await queues.send(queue, body, { MessageGroupId: 'g' });
    const messages = await queues.receive(queue);
    assert.deepEqual(messages.map((message) => message.Attributes.MessageDeduplicationId),
      [createHash('sha256').update('x').digest('hex')]);
  });

  test('deduplication by group lets the same id into two groups', async () => {
    const queue = await queues.fifo({ DeduplicationScope: 'messageGroup' });
    for (const group of ['g', 'h', 'g']) await put(queue, 'x', { group, dedup: 'd' });
    assert.equal((await queues.receive(queue)).length, 2);
  });

  test('an expired handle deletes nothing', async () => {
    const QueueUrl = await queues.fifo();
    await put(QueueUrl, 'a');
    const [message] = await queues.receive(QueueUrl);
    await server.advance(31);
    await refused(queues.delete(QueueUrl, message), SQSServiceException, 'InvalidParameterValue',
      'The receipt handle has expired.');
    const { Failed: [failed] } = await sqs.deleteMessageBatch(
      { QueueUrl, Entries: [{ Id: '1', ReceiptHandle: message.ReceiptHandle }] });
    assert.equal(failed.Code, 'ReceiptHandleIsInvalid');
    assert.deepEqual(await queues.bodies(QueueUrl), ['a']);
  });

  test('the same attempt gets the same messages and handles', async () => {
    const queue = await queues.fifo();
    await put(queue, 'a');
    const [first] = await queues.receive(queue, { ReceiveRequestAttemptId: 'try' });
    const [second] = await queues.receive(queue, { ReceiveRequestAttemptId: 'try' });
    assert.equal(second.ReceiptHandle, first.ReceiptHandle);
  });

  test('both ids are needed, and a message has no delay of its own', async () => {
    const QueueUrl = await queues.fifo();
    await refused(queues.send(QueueUrl, 'x', { MessageDeduplicationId: 'd' }), SQSServiceException,
      'MissingParameter', 'MessageGroupId');
    await refused(queues.send(QueueUrl, 'x', { MessageGroupId: 'g' }), SQSServiceException,
      'InvalidParameterValue', 'ContentBasedDeduplication');
    await refused(put(QueueUrl, 'x', { DelaySeconds: 2 }), SQSServiceException, 'InvalidParameterValue',
      'not valid for this queue type');
    await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [
      { Id: '1', MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: '1' },
      { Id: '2', MessageBody: 'y', MessageGroupId: 'g' }] }), SQSServiceException, 'InvalidParameterValue');
    assert.deepEqual(await queues.receive(QueueUrl), []);
  });
});

describe('dead letters', () => {
  /** A queue and its dead-letter queue. */
  async function pair(maxReceiveCount, attributes = {}) {
    const dlq = await queues.make(attributes);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await queues.arn(dlq), maxReceiveCount });
    return [await queues.make({ ...attributes, RedrivePolicy }), dlq];
  }

  async function kill(queue, receives) {
    for (let n = 0; n < receives; n++) await queues.receive(queue, { VisibilityTimeout: 0 });
  }

  test('three deliveries, then the fourth attempt moves', async () => {
    const [queue, dlq] = await pair(3);
    const sent = await queues.send(queue, 'x');
    for (const count of ['1', '2', '3']) {
      const [message] = await queues.receive(queue, { VisibilityTimeout: 0 });
      assert.equal(message.Attributes.ApproximateReceiveCount, count);
    }
    assert.deepEqual(await queues.receive(queue), []);
    const [dead] = await queues.receive(dlq);
    assert.equal(dead.MessageId, sent.MessageId);
    assert.equal(dead.Attributes.ApproximateReceiveCount, '4');
    assert.equal(dead.Attributes.DeadLetterQueueSourceArn, await queues.arn(queue));
  });

  test('a FIFO group goes on after its head died', async () => {
    const [queue, dlq] = await pair(1, { FifoQueue: 'true' });
    await put(queue, 'a');
    await put(queue, 'b');
    await queues.receive(queue, { VisibilityTimeout: 0, MaxNumberOfMessages: 1 });
    assert.deepEqual(await queues.bodies(queue), ['b']);
    const [dead] = await queues.receive(dlq);
    assert.equal(dead.Attributes.MessageDeduplicationId, dead.MessageId);
  });

  test('a policy needs a queue of the same type that is there', async () => {
    const QueueUrl = await queues.make();
    const arn = await queues.arn(QueueUrl);
    for (const [deadLetterTargetArn, maxReceiveCount] of [[await queues.arn(await queues.fifo()), 1],
      [`${arn}-missing`, 1], [arn, 0], [arn, 1001]])
      await refused(sqs.setQueueAttributes({ QueueUrl,
        Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) } }),
      SQSServiceException, 'InvalidParameterValue');
  });

  test('a move task brings dead letters back as new messages', async () => {
    const [queue, dlq] = await pair(1);
    const sent = await queues.send(queue, 'x');
    await kill(queue, 2);
    const SourceArn = await queues.arn(dlq);
    await sqs.startMessageMoveTask({ SourceArn });
    const [again] = await queues.receive(queue, { WaitTimeSeconds: 20 });
    assert.notEqual(again.MessageId, sent.MessageId);
    assert.equal(again.Attributes.ApproximateReceiveCount, '1');
    const { Results: [task] } = await sqs.listMessageMoveTasks({ SourceArn });
    assert.equal(task.Status, 'COMPLETED');
    assert.equal(task.ApproximateNumberOfMessagesMoved, 1);
    assert.equal(task.TaskHandle, undefined);
  });

  test('a running move task is listed, is the only one, and can be cancelled', async () => {
    const [queue, dlq] = await pair(1);
    for (const body of 'abc') await queues.send(queue, body);
    await kill(queue, 2);
    const SourceArn = await queues.arn(dlq);
    const { TaskHandle } = await sqs.startMessageMoveTask(
      { SourceArn, DestinationArn: await queues.arn(queue), MaxNumberOfMessagesPerSecond: 1 });
    await refused(sqs.startMessageMoveTask({ SourceArn }), SQSServiceException, 'InvalidParameterValue',
      'already a task running');
    const running = (await sqs.listMessageMoveTasks({ SourceArn })).Results[0];
    assert.equal(running.TaskHandle, TaskHandle);
    assert.equal(running.MaxNumberOfMessagesPerSecond, 1);
    assert.equal(running.ApproximateNumberOfMessagesToMove, 3);
    await sqs.cancelMessageMoveTask({ TaskHandle });
    assert.match((await sqs.listMessageMoveTasks({ SourceArn })).Results[0].Status, /^CANCELL(ING|ED)$/);
  });

  test('what cannot be moved has its class', async () => {
    const SourceArn = await queues.arn(await queues.make());
    await refused(sqs.startMessageMoveTask({ SourceArn: `${SourceArn}-missing` }), ResourceNotFoundException,
      'ResourceNotFoundException', "doesn't exist", 404);
    await refused(sqs.startMessageMoveTask({ SourceArn }), SQSServiceException, 'InvalidParameterValue',
      'Source queue must be configured as a Dead Letter Queue.');
    await refused(sqs.cancelMessageMoveTask({ TaskHandle: 'nonsense' }), SQSServiceException,
      'InvalidParameterValue', 'Value for parameter TaskHandle is invalid.');
  });
});
