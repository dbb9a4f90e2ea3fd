// SPDX-License-Identifier: MIT
//
// A server that checks signatures, and one behind a certificate.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { SQSServiceException } from '@aws-sdk/client-sqs';

import { KEY, LocalSqs, Queues, SECRET, refused, tls } from './local_sqs.mjs';

describe('signatures', () => {
  let server;

  before(async () => {
    server = await LocalSqs.shared(['--access-key-id', KEY], SECRET);
  });

  test('the right pair sends, receives and deletes', async () => {
    const queues = new Queues(server, server.client({ accessKeyId: KEY, secretAccessKey: SECRET }));
    const queue = await queues.make();
    await queues.send(queue, 'é + ~ * / = & \r\n');
    const [message] = await queues.receive(queue);
    assert.equal(message.Body, 'é + ~ * / = & \r\n');
    await queues.delete(queue, message);
  });

  test('another secret does not match', async () => {
    await refused(server.client({ accessKeyId: KEY, secretAccessKey: 'another' }).listQueues(),
      SQSServiceException, 'SignatureDoesNotMatch', '', 403);
  });

  test('another key is unknown', async () => {
    await refused(server.client({ accessKeyId: 'AKIDANOTHER', secretAccessKey: SECRET }).listQueues(),
      SQSServiceException, 'InvalidClientTokenId', '', 403);
  });

  test('no signature lacks a token', async () => {
    const unsigned = { signer: { sign: async (request) => request } };
    await refused(server.client(unsigned).listQueues(), SQSServiceException, 'MissingAuthenticationToken',
      '', 403);
  });
});

test('a message goes and comes over TLS', async () => {
  const server = await LocalSqs.shared(tls.options);
  const queues = new Queues(server, server.client({ requestHandler: tls.handler() }));
  const queue = await queues.make();
  assert.ok(queue.startsWith('https://'), queue);
  await queues.send(queue, 'secret');
  assert.deepEqual(await queues.bodies(queue), ['secret']);
});
