// Idempotency keys: each key is for one request, whose first answer is repeated byte for byte, forever and
// across a crash. A refusal that changed nothing is not remembered, so that a corrected request may use the
// key again.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Merchant, answer } from './merchant.mjs';
import { checkout, finalization, isRefusal, usd } from './order.mjs';
import { Sandbox, freshFolder } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
const other = new Merchant('SANDBOX-INTEROP00000000000002');
const merchants = [merchant, other];
const KEY = 'x-amz-pay-idempotency-key';

const finalize = (by, session, key, request = finalization(session)) =>
  answer(by.finalizeCheckoutSession(session.checkoutSessionId, request, key && { [KEY]: key }));

describe('an idempotency key', () => {
  let sandbox;
  let client;
  before(async () => {
    sandbox = await Sandbox.start({ merchants });
    client = merchant.client(sandbox);
  });
  after(() => sandbox?.stop());

  const replayed = [
    ['a success', checkout(), 200],
    ['a pending success', checkout({ canHandlePendingAuthorization: true }, { card: '0701' }), 202],
    ['a decline', checkout({}, { card: '3434' }), 422],
    ["a buyer's cancellation", checkout({}, { card: '3064' }), 422],
  ];
  for (const [what, order, status] of replayed) {
    test(`repeats the answer of ${what}, whatever has happened since`, async () => {
      const session = await sandbox.placed(order);
      const key = `replay-${session.checkoutSessionId.slice(0, 8)}`;
      const first = await finalize(client, session, key);
      assert.equal(first.status, status, first.text);
      await sandbox.advance('PT48H');
      for (let times = 0; times < 2; times += 1) {
        const again = await finalize(client, session, key);
        assert.deepEqual([again.status, again.text], [first.status, first.text]);
      }
    });
  }

  test('repeats its answer even when the session was deleted long ago', async () => {
    const session = await sandbox.placed(checkout());
    const first = await finalize(client, session, 'for-ever');
    await sandbox.advance('PT721H');
    isRefusal(await answer(client.getCheckoutSession(session.checkoutSessionId)), [404, 'ResourceNotFound']);
    const again = await finalize(client, session, 'for-ever');
    assert.deepEqual([again.status, again.text], [200, first.text]);
  });

  test('refuses another body, and another session', async () => {
    const session = await sandbox.placed(checkout());
    const right = finalization(session);
    assert.equal((await finalize(client, session, 'one-request')).status, 200);
    const duplicate = [400, 'DuplicateIdempotencyKey'];
    const changed = { ...right, merchantMetadata: {} };
    isRefusal(await finalize(client, session, 'one-request', changed), duplicate);
    const respelled = JSON.stringify(right, null, 1);
    isRefusal(await finalize(client, session, 'one-request', respelled), duplicate);
    isRefusal(await finalize(client, await sandbox.placed(checkout()), 'one-request', right), duplicate);
  });

  test('belongs to one merchant', async () => {
    const ours = await sandbox.placed(checkout());
    const theirs = await sandbox.placed(checkout({}, { publicKeyId: other.publicKeyId }));
    const first = await finalize(client, ours, 'the-same-word');
    const second = await finalize(other.client(sandbox), theirs, 'the-same-word');
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.notEqual(second.body.chargeId, first.body.chargeId);
  });

  test('may be used again after a refusal that changed nothing', async () => {
    const session = await sandbox.placed(checkout());
    const wrong = { ...finalization(session), chargeAmount: usd('15.00') };
    isRefusal(await finalize(client, session, 'corrected', wrong), [409, 'AmountMismatch']);
    assert.equal((await finalize(client, session, 'corrected')).status, 200);
  });

  test('has at most 32 of the allowed characters', async () => {
    const longest = `${'aZ09-_'.repeat(5)}xy`;
    assert.equal(longest.length, 32);
    const session = await sandbox.placed(checkout());
    const refusal = [400, 'InvalidHeaderValue'];
    const uuid = '123e4567-e89b-42d3-a456-426614174000';
    for (const key of [uuid, `${longest}z`, 'a.b', 'a b', 'a=b']) {
      isRefusal(await finalize(client, session, key), refusal, KEY);
    }
    assert.equal((await finalize(client, session, longest)).status, 200);
  });

  test('gives many equal requests at the same time one effect', async () => {
    const session = await sandbox.placed(checkout());
    const calls = Array.from({ length: 32 }, () => finalize(client, session, 'all-at-once'));
    const texts = new Set((await Promise.all(calls)).map(({ status, text }) => `${status} ${text}`));
    assert.equal(texts.size, 1, [...texts].join('\n'));
    assert.match([...texts][0], /^200 /);
  });
});

test('without a key many requests at the same time have one success', async () => {
  const sandbox = await Sandbox.start({ merchants });
  try {
    const client = merchant.client(sandbox);
    const session = await sandbox.placed(checkout());
    const answers = await Promise.all(Array.from({ length: 64 }, () => finalize(client, session)));
    const codes = answers.map(({ status, body }) => body.reasonCode ?? status);
    assert.equal(codes.filter((code) => code === 200).length, 1);
    assert.equal(codes.filter((code) => code === 'InvalidCheckoutSessionStatus').length, 63, codes.join());
  } finally {
    await sandbox.stop();
  }
});

// Promise: A12
test('a durable sandbox killed and started again remembers every answer', async () => {
  const dataDir = freshFolder();
  let sandbox = await Sandbox.start({ merchants, dataDir });
  try {
    const sessions = [
      await sandbox.placed(checkout()),
      await sandbox.placed(checkout({ paymentIntent: 'Confirm' })),
      await sandbox.placed(checkout({}, { card: '3434' })),
    ];
    const untouched = await sandbox.placed(checkout());
    const finalizeAll = () =>
      Promise.all(sessions.map((session, n) => finalize(merchant.client(sandbox), session, `durable-${n}`)));
    const first = await finalizeAll();
    assert.deepEqual(
      first.map(({ status }) => status),
      [200, 200, 422],
    );

    await sandbox.kill();
    sandbox = await Sandbox.start({ merchants, dataDir });
    const client = merchant.client(sandbox);
    const again = await finalizeAll();
    assert.deepEqual(
      again.map(({ status, text }) => [status, text]),
      first.map(({ status, text }) => [status, text]),
    );

    const charge = await answer(client.getCharge(first[0].body.chargeId));
    assert.equal(charge.body.statusDetails.state, 'Authorized');
    isRefusal(await finalize(client, sessions[1]), [422, 'InvalidCheckoutSessionStatus']);
    const changed = { ...finalization(sessions[0]), merchantMetadata: {} };
    isRefusal(await finalize(client, sessions[0], 'durable-0', changed), [400, 'DuplicateIdempotencyKey']);
    const fresh = await finalize(client, untouched, 'durable-9');
    assert.equal(fresh.status, 200, fresh.text);
    const ids = new Set([...first, fresh].map(({ body }) => body.chargePermissionId).filter(Boolean));
    assert.equal(ids.size, 3, 'an id was used twice');
  } finally {
    await sandbox.stop();
  }
});
