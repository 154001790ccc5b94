// What the buyer sees while the outcome is not known yet, and in which language; and what the demo's pages show.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { shown } from './gallery.mjs';
import { until } from './stage.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

/** `serve` asks Amazon less and less often, and a page asks `serve` every few seconds. */
const PATIENCE_MS = 60_000;
/** Amazon gives no usable answer until these faults are removed. */
const DOUBT = [
  { operation: 'finalizeCheckoutSession', point: 'afterCommit', kind: 'reset', times: 50 },
  { operation: 'getCheckoutSession', point: 'before', kind: 'status', status: 500, times: 500 },
];

async function fault(session) {
  for (const one of DOUBT) {
    const { status, body } = await stage().sandbox.control('POST', '/faults', { ...one, checkoutSessionId: session });
    assert.equal(status, 201, JSON.stringify(body));
  }
}

async function repair(session) {
  const { body } = await stage().sandbox.control('GET', '/faults');
  for (const { faultId, checkoutSessionId } of body.faults) {
    if (checkoutSessionId === session) await stage().sandbox.control('DELETE', `/faults/${faultId}`);
  }
}

/** The order's result page in a browser of its own. */
async function visited(t, order, options = {}) {
  const context = await stage().browser.newContext(options);
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.errors = [];
  page.on('console', (said) => { if (said.type() === 'error') page.errors.push(said.text()); });
  page.on('pageerror', (error) => page.errors.push(String(error)));
  await page.goto(order.resultUrl);
  return page;
}

const says = (page, words) => page.locator('h1', { hasText: words }).waitFor();

/** How an order gets into a state without a verdict, and what decides it. */
const OPEN = {
  pending: {
    of: { payment: { canHandlePendingAuthorization: true } }, with: { card: '0701' },
    outcome: 'pending', words: 'Your payment is being processed.',
    decide: () => stage().sandbox.advance('PT31S'),
  },
  'in doubt': {
    of: {}, with: { faults: DOUBT },
    outcome: 'checking', words: 'We are checking your payment.',
    decide: (order) => repair(order.sessions.at(-1)),
  },
};

describe('a result page without a verdict', AT_ONCE, () => {
  for (const [name, { of, with: how, outcome, words, decide }] of Object.entries(OPEN)) {
    test(`shows the verdict by itself, in place with scripts, and without scripts too: ${name}`, async (t) => {
      const order = await stage().order(of);
      assert.equal((await stage().completed(order, how)).outcome, outcome);
      const page = await visited(t, order);
      const plain = await visited(t, order, { javaScriptEnabled: false });
      for (const one of [page, plain]) {
        await says(one, words);
        const text = await one.innerText('main');
        assert.ok(text.includes('Please do not pay again.') && text.includes('This page updates itself'), text);
        await one.getByRole('link', { name: 'Check again' }).waitFor();
      }
      assert.equal(await page.locator('meta[http-equiv=refresh]').count(), 0, 'the page does not reload itself');
      assert.equal(await plain.locator('meta[http-equiv=refresh]').count(), 1);
      const lived = await page.evaluate(() => {
        window.livesOn = document.querySelector('[role=status]');
        document.querySelector('.next a').focus();
        return performance.timeOrigin;
      });
      await decide(order);
      await Promise.all([page, plain].map((one) => says(one, 'Your order is placed.')));
      assert.ok(await page.evaluate(() => window.livesOn === document.querySelector('[role=status]')), 'in place');
      assert.equal(await page.evaluate(() => performance.timeOrigin), lived);
      assert.equal(await page.title(), 'Your order is placed. – Cup shop');
      for (const one of [page, plain]) {
        assert.ok(!(await one.innerText('main')).includes('again'), await one.innerText('main'));
        assert.equal(await one.locator('[role=status].good').count(), 1);
      }
      const asked = page.waitForRequest(/\/result\//, { timeout: 7000 }).then(() => true, () => false);
      assert.equal(await asked, false, 'a page with a verdict does not ask again');
      assert.deepEqual(page.errors, []);
    });
  }

  test('stays as it is when it cannot be loaded again, and keeps trying', async (t) => {
    const order = await stage().order(OPEN['in doubt'].of);
    await stage().completed(order, OPEN['in doubt'].with);
    const page = await visited(t, order);
    const answers = [
      (route) => route.abort('connectionreset'),
      (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<main role=status><h1>Sign in</h1></main>' }),
    ];
    let asked = 0;
    await page.route(order.resultUrl, (route) => {
      asked += 1;
      return answers.length > 0 ? answers.shift()(route) : route.continue();
    });
    await repair(order.sessions.at(-1));
    await until(async () => asked, (times) => times === 2, PATIENCE_MS);
    await says(page, 'We are checking your payment.');
    await says(page, 'Your order is placed.');
    assert.equal(asked, 3);
  });
});

describe('a purchase that is in doubt', AT_ONCE, () => {
  test('is not a success until the outcome is known, and then leads to the result', async (t) => {
    const order = await stage().order({ intent: 'AuthorizeWithCapture' });
    const buyer = await Buyer.arrives(t, order);
    buyer.context.setDefaultTimeout(PATIENCE_MS);
    await buyer.reviews();
    await fault(order.sessions.at(-1));
    const checked = buyer.page.waitForResponse((answer) => answer.url().endsWith('/complete'));
    await buyer.placesOrder();
    assert.equal((await checked).status(), 202);
    assert.equal(buyer.page.url(), order.url);
    assert.equal(buyer.popup.isClosed(), false, 'Amazon’s page has not got a success');
    await repair(order.sessions.at(-1));
    await buyer.isGone();
    await buyer.arrivesAtResult('payment was successful');
    await order.isPaid('25.00');
    buyer.hasNoErrors();
  });
});

describe('a purchase in another language', AT_ONCE, () => {
  for (const [language, paid, amount] of [
    ['de_DE', 'Ihre Zahlung war erfolgreich.', 'Betrag'], ['ja_JP', 'お支払いが完了しました。', '金額'],
  ]) {
    test(`ends on a result page in it: ${language}`, async (t) => {
      const order = await stage().order({ intent: 'AuthorizeWithCapture', more: { checkoutLanguage: language } });
      const buyer = await Buyer.arrives(t, order);
      await buyer.begins();
      for (const act of ['sign-in', 'consent', 'place-order']) {
        await buyer.popup.locator(`form[action$="/${act}"] button.main-act:enabled`).click();
      }
      await buyer.isGone();
      await buyer.arrivesAtResult(paid);
      assert.equal(await buyer.page.getAttribute('html', 'lang'), language.slice(0, 2));
      assert.equal(await buyer.page.locator('dt').last().textContent(), amount);
      await order.isPaid('25.00');
      buyer.hasNoErrors();
    });
  }
});

describe('the demo', () => {
  test('shows every instant as a person reads it', async (t) => {
    const { page } = await shown(t, stage(), 'demo, order paid');
    for (const path of [page.url(), '/']) {
      await page.goto(new URL(path, page.url()).href);
      const text = await page.innerText('main');
      assert.doesNotMatch(text, /\d{8}T\d{6}Z/);
      const times = await page.locator('time').evaluateAll((all) => all.map((it) => [it.dateTime, it.textContent]));
      assert.ok(times.length > 0, text);
      for (const [machine, words] of times) {
        assert.match(words, /^\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d:\d\d UTC$/);
        assert.equal(Date.parse(machine), Date.parse(words.replace('UTC', 'GMT')));
      }
    }
  });
});
