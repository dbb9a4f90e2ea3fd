// SPDX-License-Identifier: MIT
//
// The local server as a child process, with its clock, and clients of the SDK that call it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { createInterface } from 'node:readline';

import { SQS } from '@aws-sdk/client-sqs';

const COMMAND = process.env.LAMBDAKIQ_COMMAND ?? '../../../build/release/lambdakiq';
export const KEY = 'AKIDCONFORMANCE';
export const SECRET = 'the secret of the conformance tests';

/** The names of all commands that were sent, by whichever client. */
export const called = new Set();

/** One `lambdakiq serve`. */
export class LocalSqs {
  static #started = new Map();

  /** The server with these options of the command, started once and ended by stopAll. */
  static async shared(options = [], secret = undefined) {
    const key = options.join(' ');
    if (!this.#started.has(key)) this.#started.set(key, this.#start(options, secret));
    return this.#started.get(key);
  }

  static async stopAll() {
    for (const server of this.#started.values()) await (await server).stop();
    this.#started.clear();
  }

  static async #start(options, secret) {
    const env = { ...process.env, ...(secret && { LAMBDAKIQ_SECRET_ACCESS_KEY: secret }) };
    const child = spawn(COMMAND, ['serve', '--port', '0', '--json', ...options],
      { env, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout }))
      return new LocalSqs(child, JSON.parse(line).url);
    throw new Error('lambdakiq serve did not start');
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
    this.clients = [];
  }

  async stop() {
    for (const client of this.clients) client.destroy();
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code] = await ended;
    assert.equal(code, 0, 'lambdakiq serve ends cleanly');
  }

  /** Moves the clock. */
  async advance(seconds) {
    const answer = await fetch(`${this.url}/_lambdakiq/clock`,
      { method: 'POST', body: JSON.stringify({ advance_s: seconds }) });
    assert.ok(answer.ok, await answer.text());
  }

  /** Nothing is tried twice: an error is seen. */
  client({ accessKeyId = 'local', secretAccessKey = 'local', ...options } = {}) {
    const client = new SQS({
      endpoint: this.url, region: 'us-east-1', maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey }, ...options,
    });
    client.middlewareStack.add((next, context) => (args) => {
      called.add(context.commandName);
      return next(args);
    }, { step: 'initialize' });
    this.clients.push(client);
    return client;
  }
}

export const tls = {
  options: ['--tls-cert', process.env.CONFORMANCE_TLS_CERT, '--tls-key', process.env.CONFORMANCE_TLS_KEY],
  handler: () => ({ httpsAgent: new Agent({ ca: readFileSync(process.env.CONFORMANCE_TLS_CERT) }) }),
};

/** What tests do with queues of their own. */
export class Queues {
  constructor(server, sqs = server.client()) {
    this.server = server;
    this.sqs = sqs;
  }

  static name(suffix = '') {
    return `q-${randomUUID()}${suffix}`;
  }

  async make(Attributes = {}) {
    const QueueName = Queues.name(Attributes.FifoQueue ? '.fifo' : '');
    return (await this.sqs.createQueue({ QueueName, Attributes })).QueueUrl;
  }

  fifo(attributes = {}) {
    return this.make({ FifoQueue: 'true', ...attributes });
  }

  async attributes(QueueUrl, ...names) {
    const AttributeNames = names.length ? names : ['All'];
    return (await this.sqs.getQueueAttributes({ QueueUrl, AttributeNames })).Attributes ?? {};
  }

  async arn(queue) {
    return (await this.attributes(queue, 'QueueArn')).QueueArn;
  }

  send(QueueUrl, MessageBody, options = {}) {
    return this.sqs.sendMessage({ QueueUrl, MessageBody, ...options });
  }

  async receive(QueueUrl, options = {}) {
    const answer = await this.sqs.receiveMessage({
      QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], ...options,
    });
    return answer.Messages ?? [];
  }

  async bodies(queue, options = {}) {
    return (await this.receive(queue, options)).map((message) => message.Body);
  }

  delete(QueueUrl, { ReceiptHandle }) {
    return this.sqs.deleteMessage({ QueueUrl, ReceiptHandle });
  }
}

/** The promise is rejected with this class and the code that stands in the answer. */
export async function refused(promise, kind, code, reason = '', status = 400) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof kind, `${error.name}, not ${kind.name}: ${error.message}`);
    assert.equal(error.Error.Code, code);
    assert.ok(error.message.includes(reason), error.message);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });
}

export function digestOfBody(text) {
  return createHash('md5').update(text).digest('hex');
}

/** SQS's digest of message attributes, as its documentation describes it. */
export function digestOfAttributes(attributes) {
  const hash = createHash('md5');
  const add = (data) => {
    const bytes = Buffer.from(data);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const value = attributes[name];
    const binary = value.DataType.startsWith('Binary');
    add(name);
    add(value.DataType);
    hash.update(Buffer.from([binary ? 2 : 1]));
    add(binary ? value.BinaryValue : value.StringValue);
  }
  return hash.digest('hex');
}
