// Every page that a buyer can see, and how to get to it: for the suites that check all pages, and for the
// screenshots.

import { Buyer } from './buyer.mjs';
import { payload, plainPage, renders, signedConfiguration } from './signed-button.mjs';

const FAULTY = [
  { operation: 'finalizeCheckoutSession', point: 'afterCommit', kind: 'reset', times: 50 },
  { operation: 'getCheckoutSession', point: 'before', kind: 'status', status: 500, times: 500 },
];
const PENDING = { payment: { canHandlePendingAuthorization: true } };

/** The result pages: how an order comes to each, and what its page says. */
export const VERDICTS = {
  'result, paid': { of: { intent: 'AuthorizeWithCapture' }, with: {}, words: 'Your payment was successful.' },
  'result, authorized': { of: { intent: 'Authorize' }, with: {}, words: 'Your order is placed.' },
  'result, confirmed': { of: { intent: 'Confirm' }, with: {}, words: 'Your order is placed.' },
  'result, pending': { of: PENDING, with: { card: '0701' }, words: 'Your payment is being processed.' },
  'result, in doubt': { of: {}, with: { faults: FAULTY }, words: 'We are checking your payment.' },
  'result, not paid': { of: {}, with: { card: '3434' }, words: 'Please try another payment method.' },
  'result, not begun': { of: {}, words: 'This order has not been paid yet.' },
  'result, canceled': { of: {}, with: {}, cancel: true, words: 'This order was canceled.' },
};

const refused = { expected: [/Amazon Pay sandbox: /, /status of 400/, /the button reports an error/] };

/** How a buyer comes to each page of Amazon's. */
const HOSTED = {
  'sign-in': { comes: (buyer) => buyer.begins() },
  consent: {
    comes: async (buyer) => {
      await buyer.begins();
      await buyer.signsIn();
    },
  },
  review: { comes: (buyer) => buyer.reviews() },
  'review, with a coupon and a wrong address': {
    // The form is shown again with its errors.
    expected: [/status of 422/],
    comes: async (buyer) => {
      await buyer.reviews();
      await buyer.popup.fill('input[name=code]', 'NOPE');
      await buyer.press('Apply');
      await buyer.popup.getByText('not applied').waitFor();
      await buyer.popup.locator('summary', { hasText: 'Add an address' }).click();
      const form = buyer.popup.locator('form[action$="/add-address"]');
      await form.locator('input[name=name]').fill('Robin Tester');
      await form.locator('input[name=addressLine1]').fill('1 Example Street');
      await form.locator('input[name=countryCode]').fill('usa');
      await form.evaluate((it) => { it.noValidate = true; });
      await form.getByRole('button', { name: 'Save address' }).click();
      await buyer.popup.locator('[aria-invalid=true]').first().waitFor();
    },
  },
  'review, with a present and points': {
    query: '?gifts',
    comes: async (buyer) => {
      await buyer.reviews();
      await buyer.popup.getByLabel('Gift message').waitFor();
    },
  },
  bank: {
    comes: async (buyer) => {
      await buyer.reviews();
      await buyer.bank('mfa');
      await buyer.placesOrder();
      await buyer.heading('Your bank asks');
    },
  },
  declined: {
    comes: async (buyer) => {
      await buyer.reviews();
      await buyer.bank('decline');
      await buyer.placesOrder();
      await buyer.heading('Your bank declined');
    },
  },
  'ended, declined': {
    comes: async (buyer) => {
      await HOSTED.declined.comes(buyer);
      await buyer.press('Give up');
      await buyer.heading('The payment was declined');
    },
  },
  'ended, not completed': {
    query: '?break=cheap',
    expected: [/status of 402/],
    comes: async (buyer) => {
      await buyer.reviews();
      await buyer.placesOrder();
      await buyer.heading('The shop could not complete the order');
    },
  },
  'shop does not answer': {
    query: '?break=nonsense',
    comes: async (buyer) => {
      await buyer.begins();
      await buyer.signsIn();
      await buyer.press('Agree and continue');
      await buyer.popup.getByRole('alert').waitFor();
    },
  },
  'asking the shop': {
    query: '?break=hang',
    comes: async (buyer) => {
      await buyer.begins();
      await buyer.signsIn();
      await buyer.press('Agree and continue');
      await buyer.popup.getByRole('status').waitFor();
    },
  },
  refused: {
    ...refused,
    comes: async (buyer) => {
      const opened = buyer.page.waitForEvent('popup');
      await buyer.page.click('#pay button');
      buyer.popup = await opened;
      await buyer.popup.locator('section[role=alert]').waitFor();
    },
    change: (registration) => { registration.button.publicKeyId = 'SANDBOX-NONE'; },
  },
};

/** How a buyer comes to each page of Amazon's that only the classic button leads to. */
const CLASSIC = {
  'choose address and payment': {
    comes: async ({ page, press }) => {
      for (const name of ['Continue', 'Agree and continue']) await press(name);
      await page.locator('h1', { hasText: 'Choose address and payment' }).waitFor();
    },
  },
  payment: {
    comes: async (buyer) => {
      await CLASSIC['choose address and payment'].comes(buyer);
      await buyer.press('Continue');
      await buyer.page.waitForURL('**/review?**');
      await buyer.page.goto(`${buyer.stage.amazon}/checkout/processing?amazonCheckoutSessionId=${buyer.session}`);
      await buyer.page.locator('h1', { hasText: 'Payment' }).waitFor();
    },
  },
  'payment, bank': {
    comes: async (buyer) => {
      await CLASSIC.payment.comes(buyer);
      await pays(buyer, 'mfa');
      await buyer.page.locator('h1', { hasText: 'Your bank asks' }).waitFor();
    },
  },
  'payment, declined': {
    comes: async (buyer) => {
      await CLASSIC.payment.comes(buyer);
      await pays(buyer, 'decline');
      await buyer.page.locator('h1', { hasText: 'Your bank declined' }).waitFor();
    },
  },
  'payment, given up': {
    comes: async (buyer) => {
      await CLASSIC['payment, declined'].comes(buyer);
      await stays(buyer);
      await buyer.press('Give up');
      await buyer.page.locator('h1', { hasText: 'The payment was declined' }).waitFor();
    },
  },
  'payment, done': {
    comes: async (buyer) => {
      await CLASSIC.payment.comes(buyer);
      await stays(buyer);
      await pays(buyer, 'card');
      await buyer.page.getByRole('link', { name: 'Back to the shop' }).waitFor();
    },
  },
  'payment, of no session': {
    comes: ({ page, stage }) => page.goto(`${stage.amazon}/checkout/processing?amazonCheckoutSessionId=none`),
  },
};

async function pays(buyer, bank) {
  await buyer.page.locator('summary', { hasText: 'Test options' }).click();
  await buyer.page.check(`input[name=bank][value=${bank}]`);
  await buyer.press(/^Place order/);
}

/** Takes the script away from the page that leads back to the shop, so that the page stays. */
const stays = ({ page }) => page.route('**/hosted.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));

const DEMO = ['demo, front', 'demo, catalogue', 'demo, nothing ordered', 'demo, order with its button', 'demo, order paid'];

/** The names of all pages. */
export const PAGES = Object.fromEntries([
  'shop with its button', ...Object.keys(HOSTED), 'overlay', 'overlay, its page', ...Object.keys(CLASSIC), ...Object.keys(VERDICTS),
  'result, no such page', ...DEMO,
].map((name) => [name, true]));

/** Shows the page of this name in a browser of its own: `page`, and `frame` if the page is in one. */
export async function shown(t, stage, name, options = {}) {
  if (VERDICTS[name]) return verdict(t, stage, VERDICTS[name], options);
  if (DEMO.includes(name)) return demo(t, stage, name, options);
  if (CLASSIC[name]) return classic(t, stage, CLASSIC[name], options);
  const { comes, query, change, expected } = HOSTED[name] ?? {};
  const { language, ...context } = options;
  const order = await stage.order({ more: language ? { checkoutLanguage: language } : {} });
  if (name === 'result, no such page') return plain(t, stage, order, `${order.resultUrl.slice(0, -3)}abc`, context);
  if (change) {
    order.own.registration = structuredClone(order.registration);
    change(order.own.registration);
  }
  const buyer = await Buyer.arrives(t, order, { query, ...context });
  if (comes) await comes(buyer);
  if (!name.startsWith('overlay')) return { page: buyer.popup ?? buyer.page, buyer, order, expected };
  await buyer.page.evaluate(() => { window.open = () => null; });
  await stage.begun(() => buyer.page.click('#pay button'));
  await buyer.page.frameLocator('iframe').getByRole('button', { name: 'Continue' }).waitFor();
  const [, inner] = buyer.page.frames();
  return { page: buyer.page, frame: name === 'overlay' ? undefined : inner, buyer, order };
}

async function plain(t, stage, order, url, options) {
  const context = await stage.browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  return { page, order };
}

async function classic(t, stage, { comes }, options) {
  const { page } = await plainPage(t, stage, options);
  await renders(page, signedConfiguration(stage, payload(stage)));
  const [, session] = await stage.begun(() => page.click('#pay button'));
  await comes({ page, stage, session, press: (name) => page.getByRole('button', { name }).click() });
  return { page };
}

async function verdict(t, stage, { of, with: how, cancel }, options) {
  const order = await stage.order(of);
  if (how) await stage.completed(order, how);
  if (cancel) await stage.call('POST', `/v1/checkouts/${order.id}/cancel`, { reference: 'c' });
  return plain(t, stage, order, order.resultUrl, options);
}

async function demo(t, stage, name, options) {
  const { page } = await plain(t, stage, null, await stage.demo(), options);
  const place = DEMO.indexOf(name);
  if (place === 0) return { page };
  await page.getByRole('link', { name: 'To the shop' }).click();
  if (place === 2) await page.getByRole('button', { name: 'Check out' }).click();
  if (place < 3) return { page };
  await page.fill('#cup', '2');
  await page.selectOption('#paymentIntent', 'Authorize');
  await page.getByRole('button', { name: 'Check out' }).click();
  await page.waitForSelector('#AmazonPayButton button');
  if (place === 3) return { page };
  const opened = page.waitForEvent('popup');
  await page.click('#AmazonPayButton button');
  const popup = await opened;
  await popup.getByRole('button', { name: 'Continue' }).click();
  await popup.getByRole('button', { name: 'Agree and continue' }).click();
  await popup.getByRole('button', { name: /^Place order/ }).click();
  await page.waitForFunction(() => document.querySelector('#standing')?.textContent.startsWith('reserved'));
  return { page };
}
