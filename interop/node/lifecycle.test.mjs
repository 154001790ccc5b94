// The client's five calls on Checkout Sessions, with both algorithms and both forms of key, and what a client
// relies on besides: both path styles, the spellings of headers, environments.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { ALGORITHMS, Merchant, answer, sent, signed } from './merchant.mjs';
import { checkout, creation, finalization, isPrice, isRefusal, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIMESTAMP = /^\d{8}T\d{6}Z$/;

const prefixed = new Merchant('SANDBOX-INTEROP00000000000001');
const unprefixed = new Merchant('INTEROP00000000000000002');
const live = new Merchant('LIVE-INTEROP00000000000003');

/** An idempotency key as the API requires it for a POST: at most 32 characters. */
const idempotencyKey = () => randomUUID().replaceAll('-', '');

const constraints = ({ body }) => (body.constraints ?? []).map(({ constraintId }) => constraintId);

let sandbox;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [prefixed, unprefixed, live] });
});
after(() => sandbox?.stop());

for (const merchant of [prefixed, unprefixed]) {
  for (const algorithm of ALGORITHMS) {
    describe(`${merchant === prefixed ? 'a prefixed' : 'an unprefixed'} key with ${algorithm}`, () => {
      test('creates, gets, updates and completes a session', async () => {
        const client = merchant.client(sandbox, { algorithm });
        const headers = { 'x-amz-pay-idempotency-key': idempotencyKey() };
        const created = await answer(client.createCheckoutSession(creation(), headers));
        assert.equal(created.status, 201, created.text);
        const { checkoutSessionId } = created.body;
        assert.match(checkoutSessionId, SESSION_ID);
        assert.match(created.body.creationTimestamp, TIMESTAMP);
        assert.match(created.body.statusDetails.lastUpdatedTimestamp, TIMESTAMP);
        assert.equal(created.body.releaseEnvironment, 'Sandbox');
        const missing = ['BuyerNotAssociated', 'ChargeAmountNotSet', 'PaymentIntentNotSet'];
        assert.deepEqual(constraints(created), missing);

        const got = await answer(client.getCheckoutSession(checkoutSessionId));
        assert.equal(got.status, 200);
        assert.deepEqual(got.body, created.body);

        const update = {
          paymentDetails: { paymentIntent: 'Authorize', chargeAmount: usd('14.00') },
          merchantMetadata: { merchantReferenceId: 'order-1', noteToBuyer: 'Thank you, 山田様' },
        };
        const updated = await answer(client.updateCheckoutSession(checkoutSessionId, update));
        assert.equal(updated.status, 200, updated.text);
        isPrice(updated.body.paymentDetails.chargeAmount, '14.00');
        assert.equal(updated.body.merchantMetadata.noteToBuyer, 'Thank you, 山田様');
        assert.deepEqual(constraints(updated), ['BuyerNotAssociated']);

        await sandbox.buyer(checkoutSessionId, 'placeOrder');
        const amounts = { chargeAmount: usd('14.00') };
        const completed = await answer(client.completeCheckoutSession(checkoutSessionId, amounts));
        assert.equal(completed.status, 200, completed.text);
        assert.equal(completed.body.statusDetails.state, 'Completed');
        assert.match(completed.body.chargePermissionId, /^S01-\d{7}-\d{7}$/);

        const late = await answer(client.updateCheckoutSession(checkoutSessionId, update));
        isRefusal(late, [422, 'InvalidCheckoutSessionStatus']);
      });

      test('finalizes a session and reads the result', async () => {
        const client = merchant.client(sandbox, { algorithm });
        const { publicKeyId } = merchant;
        const session = await sandbox.placed(checkout({}, { publicKeyId }));
        const { checkoutSessionId } = session;
        const call = client.finalizeCheckoutSession(checkoutSessionId, finalization(session));
        const finalized = await answer(call);
        assert.equal(finalized.status, 200, finalized.text);
        const { chargeId, chargePermissionId } = finalized.body;

        const again = await answer(client.getCheckoutSession(checkoutSessionId));
        assert.deepEqual(
          [again.body.chargeId, again.body.chargePermissionId],
          [chargeId, chargePermissionId],
        );
        const charge = await answer(client.getCharge(chargeId));
        assert.deepEqual([charge.status, charge.body.statusDetails.state], [200, 'Authorized']);
        const permission = await answer(client.getChargePermission(chargePermissionId));
        assert.deepEqual([permission.status, permission.body.chargePermissionId], [200, chargePermissionId]);
      });
    });
  }
}

test('a session is created once for an idempotency key, which is required', async () => {
  const client = prefixed.client(sandbox);
  const headers = () => ({ 'x-amz-pay-idempotency-key': 'one-order_one-session' });
  const first = await answer(client.createCheckoutSession(creation(), headers()));
  const second = await answer(client.createCheckoutSession(creation(), headers()));
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.equal(second.text, first.text);
  const without = await answer(client.createCheckoutSession(creation()));
  isRefusal(without, [400, 'MissingHeader'], 'x-amz-pay-idempotency-key');
});

test('a live key meets live objects only, whose ids begin with P', async () => {
  const session = await sandbox.placed(checkout({}, { publicKeyId: live.publicKeyId }));
  assert.equal(session.releaseEnvironment, 'Live');
  const request = finalization(session);
  const call = live.client(sandbox).finalizeCheckoutSession(session.checkoutSessionId, request);
  const finalized = await answer(call);
  assert.equal(finalized.status, 200, finalized.text);
  assert.match(finalized.body.chargeId, /^P01-\d{7}-\d{7}-C\d{6}$/);
});

test('an unprefixed key keeps live and sandbox apart by the path', async () => {
  const { publicKeyId } = unprefixed;
  for (const [environment, other] of [
    ['sandbox', 'live'],
    ['live', 'sandbox'],
  ]) {
    const session = await sandbox.placed(checkout({}, { publicKeyId, environment }));
    const { checkoutSessionId } = session;
    const across = unprefixed.client(sandbox, { environment: other });
    isRefusal(await answer(across.getCheckoutSession(checkoutSessionId)), [404, 'ResourceNotFound']);
    const client = unprefixed.client(sandbox, { environment });
    const right = await answer(client.finalizeCheckoutSession(checkoutSessionId, finalization(session)));
    assert.equal(right.status, 200, right.text);
  }
});

test('ids carry the digits of the region', async () => {
  const client = prefixed.client(sandbox);
  for (const [region, currencyCode, amount] of [
    ['01', 'USD', '14.00'],
    ['02', 'EUR', '14.00'],
    ['03', 'JPY', '1400'],
  ]) {
    const session = await sandbox.placed(checkout({ chargeAmount: { amount, currencyCode } }));
    const call = client.finalizeCheckoutSession(session.checkoutSessionId, finalization(session));
    const { body } = await answer(call);
    assert.match(body.chargePermissionId, new RegExp(`^S${region}-\\d{7}-\\d{7}$`), currencyCode);
  }
});

describe('a call is the same with', () => {
  const finalize = (session) => `checkoutSessions/${session.checkoutSessionId}/finalize`;
  const lower = { 'x-amz-pay-idempotency-key': 'in-lower-case' };
  const mixed = { 'X-Amz-Pay-Idempotency-Key': 'in-mixed-case' };
  const spellings = [
    ['a trailing slash', prefixed, (session) => `/v2/${finalize(session)}/`],
    [
      'the environment in the path of a prefixed key',
      prefixed,
      (session) => `/sandbox/v2/${finalize(session)}`,
    ],
    ['that and a trailing slash', prefixed, (session) => `/sandbox/v2/${finalize(session)}/`],
    ["a slash after an unprefixed key's path", unprefixed, (session) => `/sandbox/v2/${finalize(session)}/`],
    ['a header of its own in lower case', prefixed, (session) => `/v2/${finalize(session)}`, lower],
    ['a header of its own in mixed case', prefixed, (session) => `/v2/${finalize(session)}`, mixed],
  ];
  for (const [what, merchant, path, headers] of spellings) {
    test(what, async () => {
      const session = await sandbox.placed(checkout({}, { publicKeyId: merchant.publicKeyId }));
      const payload = JSON.stringify(finalization(session));
      const request = signed(merchant.client(sandbox), { path: path(session), payload, headers });
      const { status, body, text } = await sent(sandbox, request);
      assert.deepEqual([status, body.statusDetails?.state], [200, 'Completed'], text);
    });
  }

  // Promise: A07
  test('every header in capitals', async () => {
    const session = await sandbox.placed(checkout());
    const payload = JSON.stringify(finalization(session));
    const request = signed(prefixed.client(sandbox), { path: `/v2/${finalize(session)}`, payload });
    const capitals = Object.entries(request.headers).map(([name, value]) => [name.toUpperCase(), value]);
    const { status, text } = await sent(sandbox, { ...request, headers: Object.fromEntries(capitals) });
    assert.equal(status, 200, text);
  });
});
