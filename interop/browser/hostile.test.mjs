// Pages that lie: nothing that a hostile page does to an order makes a charge.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

const MARKUP = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const SHOP_REPORTS = /Amazon Pay sandbox: \[onInitCheckout\] failed/;

/** Waits for a page that has loaded, since this one may be on its way to the next, without any script injected. */
const unharmed = (page) => page.waitForFunction(() => document.readyState === 'complete' && window.pwned === undefined);

describe('a hostile page', AT_ONCE, () => {
  test('of another origin is ignored by the shop, whatever it claims to be', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    const calls = [];
    buyer.context.on('request', (request) => { if (request.url().includes('/browser/')) calls.push(request.url()); });
    await buyer.begins();
    const attacker = await buyer.context.newPage();
    await attacker.goto(`${stage().shop.elsewhere}/`);
    const [victim] = await Promise.all([
      attacker.waitForEvent('popup'),
      attacker.evaluate((url) => { window.victim = window.open(url); }, order.url),
    ]);
    await victim.waitForSelector('#pay button');
    await victim.evaluate(() => {
      window.addEventListener('message', (event) => { if (event.data === 'last') document.title = event.origin; });
    });
    await attacker.evaluate((session) => {
      const say = (message) => window.victim.postMessage({ amazonPay: 1, checkout: 'x', id: '1', ...message }, '*');
      for (const event of ['onInitCheckout', 'onCompleteCheckout']) {
        say({ type: 'ask', event, detail: { amazonCheckoutSessionId: session } });
      }
      say({ type: 'tell', event: 'onCancel', detail: {} });
      say({ type: 'tell', event: 'onError', detail: { message: 'x' } });
      window.victim.postMessage('last', '*');
    }, order.sessions[0]);
    await victim.waitForFunction((origin) => document.title === origin, stage().shop.elsewhere);
    // The shop's page does not accept a message from itself either.
    await buyer.page.evaluate(() => new Promise((resolve) => {
      window.addEventListener('message', () => resolve(), { once: true });
      window.postMessage({ amazonPay: 1, checkout: 'x', type: 'ask', id: '1', event: 'onCompleteCheckout', detail: {} }, '*');
    }));
    assert.deepEqual(calls, []);
    await order.isUnpaid('registered');
    // The real buyer continues undisturbed.
    await buyer.signsIn();
    await buyer.consents();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  test('of another origin is refused by the merchant half', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.begins();
    const attacker = await buyer.context.newPage();
    await attacker.goto(`${stage().shop.elsewhere}/`);
    const { browserToken } = order.registration;
    const read = await attacker.evaluate(async ([url, session]) => {
      const answer = await fetch(url, {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ amazonCheckoutSessionId: session }),
      }).catch((error) => error);
      return answer instanceof Error ? 'unreadable' : answer.status;
    }, [`${stage().merchant}/browser/${browserToken}/complete`, order.sessions[0]]);
    assert.equal(read, 'unreadable');
    await order.isUnpaid('registered');
    buyer.hasNoErrors(/CORS policy/, /net::ERR_FAILED/, /status of 403/);
  });

  test("cannot lay itself over Amazon's page or the result page", async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.begins();
    const attacker = await buyer.context.newPage();
    await attacker.goto(`${stage().shop.elsewhere}/`);
    for (const url of [buyer.popup.url(), order.resultUrl]) {
      const refused = buyer.context.waitForEvent('console', (said) => said.text().includes('frame-ancestors'));
      await attacker.evaluate((src) => {
        const frame = document.createElement('iframe');
        frame.src = src;
        document.body.append(frame);
      }, url);
      await refused;
    }
    await order.isUnpaid('registered');
    buyer.hasNoErrors(/frame-ancestors/);
  });

  test('that lowers the amount of its configuration pays what the shop has quoted', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const tampered = structuredClone(order.registration);
    tampered.button.checkoutSessionConfig.paymentDetails.chargeAmount.amount = '0.01';
    tampered.button.estimatedOrderAmount = { amount: '0.01', currencyCode: 'USD' };
    order.own.registration = tampered;
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('payment was successful');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });

  // Promise: B11
  test('that answers a cheaper cart than was quoted is not charged and not paid', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order, { query: '?break=cheap' });
    await buyer.reviews();
    await buyer.totals('0.01');
    await buyer.placesOrder();
    await buyer.page.locator('[data-countersign]').waitFor();
    await order.isUnpaid('notPaid');
    const [attempt] = (await order.checkout()).attempts;
    assert.equal(attempt.reason, 'TermsMismatch');
    buyer.hasNoErrors(/status of 402/);
  });

  test('that changes what is intended is not charged and not paid', async (t) => {
    const order = await stage().order({ intent: 'Authorize' });
    const tampered = structuredClone(order.registration);
    tampered.button.checkoutSessionConfig.paymentDetails.paymentIntent = 'Confirm';
    order.own.registration = tampered;
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.placesOrder();
    await buyer.page.locator('[data-countersign]').waitFor();
    await order.isUnpaid('notPaid');
    buyer.hasNoErrors(/status of 402/);
  });

  const BROKEN = {
    throw: ['The shop does not answer', [SHOP_REPORTS]],
    nothing: ['The shop does not answer', [SHOP_REPORTS]],
    nonsense: ['The shop’s answer cannot be used', []],
    hang: ['The shop does not answer', []],
  };
  for (const [how, [told, expected]] of Object.entries(BROKEN)) {
    // Promise: A27
    test(`whose handler is broken (${how}) charges nothing, and the buyer sees a message`, async (t) => {
      const order = await stage().order();
      const buyer = await Buyer.arrives(t, order, { query: `?break=${how}` });
      await buyer.begins();
      await buyer.signsIn();
      await buyer.press('Agree and continue');
      await buyer.popup.getByRole('alert').filter({ hasText: told }).waitFor();
      assert.equal(await buyer.popup.locator('button:enabled', { hasText: /^Place order/ }).count(), 0);
      const events = await order.isUnpaid('registered');
      assert.ok(events.includes('HandlerFailed'));
      await buyer.press('Cancel');
      await buyer.isGone();
      await order.hasEvent('PageCanceled');
      buyer.hasNoErrors(...expected);
    });
  }

  test('shows markup in the texts of the order, its items and the buyer as text', async (t) => {
    const order = await stage().order({ orderId: `${MARKUP.slice(0, 60)} order`, title: `${MARKUP} cup` });
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.popup.locator('li', { hasText: `${MARKUP} cup` }).waitFor();
    await buyer.popup.locator('summary', { hasText: 'Add an address' }).click();
    const form = buyer.popup.locator('form[action$="/add-address"]');
    const fields = { name: MARKUP, addressLine1: MARKUP, city: 'Seattle', stateOrRegion: 'WA', postalCode: '98101', countryCode: 'US' };
    for (const [name, value] of Object.entries(fields)) await form.locator(`input[name=${name}]`).fill(value);
    await form.getByRole('button', { name: 'Save address' }).click();
    const chosen = buyer.popup.locator('label.choice', { hasText: MARKUP });
    await chosen.waitFor();
    await unharmed(buyer.popup);
    await chosen.locator('input').check();
    await buyer.press('Deliver to this address');
    await buyer.popup.locator('label.choice', { hasText: MARKUP }).locator('input:checked').waitFor();
    await buyer.placesOrder();
    await buyer.arrivesAtResult('order is placed');
    assert.ok((await buyer.page.textContent('dl')).includes(order.own.orderId));
    await unharmed(buyer.page);
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });
});
