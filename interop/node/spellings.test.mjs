// Values in each spelling that real clients and the official examples use: amounts as numbers, flags as
// strings, nulls for absent members.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Merchant, answer } from './merchant.mjs';
import { checkout, creation, finalization, isPrice, isRefusal, staysFinalizable, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());

describe('Finalize takes', () => {
  const amount = (value) => ({ chargeAmount: usd(value) });
  const yen = (value) => ({ chargeAmount: { amount: value, currencyCode: 'JPY' } });
  const flag = (value) => ({ canHandlePendingAuthorization: value });
  const pending = checkout({ canHandlePendingAuthorization: true });
  const split = checkout({ totalOrderAmount: usd('20.50') });
  const table = [
    ['"14"', checkout(), amount('14')],
    ['"14.0"', checkout(), amount('14.0')],
    ['the number 14', checkout(), amount(14)],
    ['the number 20.5 as a total', split, { totalOrderAmount: usd(20.5) }],
    ['yen as a string', checkout(yen('1400')), yen('1400')],
    ['yen as a number', checkout(yen('1400')), yen(1400)],
    ['false', checkout(), flag(false)],
    ['"false"', checkout(), flag('false')],
    ['"true"', pending, flag('true')],
    ['true', pending, flag(true)],
    ['a null flag', checkout(), flag(null)],
    ['a null billing address', checkout(), { billingAddress: null }],
    ['null supplementary data', checkout(), { supplementaryData: null }],
    ['a null total', checkout(), { totalOrderAmount: null }],
    ['null merchant metadata', checkout(), { merchantMetadata: null }],
    ['empty merchant metadata', checkout(), { merchantMetadata: {} }],
    [
      'a null shipping address for PayOnly',
      checkout({}, { productType: 'PayOnly' }),
      { shippingAddress: null },
    ],
  ];
  for (const [what, order, change] of table) {
    test(what, async () => {
      const session = await sandbox.placed(order);
      const request = { ...finalization(session), ...change };
      const { status, body, text } = await answer(
        client.finalizeCheckoutSession(session.checkoutSessionId, request),
      );
      assert.deepEqual([status, body.statusDetails?.state], [200, 'Completed'], text);
    });
  }

  test('nulls for every member of an address that has no value', async () => {
    const session = await sandbox.placed(checkout());
    const nothing = { addressLine2: null, addressLine3: null, county: null, district: null };
    const shippingAddress = { ...nothing, ...session.shippingAddress };
    const request = { ...finalization(session), shippingAddress };
    const { status, text } = await answer(client.finalizeCheckoutSession(session.checkoutSessionId, request));
    assert.equal(status, 200, text);
  });

  test('merchant metadata, which the session and the permission then carry', async () => {
    const session = await sandbox.placed(checkout());
    const merchantMetadata = { merchantReferenceId: 'order-7', noteToBuyer: 'ありがとう' };
    const request = { ...finalization(session), merchantMetadata };
    const { body } = await answer(client.finalizeCheckoutSession(session.checkoutSessionId, request));
    const permission = await answer(client.getChargePermission(body.chargePermissionId));
    assert.equal(permission.body.merchantMetadata.merchantReferenceId, 'order-7');
    assert.equal(permission.body.merchantMetadata.noteToBuyer, 'ありがとう');
  });
});

test('Create and Update take the same spellings, and answer with strings and booleans', async () => {
  const paymentDetails = {
    paymentIntent: 'Authorize',
    canHandlePendingAuthorization: 'false',
    chargeAmount: usd(14),
  };
  const request = creation({ paymentDetails, supplementaryData: null });
  const headers = { 'x-amz-pay-idempotency-key': 'spellings' };
  const created = await answer(client.createCheckoutSession(request, headers));
  assert.equal(created.status, 201, created.text);
  assert.equal(created.body.paymentDetails.canHandlePendingAuthorization, false);
  isPrice(created.body.paymentDetails.chargeAmount, '14.00');

  const { checkoutSessionId } = created.body;
  const update = {
    paymentDetails: { chargeAmount: usd(15.5), canHandlePendingAuthorization: 'true' },
    merchantMetadata: null,
  };
  const updated = await answer(client.updateCheckoutSession(checkoutSessionId, update));
  assert.equal(updated.status, 200, updated.text);
  assert.equal(updated.body.paymentDetails.canHandlePendingAuthorization, true);
  isPrice(updated.body.paymentDetails.chargeAmount, '15.50');

  await sandbox.buyer(checkoutSessionId, 'placeOrder');
  const completion = { chargeAmount: usd(15.5), totalOrderAmount: null };
  const completed = await answer(client.completeCheckoutSession(checkoutSessionId, completion));
  assert.equal(completed.status, 200, completed.text);
});

test('a different value is refused in another spelling too', async () => {
  const session = await sandbox.placed(checkout());
  const request = { ...finalization(session), chargeAmount: usd(14.01) };
  const refused = await answer(client.finalizeCheckoutSession(session.checkoutSessionId, request));
  isRefusal(refused, [409, 'AmountMismatch'], 'chargeAmount');
});

// Promise: A14
test('a strict sandbox takes the spellings of the reference only', async () => {
  const strict = await Sandbox.start({ merchants: [merchant], rules: ['spellings=documented'] });
  try {
    const by = merchant.client(strict);
    const session = await strict.placed(checkout());
    const others = [
      [{ chargeAmount: usd(14) }, 'chargeAmount.amount'],
      [{ canHandlePendingAuthorization: 'false' }, 'canHandlePendingAuthorization'],
    ];
    await staysFinalizable(by, session, async () => {
      for (const [change, field] of others) {
        const request = { ...finalization(session), ...change };
        const refused = await answer(by.finalizeCheckoutSession(session.checkoutSessionId, request));
        isRefusal(refused, [400, 'InvalidParameterValue'], field);
      }
    });
  } finally {
    await strict.stop();
  }
});
