// SPDX-License-Identifier: MIT
//
// All tests in one process, on the same servers; then, whether they called every command of the client.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import * as client from '@aws-sdk/client-sqs';

import { LocalSqs, called } from './local_sqs.mjs';
import './queues.test.mjs';
import './messages.test.mjs';
import './fifo.test.mjs';
import './signatures.test.mjs';

after(() => LocalSqs.stopAll());

test('every command of the client was called', () => {
  const known = Object.keys(client).filter((name) => /^[A-Z]\w+Command$/.test(name));
  assert.ok(known.length >= 23, `${known.length} commands are known`);
  assert.deepEqual(known.filter((name) => !called.has(name)), []);
});
