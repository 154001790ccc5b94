// What stands between the button and Amazon's page: what is said between their windows, and what is not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

/** What the browser says to the console of messages between windows. */
function ofMessages(buyer) {
  const said = [];
  buyer.context.on('console', (message) => { if (message.text().includes('postMessage')) said.push(message.text()); });
  return said;
}

describe("Amazon's page", AT_ONCE, () => {
  test('says nothing to a shop that has left for the result page', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    const said = ofMessages(buyer);
    await buyer.context.route('**/checkout/*/answer', async (route) => {
      if (!route.request().postData().includes('success')) return route.continue();
      await buyer.page.waitForURL(order.resultUrl);
      return route.continue();
    });
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.isGone();
    await buyer.arrivesAtResult('order is placed');
    assert.deepEqual(said, []);
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });
});
