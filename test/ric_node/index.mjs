// SPDX-License-Identifier: MIT
//
// A function for AWS's runtime interface client that does what its messages say, once each: the second
// time a message comes it is done. A message's body: {"do": "fail", …}.
//
// A batch goes by its first message, except that "fail" is reported for each that says so.

const record = (event) => ({
  ...JSON.parse(event.Records[0].body),
  receives: Number(event.Records[0].attributes.ApproximateReceiveCount),
});

const failures = (event) =>
  event.Records.filter(
    ({ body, attributes }) => JSON.parse(body).do === 'fail' && attributes.ApproximateReceiveCount === '1',
  ).map(({ messageId }) => ({ itemIdentifier: messageId }));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const acts = {
  say: ({ text }) => console.log(text),
  throw: () => {
    throw new TypeError('as told: \u00fcber');
  },
  hang: () => sleep(60_000),
  exit: () => process.exit(3),
  reject: async () => {
    Promise.reject(new Error('nobody waits for this'));
    await sleep(60_000);
  },
  big: ({ bytes }) => 'x'.repeat(bytes),
  facts: (_, context) =>
    console.log(
      JSON.stringify({
        facts: true,
        requestId: context.awsRequestId,
        arn: context.invokedFunctionArn,
        name: context.functionName,
        logGroup: context.logGroupName,
        leftMs: context.getRemainingTimeInMillis(),
        trace: process.env._X_AMZN_TRACE_ID,
      }),
    ),
};

export const handler = async (event, context) => {
  const told = record(event);
  console.log(`pid=${process.pid} records=${event.Records.length} receives=${told.receives} do=${told.do}`);
  const result = told.receives === 1 && acts[told.do] ? await acts[told.do](told, context) : undefined;
  return result ?? { batchItemFailures: failures(event) };
};

// The response in pieces; "break" ends it in the middle with an error.
export const streaming = awslambda.streamifyResponse(async (event, stream) => {
  const told = record(event);
  const response = JSON.stringify({ batchItemFailures: failures(event) });
  for (const piece of response.match(/.{1,7}/gs)) {
    stream.write(piece);
    await sleep(5);
  }
  if (told.do === 'break' && told.receives === 1) throw new RangeError('in the middle');
  stream.end();
});
