// The shop: pages with the button, under a strict policy, and the quote hook. It calculates in cents.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const DELIVERIES = [['std', 'Standard', 500, 3], ['exp', 'Express', 900, 1]];
const BASE = 2000;

const price = (cents) => ({ amount: `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`, currencyCode: 'USD' });
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Breaks a handler as `?break=` says, adds the handlers of gifts and points for `?gifts`, and mounts the button; with
 * `?stays` the buyer stays on the page. */
const MOUNT = `'use strict';
const broken = {
  throw: () => { throw new Error('<b>broken</b>'); },
  hang: () => new Promise(() => {}),
  nonsense: async () => ({ totalChargeAmount: { amount: '-1', currencyCode: 'XXX' }, surprise: [] }),
  nothing: async () => undefined,
  cheap: async () => ({ totalBaseAmount: { amount: '0.01', currencyCode: 'USD' }, totalChargeAmount: { amount: '0.01', currencyCode: 'USD' },
    totalShippingAmount: { amount: '0.00', currencyCode: 'USD' }, totalTaxAmount: { amount: '0.00', currencyCode: 'USD' },
    lineItems: [{ id: 'cup', title: 'Cup', quantity: '1', listPrice: { amount: '0.01', currencyCode: 'USD' }, totalListPrice: { amount: '0.01', currencyCode: 'USD' } }],
    deliveryOptions: [{ id: 'std', price: { amount: '0.00', currencyCode: 'USD' }, isDefault: true, shippingMethod: { shippingMethodName: 'Free' } }] }),
}[new URLSearchParams(location.search).get('break')];
const render = amazon.Pay.renderJSButton;
if (broken) amazon.Pay.renderJSButton = (place, config) => render(place, { ...config, onInitCheckout: broken });
const gifts = { onGiftWrapOptionSelection() {}, onMerchantManagedPaymentMethodSelection() {} };
if (location.search === '?gifts') amazon.Pay.renderJSButton = (place, config) => render(place, { ...config, ...gifts });
const place = document.getElementById('pay');
const sell = (registration) => countersign.mount('#pay', registration, location.search === '?stays' ? { onOutcome: () => false } : {});
sell(JSON.parse(place.dataset.registration));
`;

/** What an order costs, as CartDetails. */
function quote(order, { shippingAddress, deliveryOptionId, couponCodes = [] }) {
  const chosen = DELIVERIES.find(([id]) => id === deliveryOptionId) ?? DELIVERIES[0];
  const shipping = order.ships ? chosen[2] : 0;
  const discount = couponCodes.some((code) => code.toUpperCase() === 'SPRING') ? BASE / 10 : 0;
  const tax = order.ships && shippingAddress?.countryCode === 'DE' ? (BASE - discount) * 19 / 100 : 0;
  const charge = BASE + shipping + tax - discount;
  order.quoted = price(charge).amount;
  const options = DELIVERIES.map(([id, shippingMethodName, cents, value]) => ({
    id, price: price(cents), isDefault: id === chosen[0], shippingMethod: { shippingMethodName },
    shippingEstimate: [{ timeUnit: 'DAY', value }],
  }));
  return {
    totalBaseAmount: price(BASE), totalShippingAmount: price(shipping), totalTaxAmount: price(tax),
    totalDiscountAmount: price(discount), totalChargeAmount: price(charge),
    lineItems: [{ id: 'cup', title: order.title, quantity: '2', listPrice: price(1000), totalListPrice: price(BASE) }],
    couponCodes: couponCodes.map((code) => ({ code, status: discount > 0 ? 'applied' : 'unknown' })),
    ...(order.ships && { deliveryOptions: options }),
  };
}

export class Shop {
  /** The orders, by the number in the page's address: `{ orderId, title, ships, registration, quoted }`. */
  orders = new Map();
  /** The origin of the merchant half, once it listens. */
  merchant;

  static async open(secret, amazon) {
    const shop = new Shop();
    shop.secret = secret;
    shop.amazon = amazon;
    shop.server = createServer((request, response) => {
      shop.#answer(request, response).catch((error) => {
        console.error(error);
        response.writeHead(500).end();
      });
    });
    shop.server.listen(0, '127.0.0.1');
    await once(shop.server, 'listening');
    shop.url = `http://127.0.0.1:${shop.server.address().port}`;
    return shop;
  }

  async close() {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  /** The same server under another name, which makes it another origin. */
  get elsewhere() {
    return this.url.replace('127.0.0.1', 'localhost');
  }

  async #answer(request, response) {
    const path = new URL(request.url, this.url).pathname;
    const order = this.orders.get(path.match(/^\/order\/(\d+)$/)?.[1]);
    if (request.method === 'POST' && path === '/quote') return this.#quote(request, response);
    if (path === '/mount.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(MOUNT);
    const policy = `default-src 'none'; script-src 'self' ${this.amazon} ${this.merchant}; connect-src ${this.merchant}; `
      + `frame-src ${this.amazon}; form-action ${this.amazon}; base-uri 'none'; frame-ancestors 'none'`;
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy };
    const page = (body) => '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
      + `<title>Cup shop</title><main><h1>Cup shop</h1>${body}</main></html>`;
    if (!order) return response.writeHead(200, { 'content-type': headers['content-type'] }).end(page('<p>Welcome.</p>'));
    response.writeHead(200, headers).end(page(`<p>Order ${escaped(order.orderId)}</p>
<div id="pay" data-registration="${escaped(JSON.stringify(order.registration))}"></div>
<script src="${this.amazon}/checkout.js"></script><script src="${this.merchant}/countersign.js"></script><script src="/mount.js"></script>`));
  }

  /** Answers the quote hook, which only the merchant half may call. */
  async #quote(request, response) {
    const body = Buffer.concat(await request.toArray());
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers;
    const own = createHmac('sha256', this.secret).update(`${id}.${at}.`).update(body).digest('base64');
    assert.equal(signature, `v1,${own}`);
    const asked = JSON.parse(body);
    const order = [...this.orders.values()].find((it) => it.registration?.checkoutId === asked.checkoutId);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(quote(order, asked)));
  }
}
