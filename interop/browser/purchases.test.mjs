// Purchases, from the button to the result page.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer, PHONE } from './buyer.mjs';
import { usd } from './stage.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

const VERDICTS = { Confirm: 'order is placed', Authorize: 'order is placed', AuthorizeWithCapture: 'payment was successful' };

describe('a purchase', AT_ONCE, () => {
  for (const productType of ['PayAndShip', 'PayOnly']) {
    for (const intent of ['Confirm', 'Authorize', 'AuthorizeWithCapture']) {
      // Promise: A27
      test(`is made through button, hosted page and result page: ${productType}, ${intent}`, async (t) => {
        const order = await stage().order({ intent, productType });
        const buyer = await Buyer.arrives(t, order);
        await buyer.reviews();
        await buyer.placesOrder();
        await buyer.isGone();
        await buyer.arrivesAtResult(VERDICTS[intent]);
        const events = await order.isPaid(productType === 'PayOnly' ? '20.00' : '25.00');
        assert.ok(events.includes('OrderPlaced'));
        buyer.hasNoErrors();
      });
    }
  }

  // Promise: A27
  test('goes to another address by another delivery, and the new totals are charged', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.totals('25.00');
    await buyer.popup.check('input[name=address][value="2"]');
    await buyer.press('Deliver to this address');
    await buyer.totals('28.80');
    await buyer.popup.check('input[name=option][value=exp]');
    await buyer.press('Use this delivery');
    await buyer.totals('32.80');
    await buyer.placesOrder();
    await buyer.arrivesAtResult('payment was successful');
    assert.ok((await buyer.page.textContent('dl')).includes('32.80 USD'));
    await order.isPaid('32.80');
    buyer.hasNoErrors();
  });

  test('takes a coupon off, and a coupon back', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.popup.fill('input[name=code]', 'SPRING');
    await buyer.press('Apply');
    await buyer.totals('23.00');
    await buyer.press('Remove SPRING');
    await buyer.totals('25.00');
    await buyer.popup.fill('input[name=code]', 'spring');
    await buyer.press('Apply');
    await buyer.totals('23.00');
    await buyer.placesOrder();
    await buyer.arrivesAtResult('payment was successful');
    await order.isPaid('23.00');
    buyer.hasNoErrors();
  });

  // Promise: B11
  test('is stopped when the shop changes the price that the buyer has seen, and the buyer sees why', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.totals('25.00');
    const { termsVersion, productType } = await order.checkout();
    const paymentDetails = { paymentIntent: 'Authorize', chargeAmount: usd('30.00') };
    const terms = { termsVersion, productType, paymentDetails, merchantMetadata: { merchantStoreName: 'Cup shop' } };
    const { status, body } = await stage().call('PUT', `/v1/checkouts/${order.id}/terms`, terms);
    assert.equal(status, 200, JSON.stringify(body));
    await buyer.placesOrder();
    await buyer.page.locator('[data-countersign]', { hasText: 'Your order has changed in the meantime' }).waitFor();
    await order.isUnpaid('notPaid');
    buyer.hasNoErrors(/status of 402/);
  });

  test('is made on a telephone, by touch: to another address, by another delivery', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order, PHONE);
    await buyer.reviews();
    await buyer.isOnPhone(buyer.popup);
    await buyer.totals('25.00');
    await buyer.marks('address', '2');
    await buyer.press('Deliver to this address');
    await buyer.totals('28.80');
    await buyer.marks('option', 'exp');
    await buyer.press('Use this delivery');
    await buyer.totals('32.80');
    await buyer.placesOrder();
    await buyer.arrivesAtResult('payment was successful');
    await buyer.isOnPhone(buyer.page);
    assert.ok((await buyer.page.textContent('dl')).includes('32.80 USD'));
    await order.isPaid('32.80');
    buyer.hasNoErrors();
  });

  test('is made on a telephone, by touch: without a parcel', async (t) => {
    const order = await stage().order({ productType: 'PayOnly' });
    const buyer = await Buyer.arrives(t, order, PHONE);
    await buyer.reviews();
    await buyer.isOnPhone(buyer.popup);
    await buyer.marks('card', '4444');
    await buyer.press('Use this card');
    await buyer.popup.locator('input[name=card][value="4444"][checked]').waitFor({ state: 'attached' });
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    await buyer.isOnPhone(buyer.page);
    await order.isPaid('20.00');
    buyer.hasNoErrors();
  });

  test('is made by keyboard alone', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    /** Moves on by Tab until a control with this name has the focus. */
    const tabTo = async (page, name) => {
      for (let tabs = 0; tabs < 80; tabs += 1) {
        const focused = await page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.value || '');
        if (name.test(focused)) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`no Tab leads to ${name}`);
    };
    await tabTo(buyer.page, /^Pay in the Amazon Pay sandbox/);
    await buyer.begins(() => buyer.page.keyboard.press('Enter'));
    for (const [name, next] of [[/^Continue$/, 'Share your details'], [/^Agree and continue$/, 'Review your order']]) {
      await tabTo(buyer.popup, name);
      await buyer.popup.keyboard.press('Enter');
      await buyer.heading(next);
    }
    await buyer.popup.getByRole('button', { name: /^Place order/ }).waitFor();
    // Arrow keys move among the addresses, Tab to the button below them.
    await buyer.popup.locator('input[name=address]:checked').focus();
    await buyer.popup.keyboard.press('ArrowDown');
    await buyer.popup.keyboard.press('ArrowDown');
    await tabTo(buyer.popup, /^Deliver to this address$/);
    await buyer.popup.keyboard.press('Enter');
    await buyer.totals('28.80');
    await tabTo(buyer.popup, /^Place order/);
    await buyer.popup.keyboard.press('Space');
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('28.80');
    buyer.hasNoErrors();
  });
});
