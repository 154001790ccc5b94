// The outcomes of Finalize: each intent, product type and way to pay, with the charge and the permission
// that a merchant reads afterwards, and the results of pending authorizations as time passes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Merchant, answer } from './merchant.mjs';
import { checkout, finalization, isPrice, isRefusal, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
/** The members that an answer to Finalize fills; all others are null. */
const FILLED = ['checkoutSessionId', 'statusDetails', 'chargePermissionId', 'chargeId', 'creationTimestamp'];

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());

const finalize = (session, headers) =>
  answer(client.finalizeCheckoutSession(session.checkoutSessionId, finalization(session), headers));
const state = async (session) => {
  const { body } = await answer(client.getCheckoutSession(session.checkoutSessionId));
  return [body.statusDetails.state, body.statusDetails.reasonCode];
};
const charge = async ({ body }) => (await answer(client.getCharge(body.chargeId))).body;
const permission = async ({ body }) =>
  (await answer(client.getChargePermission(body.chargePermissionId))).body;
const reasons = ({ statusDetails }) => (statusDetails.reasons ?? []).map(({ reasonCode }) => reasonCode);

describe('a payment that goes through', () => {
  const rows = [
    ['Confirm', {}, null, 'Chargeable', '14.00'],
    ['Confirm', { canHandlePendingAuthorization: true }, null, 'Chargeable', '14.00'],
    ['Authorize', {}, 'Authorized', 'NonChargeable', '0.00'],
    ['Authorize', { canHandlePendingAuthorization: true }, 'Authorized', 'NonChargeable', '0.00'],
    ['Authorize', { totalOrderAmount: usd('20.00') }, 'Authorized', 'Chargeable', '6.00'],
    ['AuthorizeWithCapture', {}, 'Captured', 'Closed', '0.00'],
    ['AuthorizeWithCapture', { totalOrderAmount: usd('20.00') }, 'Captured', 'Chargeable', '6.00'],
  ];
  for (const productType of ['PayAndShip', 'PayOnly']) {
    for (const [paymentIntent, payment, chargeState, permissionState, balance] of rows) {
      test(`${productType}, ${paymentIntent} ${JSON.stringify(payment)}`, async () => {
        const session = await sandbox.placed(checkout({ paymentIntent, ...payment }, { productType }));
        const finalized = await finalize(session);
        assert.equal(finalized.status, 200, finalized.text);
        const { body } = finalized;
        assert.equal(body.checkoutSessionId, session.checkoutSessionId);
        assert.equal(body.statusDetails.state, 'Completed');
        assert.match(body.chargePermissionId, /^S01-\d{7}-\d{7}$/);
        const filled = Object.entries(body).filter(([, value]) => value !== null && !isEmpty(value));
        const besides = filled.map(([name]) => name).filter((name) => !FILLED.includes(name));
        assert.deepEqual(besides, [], 'the answer is a session with ids and state alone');

        const allowed = await permission(finalized);
        assert.equal(allowed.statusDetails.state, permissionState);
        isPrice(allowed.limits.amountLimit, payment.totalOrderAmount?.amount ?? '14.00');
        isPrice(allowed.limits.amountBalance, balance);
        assert.equal(allowed.buyer.email, session.buyer.email);

        if (chargeState === null) {
          assert.equal(body.chargeId, null);
          return;
        }
        assert.ok(body.chargeId.startsWith(`${body.chargePermissionId}-C`), body.chargeId);
        assert.match(body.chargeId, /-C\d{6}$/);
        const made = await charge(finalized);
        assert.equal(made.statusDetails.state, chargeState);
        assert.equal(made.chargePermissionId, body.chargePermissionId);
        isPrice(made.chargeAmount, '14.00');
        if (chargeState === 'Captured') isPrice(made.captureAmount, '14.00');
      });
    }
  }
});

/** Whether a value is an object whose members are all null, such as `merchantMetadata` without notes. */
function isEmpty(value) {
  return typeof value === 'object' && Object.values(value).every((inner) => inner === null);
}

test('an immediate capture and a pending authorization exclude each other from the start', async () => {
  const payment = { paymentIntent: 'AuthorizeWithCapture', canHandlePendingAuthorization: true };
  const refused = await sandbox.control('POST', '/checkout-sessions', checkout(payment));
  assert.deepEqual([refused.status, refused.body.reasonCode], [400, 'InvalidParameterCombination']);
});

test('a session made for full answers shows amounts, buyer and addresses', async () => {
  const { body } = await finalize(await sandbox.placed(checkout({}, { responseDetail: 'full' })));
  isPrice(body.paymentDetails.chargeAmount, '14.00');
  assert.notEqual(body.buyer.email ?? null, null);
  assert.notEqual(body.shippingAddress.city ?? null, null);
});

describe('a pending authorization is answered by 202 and', () => {
  const pending = (more) => checkout({ canHandlePendingAuthorization: true }, more);
  const simulated = { 'x-amz-pay-simulation-code': 'AuthorizationInitiated' };
  const rows = [
    [
      'is authorized 30 s later, for card 0701',
      { card: '0701' },
      {},
      'Authorized',
      null,
      'NonChargeable',
      '0.00',
    ],
    [
      'is declined 30 s later, for card 4354',
      { card: '4354' },
      {},
      'Declined',
      'HardDeclined',
      'NonChargeable',
      '14.00',
    ],
    ['is authorized 30 s later, when simulated', {}, simulated, 'Authorized', null, 'NonChargeable', '0.00'],
  ];
  for (const productType of ['PayAndShip', 'PayOnly']) {
    for (const [what, more, headers, chargeState, reasonCode, permissionState, balance] of rows) {
      test(`${what} (${productType})`, async () => {
        await sandbox.freeze(true);
        const session = await sandbox.placed(pending({ productType, ...more }));
        const finalized = await finalize(session, headers);
        assert.equal(finalized.status, 202, finalized.text);
        assert.equal(finalized.body.statusDetails.state, 'Completed');

        await sandbox.advance('PT29S');
        assert.equal((await charge(finalized)).statusDetails.state, 'AuthorizationInitiated');
        await sandbox.advance('PT1S');
        const decided = (await charge(finalized)).statusDetails;
        assert.deepEqual([decided.state, decided.reasonCode], [chargeState, reasonCode]);
        const allowed = await permission(finalized);
        assert.equal(allowed.statusDetails.state, permissionState);
        isPrice(allowed.limits.amountBalance, balance);
        // The session is Completed even where the authorization failed.
        assert.deepEqual(await state(session), ['Completed', null]);
        await sandbox.freeze(false);
      });
    }
  }
});

describe('a card or a simulation code that fails the payment ends the session:', () => {
  const simulated = (code) => ({ 'x-amz-pay-simulation-code': code });
  const rows = [
    ['card 3434', { card: '3434' }, {}, 'HardDeclined', 'Declined'],
    ['card 3064', { card: '3064' }, {}, 'CheckoutSessionCanceled', 'BuyerCanceled'],
    ['code Declined', {}, simulated('Declined'), 'HardDeclined', 'Declined'],
    ['code BuyerCanceled', {}, simulated('BuyerCanceled'), 'CheckoutSessionCanceled', 'BuyerCanceled'],
    ['code AmazonCanceled', {}, simulated('AmazonCanceled'), 'CheckoutSessionCanceled', 'AmazonCanceled'],
    ['a code over a good card', { card: '0005' }, simulated('Declined'), 'HardDeclined', 'Declined'],
  ];
  for (const [what, more, headers, reasonCode, sessionReason] of rows) {
    test(what, async () => {
      const session = await sandbox.placed(checkout({}, more));
      isRefusal(await finalize(session, headers), [422, reasonCode]);
      assert.deepEqual(await state(session), ['Canceled', sessionReason]);
      isRefusal(await finalize(session), [422, 'CheckoutSessionCanceled']);
      const { body } = await answer(client.getCheckoutSession(session.checkoutSessionId));
      assert.deepEqual([body.chargeId, body.chargePermissionId], [null, null]);
    });
  }
});

describe('each card that pays, pays:', () => {
  for (const card of ['1111', '0005', '4444', '9424', '0000']) {
    test(card, async () => {
      const finalized = await finalize(await sandbox.placed(checkout({}, { card })));
      assert.equal(finalized.status, 200, finalized.text);
    });
  }
});

describe('time ends what nobody touches:', () => {
  test('an authorization expires after the two days of the sandbox', async () => {
    await sandbox.freeze(true);
    const finalized = await finalize(await sandbox.placed(checkout()));
    await sandbox.advance('PT47H59M59S');
    assert.equal((await charge(finalized)).statusDetails.state, 'Authorized');
    await sandbox.advance('PT1S');
    const expired = (await charge(finalized)).statusDetails;
    assert.deepEqual([expired.state, expired.reasonCode], ['Canceled', 'ExpiredUnused']);
    isPrice((await permission(finalized)).limits.amountBalance, '14.00');
    await sandbox.freeze(false);
  });

  test('a permission expires after 180 days, long after its buyer’s data', async () => {
    const finalized = await finalize(await sandbox.placed(checkout({ paymentIntent: 'Confirm' })));
    await sandbox.advance('PT720H');
    assert.equal((await permission(finalized)).buyer?.email ?? null, null);
    await sandbox.advance('PT3600H');
    const expired = await permission(finalized);
    assert.deepEqual([expired.statusDetails.state, reasons(expired)], ['Closed', ['Expired']]);
  });
});

test('the log of a session has its events in causal order', async () => {
  const session = await sandbox.placed(checkout({ paymentIntent: 'AuthorizeWithCapture' }));
  await finalize(session);
  const events = await sandbox.events(session.checkoutSessionId);
  const sequences = events.map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => a - b),
  );
  const types = events.map(({ type }) => type);
  const story = [
    'CheckoutSessionCreated',
    'OrderPlaced',
    'CheckoutSessionCompleted',
    'ChargeAuthorized',
    'ChargeCaptured',
  ];
  assert.deepEqual(
    types.filter((type) => story.includes(type)),
    story,
  );
});
