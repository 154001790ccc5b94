// What can go wrong on the way: double clicks, reloads, the back button, lost connections, blocked windows.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

const COMPLETE = '**/browser/*/complete';
/** What Chromium and the shop's script log about a request that failed. */
const LOST = [/net::ERR_/, /countersign: complete was not answered/];

describe('a mishap', AT_ONCE, () => {
  test('a double click opens one window and pays once', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.begins(() => buyer.page.dblclick('#pay button'));
    await buyer.signsIn();
    await buyer.consents();
    await buyer.popup.getByRole('button', { name: /^Place order/ }).dblclick();
    await buyer.arrivesAtResult('payment was successful');
    assert.equal(buyer.popups.length, 1);
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  test("the shop's page is loaded again in the middle", async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.begins();
    await buyer.signsIn();
    await buyer.page.reload();
    await buyer.consents();
    await buyer.page.reload();
    await buyer.placesOrder();
    await buyer.isGone();
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  test("the shop's page is loaded again while it completes", async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    const arrived = deferred();
    let asked = 0;
    await buyer.context.route(COMPLETE, async (route) => {
      asked += 1;
      if (asked > 1) return route.continue();
      await route.fetch();
      arrived.resolve();
      // The page that asked is reloaded: the answer is never read.
    });
    await buyer.reviews();
    await buyer.placesOrder();
    await arrived.promise;
    await buyer.page.reload();
    await buyer.arrivesAtResult('payment was successful');
    assert.ok(asked > 1);
    await order.isPaid('25.00');
    buyer.hasNoErrors(...LOST);
  });

  test('the back button leads to a page that does not offer to pay again', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    await buyer.page.goBack();
    await buyer.page.locator('[data-countersign] a', { hasText: 'order is placed' }).waitFor();
    assert.equal(await buyer.page.locator('#pay').isVisible(), false);
    await buyer.page.click('[data-countersign] a');
    await buyer.arrivesAtResult('order is placed');
    await buyer.page.reload();
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  for (const isLoadedAgain of [false, true]) {
    test(`a page that is never left sells the next order in the same place${isLoadedAgain ? ', loaded again between them' : ''}`, async (t) => {
      const orders = [await stage().order({ intent: 'AuthorizeWithCapture' }), await stage().order({ intent: 'AuthorizeWithCapture' })];
      const buyer = await Buyer.arrives(t, orders[0], { query: '?stays' });
      const buys = async () => {
        await buyer.reviews();
        await buyer.placesOrder();
        await buyer.isGone();
        await buyer.order.isPaid('25.00');
      };
      await buys();
      if (isLoadedAgain) {
        await buyer.page.reload();
        await buyer.page.locator('[data-countersign]', { hasText: 'payment was successful' }).waitFor();
        assert.equal(await buyer.page.locator('#pay').isVisible(), false);
      }
      [, buyer.order] = orders;
      await buyer.page.evaluate((registration) => sell(registration), orders[1].registration);
      assert.equal(await buyer.page.locator('[data-countersign]').count(), 0);
      await buys();
      for (const order of orders) await order.isPaid('25.00');
      buyer.hasNoErrors();
    });
  }

  for (const [when, hasReached] of [['before the order has reached the merchant half', false], ['after it has', true]]) {
    test(`the connection is lost at the end, ${when}`, async (t) => {
      const order = await stage().order({ intent: 'AuthorizeWithCapture' });
      const buyer = await Buyer.arrives(t, order);
      let lost = 0;
      await buyer.context.route(COMPLETE, async (route) => {
        if (lost > 0) return route.continue();
        lost += 1;
        if (hasReached) assert.equal((await route.fetch()).status(), 200);
        return route.abort('connectionreset');
      });
      await buyer.reviews();
      await buyer.placesOrder();
      await buyer.isGone();
      await buyer.arrivesAtResult('payment was successful');
      assert.equal(lost, 1);
      await order.isPaid('25.00');
      buyer.hasNoErrors(...LOST);
    });
  }

  // Promise: A27
  test('a window is blocked, and the page is shown over the shop', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    await buyer.page.evaluate(() => { window.open = () => null; });
    const [, session] = await stage().begun(() => buyer.page.click('#pay button'));
    order.sessions.push(session);
    const frame = buyer.page.frameLocator('iframe');
    for (const name of ['Continue', 'Agree and continue', /^Place order/]) {
      await frame.getByRole('button', { name }).click();
    }
    await buyer.arrivesAtResult('payment was successful');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  test('the page over the shop is closed', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.page.evaluate(() => { window.open = () => null; });
    const [, session] = await stage().begun(() => buyer.page.click('#pay button'));
    order.sessions.push(session);
    await buyer.page.frameLocator('iframe').getByRole('button', { name: 'Continue' }).waitFor();
    await buyer.page.getByRole('button', { name: 'Close' }).click();
    await order.hasEvent('PageCanceled');
    await order.isUnpaid('registered');
    buyer.hasNoErrors();
  });
});

/** A promise with its resolver; Node 20 has no function for it. */
function deferred() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}
