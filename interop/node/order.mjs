// The shop's order: what a buyer starts, what the merchant must then send, and what must be true of an
// order that a refusal has not changed.

import assert from 'node:assert/strict';

import { answer } from './merchant.mjs';

export const usd = (amount) => ({ amount, currencyCode: 'USD' });

/** A checkout that a buyer starts: `payment` overrides the payment details, `more` the rest. */
export function checkout(payment = {}, more = {}) {
  return {
    productType: 'PayAndShip',
    paymentDetails: { paymentIntent: 'Authorize', chargeAmount: usd('14.00'), ...payment },
    ...more,
  };
}

/** What Create Checkout Session needs, and `more`. */
export function creation(more = {}) {
  return {
    webCheckoutDetails: {
      checkoutReviewReturnUrl: 'https://shop.example/review',
      checkoutResultReturnUrl: 'https://shop.example/result',
    },
    storeId: `amzn1.application-oa2-client.${'0'.repeat(32)}`,
    ...more,
  };
}

/** The request that finalizes a session: what the merchant agreed to, and the required address. */
export function finalization({ productType, paymentDetails, supplementaryData, ...session }) {
  const { paymentIntent, canHandlePendingAuthorization, chargeAmount, totalOrderAmount } = paymentDetails;
  const address = productType === 'PayOnly' ? 'billingAddress' : 'shippingAddress';
  const request = {
    paymentIntent,
    canHandlePendingAuthorization,
    chargeAmount,
    totalOrderAmount,
    [address]: session[address],
    supplementaryData,
  };
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value != null));
}

/** Checks a price in an answer; members other than amount and currency do not matter. */
export function isPrice(price, amount, currencyCode = 'USD') {
  assert.deepEqual({ amount: price?.amount, currencyCode: price?.currencyCode }, { amount, currencyCode });
}

/** Compares an answer with the documented refusal; the message must name all `fields`. */
export function isRefusal({ status, body }, refusal, ...fields) {
  assert.deepEqual([status, body.reasonCode], refusal, body.message);
  for (const field of fields) {
    assert.ok(body.message.includes(field), `"${body.message}" does not name ${field}`);
  }
}

/** Fails unless `act` leaves the session as it was and the right request still finalizes it. */
export async function staysFinalizable(client, session, act) {
  const { checkoutSessionId } = session;
  const before = await answer(client.getCheckoutSession(checkoutSessionId));
  assert.equal(before.body.statusDetails.state, 'Open');
  await act();
  const after = await answer(client.getCheckoutSession(checkoutSessionId));
  assert.deepEqual(after.body, before.body);
  const right = await answer(client.finalizeCheckoutSession(checkoutSessionId, finalization(session)));
  assert.equal(right.status, 200, right.text);
  assert.equal(right.body.statusDetails.state, 'Completed');
}
