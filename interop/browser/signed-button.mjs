// The classic button, whose configuration a merchant's server has signed: the shop's page has only Amazon's script,
// and the buyer returns to the shop before paying.

import { constants, createHash, sign } from 'node:crypto';

import { usd } from './stage.mjs';

export const STORE = `amzn1.application-oa2-client.${'0'.repeat(32)}`;

/** A page of the shop that has only Amazon's script. */
export async function plainPage(t, stage, options = {}) {
  const context = await stage.browser.newContext(options);
  t.after(() => context.close());
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const errors = [];
  context.on('console', (said) => { if (said.type() === 'error') errors.push(said.text()); });
  await page.goto(`${stage.shop.url}/`);
  await page.addScriptTag({ url: `${stage.amazon}/checkout.js` });
  await page.evaluate(() => { document.body.innerHTML = '<div id="pay"></div>'; });
  return { page, errors };
}

/** The signed configuration of a button, as a merchant's server makes it. */
export function signedConfiguration(stage, payload) {
  const payloadJSON = JSON.stringify(payload);
  const algorithm = 'AMZN-PAY-RSASSA-PSS-V2';
  const text = `${algorithm}\n${createHash('sha256').update(payloadJSON).digest('hex')}`;
  const key = { key: stage.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return { payloadJSON, signature: sign('sha256', Buffer.from(text), key).toString('base64'), algorithm, publicKeyId: 'SANDBOX-SHOP' };
}

/** The payload: what the session is for, and where it returns to. */
export const payload = (stage) => ({
  webCheckoutDetails: {
    checkoutReviewReturnUrl: `${stage.shop.url}/review`, checkoutResultReturnUrl: `${stage.shop.url}/result`,
    checkoutCancelUrl: `${stage.shop.url}/cart`,
  },
  storeId: STORE,
  merchantMetadata: { merchantStoreName: 'Cup shop' },
  paymentDetails: { paymentIntent: 'Authorize', chargeAmount: usd('14.00') },
});

export function renders(page, createCheckoutSessionConfig) {
  return page.evaluate((config) => {
    window.told = [];
    amazon.Pay.renderButton('#pay', { ...config, onError: (event) => window.told.push(event.message) });
  }, {
    merchantId: 'A1EXAMPLE', publicKeyId: 'SANDBOX-SHOP', ledgerCurrency: 'USD', placement: 'Cart', productType: 'PayAndShip',
    createCheckoutSessionConfig,
  });
}
