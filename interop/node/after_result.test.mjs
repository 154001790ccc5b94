// What follows a successful Finalize, through the official client: deferred charges, whole and partial
// captures, cancellations, refunds, and the permission's notes and closing. The clock is moved where
// days must pass.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { ALGORITHMS, Merchant, answer } from './merchant.mjs';
import { checkout, finalization, isPrice, isRefusal, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const prefixed = new Merchant('SANDBOX-INTEROP00000000000001');
const unprefixed = new Merchant('INTEROP00000000000000002');
const other = new Merchant('SANDBOX-INTEROP00000000000003');

const keyed = (more = {}) => ({ 'x-amz-pay-idempotency-key': randomUUID().replaceAll('-', ''), ...more });
const simulated = (code) => keyed({ 'x-amz-pay-simulation-code': code });

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [prefixed, unprefixed, other] });
  client = prefixed.client(sandbox);
});
after(() => sandbox?.stop());

/** A finalized order: the ids of its permission and its charge. */
async function finalized(payment = {}, { merchant = prefixed, by = client } = {}) {
  const session = await sandbox.placed(checkout(payment, { publicKeyId: merchant.publicKeyId }));
  const { checkoutSessionId } = session;
  const done = await answer(by.finalizeCheckoutSession(checkoutSessionId, finalization(session)));
  assert.equal(done.status, 200, done.text);
  return done.body;
}

const capture = (chargeId, amount, headers = keyed(), by = client) =>
  answer(by.captureCharge(chargeId, { captureAmount: usd(amount) }, headers));
const refund = (chargeId, amount, headers = keyed(), by = client) =>
  answer(by.createRefund({ chargeId, refundAmount: usd(amount) }, headers));
const charge = (chargePermissionId, amount, more = {}, headers = keyed(), by = client) =>
  answer(by.createCharge({ chargePermissionId, chargeAmount: usd(amount), ...more }, headers));
const state = ({ body }) => body.statusDetails.state;
const reason = ({ body }) => body.statusDetails.reasonCode;
const reasons = ({ body }) => (body.statusDetails.reasons ?? []).map(({ reasonCode }) => reasonCode);

for (const merchant of [prefixed, unprefixed]) {
  for (const algorithm of ALGORITHMS) {
    const key = merchant === prefixed ? 'a prefixed' : 'an unprefixed';
    test(`every call on charges, permissions and refunds, ${key} key with ${algorithm}`, async () => {
      const by = merchant.client(sandbox, { algorithm });
      const order = { paymentIntent: 'Confirm', chargeAmount: usd('40.00'), totalOrderAmount: usd('100.00') };
      const { chargePermissionId } = await finalized(order, { merchant, by });

      const first = await charge(chargePermissionId, '40.00', {}, keyed(), by);
      assert.equal(first.status, 201, first.text);
      assert.equal(state(first), 'Authorized');
      assert.ok(first.body.chargeId.startsWith(`${chargePermissionId}-C`), first.body.chargeId);
      const captured = await capture(first.body.chargeId, '30.00', keyed(), by);
      assert.deepEqual([captured.status, state(captured)], [200, 'Captured'], captured.text);
      isPrice(captured.body.captureAmount, '30.00');

      const second = await charge(chargePermissionId, '20.00', {}, keyed(), by);
      const canceled = await answer(by.cancelCharge(second.body.chargeId, { cancellationReason: 'sold out' }));
      assert.deepEqual([canceled.status, state(canceled)], [200, 'Canceled'], canceled.text);
      assert.equal(reason(canceled), 'MerchantCanceled');

      const notes = { merchantMetadata: { merchantReferenceId: 'order-7', noteToBuyer: 'Danke, 山田様' } };
      const updated = await answer(by.updateChargePermission(chargePermissionId, notes));
      assert.equal(updated.status, 200, updated.text);
      assert.equal(updated.body.merchantMetadata.noteToBuyer, 'Danke, 山田様');
      isPrice(updated.body.limits.amountLimit, '100.00');
      isPrice(updated.body.limits.amountBalance, '70.00');

      const returned = await refund(first.body.chargeId, '10.00', keyed(), by);
      assert.deepEqual([returned.status, state(returned)], [201, 'RefundInitiated'], returned.text);
      assert.match(returned.body.refundId, /^S01-\d{7}-\d{7}-R\d{6}$/);
      const asked = await answer(by.getRefund(returned.body.refundId));
      assert.equal(asked.status, 200, asked.text);
      isPrice(asked.body.refundAmount, '10.00');

      const closing = { closureReason: 'all shipped', cancelPendingCharges: false };
      const closed = await answer(by.closeChargePermission(chargePermissionId, closing));
      assert.deepEqual([closed.status, state(closed)], [200, 'Closed'], closed.text);
      assert.deepEqual(reasons(closed), ['MerchantClosed']);
      isRefusal(await charge(chargePermissionId, '1.00', {}, keyed(), by), [422, 'InvalidChargePermissionStatus']);
      await sandbox.advance('PT1M');
      const got = await answer(by.getCharge(first.body.chargeId));
      isPrice(got.body.refundedAmount, '10.00');
    });
  }
}

describe('a capture', () => {
  const rows = [
    ['of nothing', usd('0.00'), [400, 'InvalidParameterValue'], 'captureAmount'],
    ['in another currency', { amount: '14.00', currencyCode: 'EUR' }, [400, 'CurrencyMismatch'], 'captureAmount'],
    ['of a cent too much', usd('14.01'), [400, 'TransactionAmountExceeded'], 'captureAmount'],
    ['of a negative amount', usd('-1.00'), [400, 'InvalidParameterValue'], 'captureAmount'],
    ['without an amount', undefined, [400, 'MissingParameterValue'], 'captureAmount'],
  ];
  for (const [what, captureAmount, refusal, field] of rows) {
    test(`${what} is refused, and the whole amount is captured afterwards`, async () => {
      const { chargeId } = await finalized();
      const call = client.captureCharge(chargeId, { captureAmount }, keyed());
      isRefusal(await answer(call), refusal, field);
      assert.equal(state(await capture(chargeId, '14.00')), 'Captured');
      isRefusal(await capture(chargeId, '14.00'), [422, 'InvalidChargeStatus']);
    });
  }

  test('has one effect for an idempotency key, which is required', async () => {
    const { chargeId } = await finalized();
    const headers = () => ({ 'x-amz-pay-idempotency-key': 'capture-this-once' });
    const first = await capture(chargeId, '5.00', headers());
    const second = await capture(chargeId, '5.00', headers());
    assert.deepEqual([first.status, second.text], [200, first.text]);
    isRefusal(await capture(chargeId, '6.00', headers()), [400, 'DuplicateIdempotencyKey']);
    isRefusal(await capture(chargeId, '5.00', null), [400, 'MissingHeader'], 'x-amz-pay-idempotency-key');
  });

  test("of another merchant's charge is answered as if there were no such charge", async () => {
    const { chargeId, chargePermissionId } = await finalized();
    const by = other.client(sandbox);
    for (const call of [
      () => by.getCharge(chargeId),
      () => by.captureCharge(chargeId, { captureAmount: usd('1.00') }, keyed()),
      () => by.cancelCharge(chargeId, { cancellationReason: 'mine' }),
      () => by.getChargePermission(chargePermissionId),
      () => by.updateChargePermission(chargePermissionId, { merchantMetadata: { noteToBuyer: 'mine' } }),
      () => by.closeChargePermission(chargePermissionId, { closureReason: 'mine' }),
      () => by.createCharge({ chargePermissionId, chargeAmount: usd('1.00') }, keyed()),
      () => by.createRefund({ chargeId, refundAmount: usd('1.00') }, keyed()),
    ]) {
      isRefusal(await answer(call()), [404, 'ResourceNotFound']);
    }
    assert.equal(state(await capture(chargeId, '14.00')), 'Captured');
  });
});

describe('a refund', () => {
  const captured = () => finalized({ paymentIntent: 'AuthorizeWithCapture', chargeAmount: usd('100.00') });

  // Promise: A15
  test('may exceed what was captured by 15 %, and by no cent more', async () => {
    const { chargeId } = await captured();
    assert.equal((await refund(chargeId, '100.00')).status, 201);
    isRefusal(await refund(chargeId, '15.01'), [400, 'TransactionAmountExceeded'], 'refundAmount');
    assert.equal((await refund(chargeId, '15.00')).status, 201);
    isRefusal(await refund(chargeId, '0.01'), [400, 'TransactionAmountExceeded'], 'refundAmount');
  });

  test('of a charge that is not captured is refused', async () => {
    const { chargeId } = await finalized();
    isRefusal(await refund(chargeId, '1.00'), [422, 'InvalidChargeStatus']);
  });

  for (const [what, refundAmount, refusal] of [
    ['of nothing', usd('0'), [400, 'InvalidParameterValue']],
    ['of a negative amount', usd('-5.00'), [400, 'InvalidParameterValue']],
    ['in another currency', { amount: '5.00', currencyCode: 'GBP' }, [400, 'CurrencyMismatch']],
  ]) {
    test(`${what} is refused`, async () => {
      const { chargeId } = await captured();
      isRefusal(await answer(client.createRefund({ chargeId, refundAmount }, keyed())), refusal, 'refundAmount');
    });
  }

  // Promise: A16
  test('is decided later, as its simulation says', async () => {
    const { chargeId } = await captured();
    const paid = await refund(chargeId, '10.00');
    const declined = await refund(chargeId, '10.00', simulated('RefundDeclined'));
    assert.deepEqual([state(paid), state(declined)], ['RefundInitiated', 'RefundInitiated']);
    await sandbox.advance('P1D');
    assert.equal(state(await answer(client.getRefund(paid.body.refundId))), 'Refunded');
    const said = await answer(client.getRefund(declined.body.refundId));
    assert.equal(state(said), 'Declined');
    isPrice((await answer(client.getCharge(chargeId))).body.refundedAmount, '10.00');
  });
});

describe('a deferred charge', () => {
  const confirmed = () => finalized({ paymentIntent: 'Confirm', chargeAmount: usd('50.00') });

  for (const [code, what] of [
    ['SoftDeclined', 'Chargeable'],
    ['HardDeclined', 'NonChargeable'],
    ['AmazonRejected', 'Closed'],
    ['TransactionTimedOut', 'Chargeable'],
  ]) {
    // Promise: A16
    test(`that is ${code} leaves the permission ${what}`, async () => {
      const { chargePermissionId } = await confirmed();
      isRefusal(await charge(chargePermissionId, '50.00', {}, simulated(code)), [422, code]);
      assert.equal(state(await answer(client.getChargePermission(chargePermissionId))), what);
    });
  }

  test('over the limit is refused', async () => {
    const { chargePermissionId } = await confirmed();
    isRefusal(
      await charge(chargePermissionId, '50.01'),
      [400, 'TransactionAmountExceeded'],
      'chargeAmount',
    );
  });

  test('can be captured immediately, and the permission, of which nothing is left, closes', async () => {
    const { chargePermissionId } = await confirmed();
    const made = await charge(chargePermissionId, '50.00', { captureNow: true });
    assert.deepEqual([made.status, state(made)], [201, 'Captured'], made.text);
    const permission = await answer(client.getChargePermission(chargePermissionId));
    assert.deepEqual([state(permission), ...reasons(permission)], ['Closed', 'AmazonClosed']);
  });

  // Promise: A16
  test('with an unknown simulation is refused', async () => {
    const { chargePermissionId } = await confirmed();
    const made = await charge(chargePermissionId, '1.00', {}, simulated('NoSuchCode'));
    isRefusal(made, [400, 'InvalidSandboxSimulationSpecified']);
  });
});

// Promise: A21
test('an authorization lapses by the clock, and its amount can be charged again', async () => {
  const { chargeId, chargePermissionId } = await finalized();
  await sandbox.advance('PT48H');
  const lapsed = await answer(client.getCharge(chargeId));
  assert.deepEqual([state(lapsed), reason(lapsed)], ['Canceled', 'ExpiredUnused']);
  isRefusal(await capture(chargeId, '14.00'), [422, 'InvalidChargeStatus']);
  assert.equal((await charge(chargePermissionId, '14.00')).status, 201);
});

// Promise: A21
test("the buyer's data can be read for 30 days, the permission for longer", async () => {
  const { chargePermissionId } = await finalized({ paymentIntent: 'Confirm' });
  const before = await answer(client.getChargePermission(chargePermissionId));
  assert.match(before.body.buyer.email, /@/);
  await sandbox.advance('P30D');
  const later = await answer(client.getChargePermission(chargePermissionId));
  assert.deepEqual([later.status, state(later)], [200, 'Chargeable']);
  assert.equal(later.body.buyer, null);
  assert.equal(later.body.shippingAddress, null);
  await sandbox.advance('P150D');
  const expired = await answer(client.getChargePermission(chargePermissionId));
  assert.deepEqual([state(expired), ...reasons(expired)], ['Closed', 'Expired']);
});
