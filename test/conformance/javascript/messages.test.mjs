// SPDX-License-Identifier: MIT
//
// Messages of standard queues: what comes back, delays, timeouts, batches, polls. The SDK itself checks the
// digests of bodies that it sends and receives.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import {
  BatchEntryIdsNotDistinct, BatchRequestTooLong, EmptyBatchRequest, InvalidBatchEntryId,
  InvalidMessageContents, ReceiptHandleIsInvalid, SQSServiceException, TooManyEntriesInBatchRequest,
  UnsupportedOperation,
} from '@aws-sdk/client-sqs';

import { LocalSqs, Queues, digestOfAttributes, digestOfBody, refused } from './local_sqs.mjs';

const BODIES = {
  'plain text': 'hello world',
  Unicode: 'héllo ✓ 😀 \u2028',
  markup: '<a href="x">&amp; &lt; \' ]]></a>',
  'carriage returns': 'a\r\nb\rc\n',
  'white space': ' \t lead and trail \n ',
  'what JSON escapes': '{"a":"\\"\\\\\\u0041"}\u007f',
};

const ATTRIBUTES = {
  Count: { DataType: 'Number', StringValue: '-12.50' },
  bin: { DataType: 'Binary', BinaryValue: Uint8Array.from({ length: 256 }, (_, n) => n) },
  image: { DataType: 'Binary.png', BinaryValue: Uint8Array.of(0, 1, 255) },
  ratio: { DataType: 'Number.float', StringValue: '1e10' },
  text: { DataType: 'String', StringValue: 'é <✓> \r\n' },
  'trace.id': { DataType: 'String.uuid', StringValue: 'abc' },
};

let server, queues, sqs;

before(async () => {
  server = await LocalSqs.shared();
  queues = new Queues(server);
  sqs = queues.sqs;
});

function pick(...names) {
  return Object.fromEntries(names.map((name) => [name, ATTRIBUTES[name]]));
}

/** Without the class that the SDK gives to bytes. */
function plain(attributes = {}) {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name,
    value.BinaryValue ? { ...value, BinaryValue: Uint8Array.from(value.BinaryValue) } : value]));
}

describe('sending and receiving', () => {
  for (const [what, body] of Object.entries(BODIES)) {
    test(`${what} comes back unchanged with its digest`, async () => {
      const queue = await queues.make();
      const sent = await queues.send(queue, body);
      const [message] = await queues.receive(queue);
      assert.equal(message.Body, body);
      assert.equal(message.MD5OfBody, digestOfBody(body));
      assert.equal(sent.MD5OfMessageBody, digestOfBody(body));
      assert.equal(message.MessageId, sent.MessageId);
    });
  }

  test('attributes of every type come back with their digest', async () => {
    const queue = await queues.make();
    const sent = await queues.send(queue, 'x', { MessageAttributes: ATTRIBUTES });
    assert.equal(sent.MD5OfMessageAttributes, digestOfAttributes(ATTRIBUTES));
    const [message] = await queues.receive(queue, { MessageAttributeNames: ['All'] });
    assert.deepEqual(plain(message.MessageAttributes), ATTRIBUTES);
    assert.equal(message.MD5OfMessageAttributes, digestOfAttributes(ATTRIBUTES));
  });

  test('the digest covers the attributes that were asked for', async () => {
    const queue = await queues.make({ VisibilityTimeout: '0' });
    await queues.send(queue, 'x', { MessageAttributes: ATTRIBUTES });
    for (const [names, subset] of [[['Count'], pick('Count')], [['t.*'], pick('text', 'trace.id')],
      [['bin', 'unknown'], pick('bin')]]) {
      const [message] = await queues.receive(queue, { MessageAttributeNames: names });
      assert.deepEqual(plain(message.MessageAttributes), subset);
      assert.equal(message.MD5OfMessageAttributes, digestOfAttributes(subset));
    }
    const [message] = await queues.receive(queue, { MessageAttributeNames: ['unknown'] });
    assert.equal(message.MessageAttributes, undefined);
    assert.equal(message.MD5OfMessageAttributes, undefined);
  });

  test('attributes come only when asked for', async () => {
    const QueueUrl = await queues.make();
    await queues.send(QueueUrl, 'x', { MessageAttributes: ATTRIBUTES });
    const { Messages: [message] } = await sqs.receiveMessage({ QueueUrl });
    assert.deepEqual(Object.keys(message).sort(), ['Body', 'MD5OfBody', 'MessageId', 'ReceiptHandle']);
  });

  test('attributes that cannot be are refused', async () => {
    const queue = await queues.make();
    for (const value of [{ DataType: 'String', StringValue: '' }, { DataType: 'Text', StringValue: 'x' },
      { DataType: 'Number', StringValue: 'one' }, { DataType: 'String', StringValue: '\u0001' }])
      await refused(queues.send(queue, 'x', { MessageAttributes: { a: value } }), SQSServiceException,
        'InvalidParameterValue');
    await refused(queues.send(queue, 'x',
      { MessageAttributes: { a: { DataType: 'String', StringListValues: ['x'] } } }),
    UnsupportedOperation, 'AWS.SimpleQueueService.UnsupportedOperation');
  });

  test('system attributes come by their new and by their old name', async () => {
    const queue = await queues.make({ VisibilityTimeout: '0' });
    const header = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
    const sent = await queues.send(queue, 'x', {
      MessageGroupId: 'tenant',
      MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: header } },
    });
    assert.equal(sent.MD5OfMessageSystemAttributes, '5ae4d5d7636402d80f4eb6d213245a88');
    const [{ Attributes: shown }] = await queues.receive(queue);
    assert.equal(shown.AWSTraceHeader, header);
    assert.equal(shown.MessageGroupId, 'tenant');
    assert.match(shown.SentTimestamp, /^\d{13}$/);
    const [again] = await queues.receive(queue,
      { AttributeNames: ['ApproximateReceiveCount'], MessageSystemAttributeNames: ['AWSTraceHeader'] });
    assert.deepEqual(again.Attributes, { AWSTraceHeader: header, ApproximateReceiveCount: '2' });
  });

  test('bodies that cannot be are refused', async () => {
    const queue = await queues.make({ MaximumMessageSize: '1024' });
    await queues.send(queue, 'x'.repeat(1024));
    await refused(queues.send(queue, 'x'.repeat(1025)), SQSServiceException, 'InvalidParameterValue',
      'Message must be shorter than 1024 bytes.');
    await refused(queues.send(queue, ''), SQSServiceException, 'MissingParameter', 'MessageBody');
    for (const body of ['\u0000', '\u001b', '\uffff'])
      await refused(queues.send(queue, body), InvalidMessageContents, 'InvalidMessageContents');
  });

  test('a mebibyte goes through', async () => {
    const queue = await queues.make();
    const body = '\r\n"é\\'.repeat(Math.floor(1048576 / 6));
    await queues.send(queue, body);
    assert.deepEqual(await queues.bodies(queue), [body]);
  });

  test('ranges of a receive are refused in the words of SQS', async () => {
    const queue = await queues.make();
    await refused(queues.receive(queue, { MaxNumberOfMessages: 11 }), SQSServiceException,
      'InvalidParameterValue', 'Must be between 1 and 10, if provided.');
    await refused(queues.receive(queue, { WaitTimeSeconds: 21 }), SQSServiceException,
      'InvalidParameterValue', 'Must be >= 0 and <= 20, if provided.');
  });

  test('an empty queue gives no list', async () => {
    assert.equal((await sqs.receiveMessage({ QueueUrl: await queues.make() })).Messages, undefined);
  });
});

describe('time', () => {
  test('a delayed message comes after its delay', async () => {
    const queue = await queues.make({ DelaySeconds: '60' });
    await queues.send(queue, "the queue's");
    await queues.send(queue, 'none', { DelaySeconds: 0 });
    assert.deepEqual(await queues.bodies(queue, { VisibilityTimeout: 43200 }), ['none']);
    await server.advance(61);
    assert.deepEqual(await queues.bodies(queue), ["the queue's"]);
  });

  test('a message comes back when its timeout ends, and its old handle deletes nothing', async () => {
    const queue = await queues.make({ VisibilityTimeout: '100' });
    await queues.send(queue, 'x');
    const [first] = await queues.receive(queue);
    assert.deepEqual(await queues.receive(queue), []);
    await server.advance(101);
    const [second] = await queues.receive(queue);
    assert.equal(second.Attributes.ApproximateReceiveCount, '2');
    await queues.delete(queue, first);
    await server.advance(101);
    await queues.delete(queue, second);
    assert.deepEqual(await queues.receive(queue), []);
  });

  test('a timeout is changed, and has its limit', async () => {
    const QueueUrl = await queues.make();
    await queues.send(QueueUrl, 'x');
    const [{ ReceiptHandle }] = await queues.receive(QueueUrl);
    const change = (VisibilityTimeout) => sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout });
    await server.advance(10);
    await refused(change(43200), SQSServiceException, 'InvalidParameterValue',
      'beyond the limit [43200 seconds]');
    await change(500);
    await server.advance(400);
    assert.deepEqual(await queues.receive(QueueUrl), []);
    await change(0);
    const [again] = await queues.receive(QueueUrl);
    await queues.delete(QueueUrl, again);
    await refused(sqs.changeMessageVisibility(
      { QueueUrl, ReceiptHandle: again.ReceiptHandle, VisibilityTimeout: 1 }), SQSServiceException,
    'InvalidParameterValue', 'not available for visibility timeout change');
  });

  test('a message vanishes at the end of its retention', async () => {
    const queue = await queues.make({ MessageRetentionPeriod: '60' });
    await queues.send(queue, 'x');
    await server.advance(61);
    assert.deepEqual(await queues.receive(queue), []);
  });

  test('nonsense and handles of another queue are no handles', async () => {
    const [one, two] = [await queues.make(), await queues.make()];
    await queues.send(one, 'x');
    const [message] = await queues.receive(one);
    for (const ReceiptHandle of ['nonsense', message.ReceiptHandle])
      await refused(queues.delete(two, { ReceiptHandle }), ReceiptHandleIsInvalid,
        'ReceiptHandleIsInvalid', 'is not a valid receipt handle', 404);
  });
});

describe('long polls', () => {
  test('a send ends a long poll', async () => {
    const queue = await queues.make();
    const poll = queues.bodies(queue, { WaitTimeSeconds: 20 });
    await new Queues(server).send(queue, 'x');
    assert.deepEqual(await poll, ['x']);
  });

  test('a poll that its client gave up takes no message along', async () => {
    const queue = await queues.make();
    const client = server.client();
    const giveUp = new AbortController();
    const poll = client.receiveMessage({ QueueUrl: queue, WaitTimeSeconds: 20 }, { abortSignal: giveUp.signal });
    poll.catch(() => {}); // looked at below
    await new Promise((resolve) => setTimeout(resolve, 50)); // most likely it waits at the server by then
    giveUp.abort();
    await assert.rejects(poll, { name: 'AbortError' });
    client.destroy();
    await queues.send(queue, 'x');
    assert.deepEqual(await queues.bodies(queue), ['x']);
  });
});

describe('batches', () => {
  test('a bad entry fails alone', async () => {
    const QueueUrl = await queues.make({ MaximumMessageSize: '1024' });
    const answer = await sqs.sendMessageBatch({ QueueUrl, Entries: [
      { Id: 'good', MessageBody: 'é\r\n', MessageAttributes: pick('image', 'Count') },
      { Id: 'long', MessageBody: 'x'.repeat(1025) },
      { Id: 'bad', MessageBody: '\u0001' },
      { Id: 'late', MessageBody: 'y', DelaySeconds: 901 },
    ] });
    assert.deepEqual(answer.Successful.map((entry) => [entry.Id, entry.MD5OfMessageAttributes]),
      [['good', digestOfAttributes(pick('Count', 'image'))]]);
    assert.deepEqual(answer.Failed.map((entry) => [entry.Id, entry.Code, entry.SenderFault]), [
      ['long', 'InvalidParameterValue', true], ['bad', 'InvalidMessageContents', true],
      ['late', 'InvalidParameterValue', true]]);
    assert.deepEqual(await queues.bodies(QueueUrl), ['é\r\n']);
  });

  test('ten entries go in and out', async () => {
    const QueueUrl = await queues.make();
    const ids = Array.from({ length: 10 }, (_, n) => `e${n}`);
    const sent = await sqs.sendMessageBatch({ QueueUrl, Entries: ids.map((Id) => ({ Id, MessageBody: Id })) });
    assert.deepEqual(sent.Successful.map((entry) => entry.Id), ids);
    const messages = await queues.receive(QueueUrl);
    const gone = await sqs.deleteMessageBatch({ QueueUrl,
      Entries: messages.map(({ Body: Id, ReceiptHandle }) => ({ Id, ReceiptHandle })) });
    assert.deepEqual(gone.Successful.map((entry) => entry.Id), ids);
  });

  test('batches that fail as a whole have their class', async () => {
    const QueueUrl = await queues.make();
    const entry = (Id, MessageBody = 'x') => ({ Id, MessageBody });
    const whole = async (kind, code, Entries) => refused(sqs.sendMessageBatch({ QueueUrl, Entries }), kind,
      `AWS.SimpleQueueService.${code}`);
    await whole(EmptyBatchRequest, 'EmptyBatchRequest', []);
    await whole(TooManyEntriesInBatchRequest, 'TooManyEntriesInBatchRequest',
      Array.from({ length: 11 }, (_, n) => entry(`${n}`)));
    await whole(BatchEntryIdsNotDistinct, 'BatchEntryIdsNotDistinct', [entry('1'), entry('1')]);
    await whole(InvalidBatchEntryId, 'InvalidBatchEntryId', [entry('a.b')]);
    await whole(BatchRequestTooLong, 'BatchRequestTooLong',
      [entry('1', 'x'.repeat(600_000)), entry('2', 'x'.repeat(600_000))]);
    assert.deepEqual(await queues.receive(QueueUrl), []);
  });

  test('deletes and changes of timeouts fail entry by entry', async () => {
    const QueueUrl = await queues.make();
    for (const body of ['a', 'b']) await queues.send(QueueUrl, body);
    const [one, two] = await queues.receive(QueueUrl);
    const changed = await sqs.changeMessageVisibilityBatch({ QueueUrl, Entries: [
      { Id: 'good', ReceiptHandle: one.ReceiptHandle, VisibilityTimeout: 0 },
      { Id: 'nonsense', ReceiptHandle: 'nonsense', VisibilityTimeout: 0 },
      { Id: 'long', ReceiptHandle: two.ReceiptHandle, VisibilityTimeout: 43201 },
    ] });
    assert.deepEqual(changed.Successful.map((entry) => entry.Id), ['good']);
    assert.deepEqual(changed.Failed.map((entry) => [entry.Id, entry.Code]),
      [['nonsense', 'ReceiptHandleIsInvalid'], ['long', 'InvalidParameterValue']]);
    assert.deepEqual(await queues.bodies(QueueUrl), ['a']);
    const gone = await sqs.deleteMessageBatch({ QueueUrl, Entries: [
      { Id: 'good', ReceiptHandle: two.ReceiptHandle }, { Id: 'bad', ReceiptHandle: 'nonsense' }] });
    assert.deepEqual(gone.Successful.map((entry) => entry.Id), ['good']);
    assert.equal(gone.Failed[0].Code, 'ReceiptHandleIsInvalid');
  });
});
