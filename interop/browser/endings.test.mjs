// Checkouts that do not go straight to success: declined, checked by the bank, canceled, closed.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

/** Chromium itself logs this for an answer that is not a 2xx. */
const PAYMENT_REQUIRED = /status of 402/;

describe('a bank', AT_ONCE, () => {
  // Promise: A18
  test('that declines is paid by another card, once', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.bank('decline');
    await buyer.placesOrder();
    await buyer.heading('Your bank declined the payment');
    assert.deepEqual((await order.isUnpaid('registered')).at(-1), 'PaymentDeclined');
    await buyer.popup.check('input[name=card][value="4444"]');
    await buyer.press('Use this card');
    await buyer.heading('Review your order');
    await buyer.placesOrder();
    await buyer.arrivesAtResult('payment was successful');
    const events = await order.isPaid('25.00');
    assert.ok(events.indexOf('PaymentDeclined') < events.indexOf('OrderPlaced'));
    buyer.hasNoErrors();
  });

  test('that declines is paid by a card with another billing address, for an order without a parcel', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture', productType: 'PayOnly' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    const session = order.sessions.at(-1);
    await buyer.bank('decline');
    await buyer.placesOrder();
    await buyer.heading('Your bank declined the payment');
    await buyer.popup.check('input[name=card][value="0000"]');
    await buyer.press('Use this card');
    await buyer.heading('Review your order');
    const completes = buyer.page.waitForRequest((request) => request.url().endsWith('/complete'));
    await buyer.placesOrder();
    const { amazonCheckoutSessionId, billingAddress } = (await completes).postDataJSON();
    assert.deepEqual([amazonCheckoutSessionId, billingAddress.city], [session, 'Portland']);
    await buyer.arrivesAtResult('payment was successful');
    const events = await order.isPaid('20.00');
    assert.ok(events.indexOf('PaymentDeclined') < events.indexOf('OrderPlaced'));
    buyer.hasNoErrors();
  });

  // Promise: B36
  test('that declines at the end leads back to the shop with the message, and a second attempt pays', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.popup.check('input[name=card][value="3434"]');
    await buyer.press('Use this card');
    await buyer.popup.locator('input[name=card][value="3434"]:checked').waitFor();
    await buyer.placesOrder();
    await buyer.page.locator('[data-countersign]', { hasText: 'Please try another payment method' }).waitFor();
    await order.isUnpaid('notPaid');
    assert.equal(buyer.page.url(), order.url);
    await buyer.page.waitForSelector('#pay button');
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('25.00');
    buyer.hasNoErrors(PAYMENT_REQUIRED);
  });

  // Promise: A18
  test('that asks for a confirmation gets it, and the order is paid', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.bank('mfa');
    await buyer.placesOrder();
    await buyer.heading('Your bank asks you to confirm');
    await order.isUnpaid('registered');
    await buyer.press('Confirm payment');
    await buyer.arrivesAtResult('order is placed');
    const events = await order.isPaid('25.00');
    assert.ok(events.join(' ').includes('MfaStarted MfaPassed OrderPlaced'), events.join(' '));
    buyer.hasNoErrors();
  });

  // Promise: A18
  test('that asks for a confirmation and does not get it has charged nothing', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.bank('mfa');
    await buyer.placesOrder();
    await buyer.heading('Your bank asks you to confirm');
    await buyer.press('Fail the check');
    await buyer.heading('The payment was declined');
    await order.hasEvent('PageCanceled');
    const events = await order.isUnpaid('registered');
    assert.equal(events.at(-1), 'CheckoutSessionCanceled');
    buyer.hasNoErrors();
  });
});

/** How a buyer comes to each step of Amazon's page. */
const STEPS = {
  'the sign-in': (buyer) => buyer.begins(),
  'the consent': async (buyer) => {
    await buyer.begins();
    await buyer.signsIn();
  },
  'the review': (buyer) => buyer.reviews(),
  "the bank's page": async (buyer) => {
    await buyer.reviews();
    await buyer.bank('mfa');
    await buyer.placesOrder();
    await buyer.heading('Your bank asks you to confirm');
  },
  'the declined page': async (buyer) => {
    await buyer.reviews();
    await buyer.bank('decline');
    await buyer.placesOrder();
    await buyer.heading('Your bank declined the payment');
  },
};

describe('a buyer who leaves', AT_ONCE, () => {
  for (const [step, comes] of Object.entries(STEPS)) {
    // Promise: A18
    test(`by Cancel, at ${step}`, async (t) => {
      const order = await stage().order();
      const buyer = await Buyer.arrives(t, order);
      await comes(buyer);
      await buyer.press('Cancel');
      await buyer.isGone();
      await order.hasEvent('PageCanceled');
      assert.equal((await order.isUnpaid('registered')).at(-1), 'CheckoutSessionCanceled');
      assert.equal(buyer.page.url(), order.url);
      buyer.hasNoErrors();
    });

    // Promise: A18
    test(`by closing the window, at ${step}`, async (t) => {
      const order = await stage().order();
      const buyer = await Buyer.arrives(t, order);
      await comes(buyer);
      await buyer.popup.close();
      await order.hasEvent('PageCanceled');
      await order.isUnpaid('registered');
      buyer.hasNoErrors();
    });
  }

  test('can begin again, and pays once', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.popup.close();
    await order.hasEvent('PageCanceled');
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });
});
