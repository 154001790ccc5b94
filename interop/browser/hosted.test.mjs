// Between the button and Amazon's page: which messages their windows exchange and which they ignore, and the flows
// and handlers that the storefront's script does not use.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { STORE, payload, plainPage, renders, signedConfiguration } from './signed-button.mjs';
import { Stage, until } from './stage.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

const COMPLETE = '**/browser/*/complete';

/** A promise with its resolver; Node 20 has no function for it. */
function deferred() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}

describe("a window of Amazon's page", AT_ONCE, () => {
  test('says nothing to a shop that has left for the result page', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    const said = [];
    buyer.context.on('console', (message) => { if (message.text().includes('postMessage')) said.push(message.text()); });
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

  // Promise: A27
  test('accepts answers only from the page that opened it, and from the right origin', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order, { query: '?break=hang' });
    const answers = [];
    buyer.context.on('request', (request) => { if (request.url().endsWith('/answer')) answers.push(request.url()); });
    await buyer.begins();
    await buyer.signsIn();
    await buyer.press('Agree and continue');
    await buyer.popup.getByRole('status').waitFor();
    // The worst case: an attacker knows the page's address and opens it in a window.
    const attacker = await buyer.context.newPage();
    await attacker.goto(`${stage().shop.elsewhere}/`);
    const [victim] = await Promise.all([
      attacker.waitForEvent('popup'),
      attacker.evaluate((url) => {
        window.heard = [];
        window.addEventListener('message', (event) => window.heard.push(event.data));
        window.victim = window.open(url);
      }, buyer.popup.url()),
    ]);
    await victim.getByRole('status').waitFor();
    const forged = await victim.evaluate(() => {
      const { visit, question } = document.body.dataset;
      window.addEventListener('message', (event) => { if (event.data === 'last') document.title = event.origin; });
      return { amazonPay: 1, checkout: visit, id: JSON.parse(question).id, type: 'answer', answer: { status: 'success' } };
    });
    await attacker.evaluate((message) => {
      for (const type of ['heard', 'answer', 'failed']) window.victim.postMessage({ ...message, type }, '*');
      window.victim.postMessage('last', '*');
    }, forged);
    await victim.waitForFunction((origin) => document.title === origin, stage().shop.elsewhere);
    // It does not accept a message from itself either.
    await buyer.popup.evaluate((message) => new Promise((resolve) => {
      window.addEventListener('message', () => resolve(), { once: true });
      window.postMessage(message, '*');
    }), forged);
    assert.deepEqual(answers, []);
    assert.deepEqual(await attacker.evaluate(() => window.heard), [], 'its questions go only to the shop');
    await victim.close();
    await buyer.press('Cancel');
    await buyer.isGone();
    await order.hasEvent('PageCanceled');
    await order.isUnpaid('registered');
  });

  // Promise: A18
  test('is open when its Checkout Session expires, and informs the buyer and the shop', async (t) => {
    // A stage with its own clock: the checkouts of the other tests would expire too.
    const own = await Stage.set();
    t.after(() => own.strike());
    for (const [comes, goesOn] of [['reviews', /^Place order/], ['begins', 'Continue']]) {
      const order = await own.order();
      const buyer = await Buyer.arrives(t, order);
      await buyer[comes]();
      await own.sandbox.advance('PT24H');
      await buyer.press(goesOn);
      await buyer.heading('This checkout has expired');
      await buyer.popup.getByText('Nothing was charged.').waitFor();
      await order.hasEvent('PageCanceled');
      const events = await order.events();
      assert.equal(events.at(-1).type, 'CheckoutSessionCanceled');
      assert.equal(events.at(-1).reasonCode, 'Expired');
      await order.isUnpaid('registered');
      buyer.hasNoErrors();
    }
  });

  // Promise: A18
  test('that is closed while the shop is asked is canceled', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order, { query: '?break=hang' });
    await buyer.begins();
    await buyer.signsIn();
    await buyer.press('Agree and continue');
    await buyer.popup.getByRole('status').waitFor();
    await buyer.popup.close();
    await order.hasEvent('PageCanceled');
    await order.isUnpaid('registered');
    buyer.hasNoErrors();
  });

  // Promise: A18
  test('that is closed while the order is completed is not canceled, and the order is paid', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    const [asked, closed] = [deferred(), deferred()];
    await buyer.context.route(COMPLETE, async (route) => {
      asked.resolve();
      await closed.promise;
      return route.continue();
    });
    await buyer.reviews();
    await buyer.placesOrder();
    await asked.promise;
    // The button's script looks for its window by a timer, and clears the timer once the window is gone.
    await buyer.page.evaluate(() => {
      const stop = window.clearInterval;
      window.clearInterval = (timer) => { window.hasSeenItGone = true; stop(timer); };
    });
    await buyer.popup.close();
    await buyer.page.waitForFunction(() => window.hasSeenItGone);
    closed.resolve();
    await buyer.arrivesAtResult('payment was successful');
    await order.isPaid('25.00');
    assert.ok(!(await order.checkout()).timeline.some((entry) => entry.type === 'PageCanceled'));
    buyer.hasNoErrors();
  });

  test('that is closed on the page of a check that failed has canceled once', async (t) => {
    const order = await stage().order();
    const buyer = await Buyer.arrives(t, order);
    await buyer.reviews();
    await buyer.bank('mfa');
    await buyer.placesOrder();
    await buyer.press('Fail the check');
    await buyer.heading('The payment was declined');
    await order.hasEvent('PageCanceled');
    await buyer.popup.close();
    await buyer.page.waitForSelector('#pay button');
    await order.isUnpaid('registered');
    const told = (await order.checkout()).timeline.filter((entry) => entry.type === 'PageCanceled');
    assert.equal(told.length, 1);
    buyer.hasNoErrors();
  });
});

/** What a buyer reads on the way, in two languages whose word order differs from English. */
const WORDS = {
  de_DE: {
    steps: [
      ['Als Testkäufer anmelden', 'Weiter'],
      ['Angaben mit dem Shop teilen', 'Zustimmen und weiter'],
      ['Bestellung prüfen', 'Zahlungspflichtig bestellen – 25.00 USD'],
    ],
    total: 'Zu zahlen',
    result: 'Ihre Zahlung war erfolgreich.',
  },
  ja_JP: {
    steps: [
      ['テスト購入者としてサインイン', '続ける'],
      ['ショップへの情報提供', '同意して続ける'],
      ['注文内容の確認', '注文を確定する – 25.00 USD'],
    ],
    total: 'お支払い合計',
    result: 'お支払いが完了しました。',
  },
};

describe("a purchase in the buyer's language", AT_ONCE, () => {
  for (const [checkoutLanguage, { steps, total, result }] of Object.entries(WORDS)) {
    test(`is made from button to result page: ${checkoutLanguage}`, async (t) => {
      const order = await stage().order({ intent: 'AuthorizeWithCapture', more: { checkoutLanguage } });
      const buyer = await Buyer.arrives(t, order);
      await buyer.begins();
      for (const [title, button] of steps) {
        const language = checkoutLanguage.slice(0, 2);
        // The review page reloads once the shop has answered: a locator survives that, a script in the page does not.
        await buyer.popup.locator(`html[lang="${language}"] h1`, { hasText: title }).waitFor();
        const next = buyer.popup.getByRole('button', { name: button, exact: true });
        await next.waitFor();
        if (button.includes('USD')) await buyer.popup.locator('.total dt', { hasText: total }).waitFor();
        await next.click();
      }
      await buyer.arrivesAtResult(result);
      await order.isPaid('25.00');
      buyer.hasNoErrors();
    });
  }
});

describe('the signed button', AT_ONCE, () => {
  const TAMPERED = {
    'its payload': (it) => ({ ...it, payloadJSON: it.payloadJSON.replace('14.00', '0.01') }),
    'its signature': (it) => ({ ...it, signature: it.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) }),
    'its algorithm': (it) => ({ ...it, algorithm: 'AMZN-PAY-RSASSA-PSS' }),
  };
  for (const [what, tamper] of Object.entries(TAMPERED)) {
    // Promise: A29
    test(`is refused when ${what} was tampered with, on the page and in the console`, async (t) => {
      const { page, errors } = await plainPage(t, stage());
      const right = signedConfiguration(stage(), payload(stage()));
      const wrong = tamper(right);
      assert.notDeepEqual(wrong, right);
      await renders(page, wrong);
      const answered = page.waitForResponse((response) => response.url() === `${stage().amazon}/checkout`);
      await page.click('#pay button');
      assert.equal((await answered).status(), 400);
      const shown = await page.locator('section[role=alert]').textContent();
      assert.match(shown, /^InvalidSignatureError: \[createCheckoutSessionConfig\.signature\]/);
      await until(async () => errors, (all) => all.includes(`Amazon Pay sandbox: ${shown}`));
    });
  }

  // Promise: A29
  test('is refused without a signature before it is drawn, in the console and by onError', async (t) => {
    const { page, errors } = await plainPage(t, stage());
    const { signature, ...rest } = signedConfiguration(stage(), payload(stage()));
    assert.ok(signature);
    await assert.rejects(renders(page, rest), /\[createCheckoutSessionConfig\.signature\] is required/);
    const why = 'The parameter [createCheckoutSessionConfig.signature] is required.';
    assert.deepEqual(await page.evaluate(() => window.told), [why]);
    assert.ok(errors.includes(`Amazon Pay sandbox: ${why}`), errors.join());
    assert.equal(await page.locator('#pay button').count(), 0);
  });

  test('lets a buyer choose, change their mind on the review page, and pay after amazonPayRedirectUrl', async (t) => {
    const { page, errors } = await plainPage(t, stage());
    const press = (name) => page.getByRole('button', { name }).click();
    await renders(page, signedConfiguration(stage(), payload(stage())));
    const [, session] = await stage().begun(() => page.click('#pay button'));
    await press('Continue');
    await press('Agree and continue');
    await page.locator('h1', { hasText: 'Choose address and payment' }).waitFor();
    await press('Continue');
    const review = `${stage().shop.url}/review?amazonCheckoutSessionId=${session}`;
    await page.waitForURL(review);

    await page.addScriptTag({ url: `${stage().amazon}/checkout.js` });
    await page.evaluate((amazonCheckoutSessionId) => {
      document.body.innerHTML = '<button id="change">Change</button>';
      amazon.Pay.bindUpdateCheckoutAction('#change', { amazonCheckoutSessionId, changeAction: 'changePayment' });
    }, session);
    await page.click('#change');
    await page.check('input[name=card][value="4444"]');
    await press('Use this card');
    await page.locator('input[name=card][value="4444"]:checked').waitFor();
    await press('Continue');
    await page.waitForURL(review);

    const { webCheckoutDetails, paymentPreferences } = await stage().sandbox.buyer(session, 'selectCard', { card: '4444' });
    assert.equal(paymentPreferences[0].paymentDescriptor, 'Mastercard ****4444 (Amazon Pay)');
    const { amazonPayRedirectUrl } = webCheckoutDetails;
    assert.equal(amazonPayRedirectUrl, `${stage().amazon}/checkout/processing?amazonCheckoutSessionId=${session}`);
    await page.goto(amazonPayRedirectUrl);
    await page.locator('summary', { hasText: 'Test options' }).click();
    await page.check('input[name=bank][value=mfa]');
    await press('Place order – 14.00 USD');
    await press('Confirm payment');
    await page.waitForURL(`${stage().shop.url}/result?amazonCheckoutSessionId=${session}`);
    const events = await stage().sandbox.events(session);
    assert.deepEqual(events.slice(-3).map((event) => event.type), ['MfaStarted', 'MfaPassed', 'OrderPlaced']);

    await page.goto(amazonPayRedirectUrl);
    await page.waitForURL(`${stage().shop.url}/result?amazonCheckoutSessionId=${session}`);
    assert.deepEqual(errors, []);
  });

  test('leads to a page with no button to close it, since no other page has opened it', async (t) => {
    const { page } = await plainPage(t, stage());
    await page.goto(`${stage().amazon}/checkout/processing?amazonCheckoutSessionId=none`);
    await page.locator('h1', { hasText: 'This checkout cannot go on' }).waitFor();
    assert.equal(await page.locator('[data-leave]').count(), 1);
    assert.ok(await page.locator('[data-leave]').isHidden());
  });

  test('leads a buyer who cancels after amazonPayRedirectUrl to the shop’s checkoutCancelUrl', async (t) => {
    const { page, errors } = await plainPage(t, stage());
    const press = (name) => page.getByRole('button', { name }).click();
    await renders(page, signedConfiguration(stage(), payload(stage())));
    const [, session] = await stage().begun(() => page.click('#pay button'));
    for (const name of ['Continue', 'Agree and continue', 'Continue']) await press(name);
    await page.waitForURL(`${stage().shop.url}/review**`);
    await page.goto(`${stage().amazon}/checkout/processing?amazonCheckoutSessionId=${session}`);
    await press('Cancel');
    await page.waitForURL(`${stage().shop.url}/cart?amazonCheckoutSessionId=${session}`);
    assert.equal((await stage().sandbox.events(session)).at(-1).reasonCode, 'BuyerCanceled');
    assert.deepEqual(errors, []);
  });
});

// Promise: A27
test("a present is wrapped and points are redeemed by the handlers of the shop's page", async (t) => {
  const { page, errors } = await plainPage(t, stage());
  await page.evaluate((storeId) => {
    const usd = (amount) => ({ amount, currencyCode: 'USD' });
    const cart = (base, charge, more) => ({
      totalBaseAmount: usd(base), totalShippingAmount: usd('0.00'), totalTaxAmount: usd('0.00'), totalChargeAmount: usd(charge), ...more,
    });
    window.told = [];
    const told = (name, answer) => (event) => { window.told.push([name, event]); return answer; };
    amazon.Pay.renderJSButton('#pay', {
      merchantId: 'A1EXAMPLE', publicKeyId: 'SANDBOX-SHOP', ledgerCurrency: 'USD', placement: 'Cart', productType: 'PayOnly',
      checkoutSessionConfig: { storeId, paymentDetails: { paymentIntent: 'Authorize' } },
      onInitCheckout: async () => cart('20.00', '20.00'),
      onGiftWrapOptionSelection: told('gift', cart('23.00', '23.00', { addOnFeatures: ['GIFT'] })),
      onMerchantManagedPaymentMethodSelection: told('points', cart('23.00', '20.50', { totalDiscountAmount: usd('2.50') })),
      onCompleteCheckout: async () => ({ status: 'success' }),
      onCancel() {},
    });
  }, STORE);
  const [popup] = await stage().begun(async () => {
    const opened = page.waitForEvent('popup');
    await page.click('#pay button');
    return opened;
  });
  const press = (name) => popup.getByRole('button', { name }).click();
  await press('Continue');
  await press('Agree and continue');
  const total = (amount) => popup.locator('.total dd', { hasText: `${amount} USD` }).waitFor();
  await total('20.00');
  await popup.getByLabel('Wrap as a gift').check();
  await popup.getByLabel('Gift message').fill('Happy birthday');
  // The gift counts even if only the button of the order is pressed: the new total is shown first.
  await press(/^Place order/);
  await total('23.00');
  await popup.getByLabel('Points to use').fill('250');
  await press('Apply Points of the shop');
  await total('20.50');
  assert.equal(await popup.getByLabel('Gift message').inputValue(), 'Happy birthday');
  assert.deepEqual(await page.evaluate(() => window.told), [
    ['gift', { giftDetails: { giftWrap: true, giftMessage: 'Happy birthday' }, couponCodes: [] }],
    ['points', { merchantPoints: { points: '250' }, couponCodes: [] }],
  ]);
  await press(/^Place order/);
  if (!popup.isClosed()) await popup.waitForEvent('close');
  assert.deepEqual(errors, []);
});
