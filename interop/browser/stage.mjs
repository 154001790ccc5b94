// Where the buyers act: a sandbox, a merchant half and a shop, each on an origin of its own, and one Chromium, for
// all suites. The checks of an order ask both halves, not the page.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

import { Sandbox, freshFolder } from '../node/sandbox.mjs';
import { Shop } from './shop.mjs';

export const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const TOKEN = 'shop-token-0123456789abcdef0123456789';
/** After this long, a process that is not ready is given up. */
const PATIENCE_MS = 20_000;

export const usd = (amount) => ({ amount, currencyCode: 'USD' });

/** Calls `look` until `isDone` accepts its value. The failure's message shows the last value. */
export async function until(look, isDone, limit = PATIENCE_MS) {
  const end = Date.now() + limit;
  for (;;) {
    const seen = await look();
    if (isDone(seen)) return seen;
    assert.ok(Date.now() < end, `still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs one act at a time, so that the result of one is not taken for that of another. */
function lock() {
  let last = Promise.resolve();
  return (act) => {
    const mine = last.then(act);
    last = mine.catch(() => {});
    return mine;
  };
}

/** The first line with a URL that a process prints. The failure's message shows how it ended and its last lines. */
async function announced(child, pattern, limit = PATIENCE_MS) {
  const signal = AbortSignal.timeout(limit);
  const lines = [];
  for await (const line of createInterface({ input: child.stdout, signal })) {
    const found = pattern.exec(line);
    if (found) return found[1];
    lines.push(line);
  }
  const how = signal.aborted ? `is not ready after ${limit / 1000} s` : `ended with ${await ending(child)}`;
  throw new Error(`the process ${how}: ${[...lines.slice(-5), ...child.complaints].join(' | ')}`);
}

async function ending(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

/** Starts the binary and keeps the last lines of its error output, which are shown here too. */
function start(words) {
  const child = spawn(process.env.COUNTERSIGN_BINARY, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.complaints = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    console.error(line);
    child.complaints = [...child.complaints, line].slice(-10);
  });
  process.on('exit', () => child.kill('SIGKILL'));
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(PATIENCE_MS) });
  child.kill('SIGTERM');
  await gone;
}

export class Stage {
  #children = [];
  #alone = lock();
  #orders = 0;

  static async set() {
    assert.ok(process.env.COUNTERSIGN_BINARY, 'COUNTERSIGN_BINARY must name the binary');
    const stage = new Stage();
    await stage.#open();
    return stage;
  }

  async #open() {
    const folder = freshFolder();
    const file = (name, text) => {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    this.privateKey = privateKey;
    const secret = randomBytes(32);
    const flags = ['--merchant-id', 'A1EXAMPLE', '--public-key-id', 'SANDBOX-SHOP', '--public-key', file('public.pem', publicKey)];
    this.sandbox = await Sandbox.start({ merchants: [{ flags }] });
    this.amazon = `http://${this.sandbox.address}`;
    this.shop = await Shop.open(secret, this.amazon);
    const config = `
listen = "127.0.0.1:0"
store = "memory"
[amazon]
endpoint = "${this.amazon}"
region = "na"
environment = "sandbox"
merchant_id = "A1EXAMPLE"
store_id = "amzn1.application-oa2-client.${'0'.repeat(32)}"
public_key_id = "SANDBOX-SHOP"
private_key_file = "${file('private.pem', privateKey)}"
[shop]
token_file = "${file('token', TOKEN)}"
name = "Cup shop"
url = "${this.shop.url}/"
quote_url = "${this.shop.url}/quote"
webhook_secret_file = "${file('secret', `whsec_${secret.toString('base64')}`)}"
[snapshot]
key_file = "${file('snapshot', randomBytes(32).toString('base64'))}"
[deadlines]
caller_wait = "5s"
`;
    const serve = start(['serve', '--config', file('serve.toml', config)]);
    this.#children.push(serve);
    this.merchant = await announced(serve, /^listening on (http:\S+)$/);
    this.shop.merchant = this.merchant;
    this.browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
  }

  /** The URL of the demo's own shop. */
  demo() {
    this.#demo ??= (async () => {
      const demo = start(['demo']);
      this.#children.push(demo);
      // The demo plays its stories first.
      return announced(demo, /^Open this in a browser: +(http:\S+)$/, 3 * PATIENCE_MS);
    })();
    return this.#demo;
  }

  #demo;

  async strike() {
    const ends = [
      this.browser?.close(),
      this.shop?.close(),
      ...this.#children.map((child) => stop(child)),
      this.sandbox?.stop(),
    ];
    // A part that does not end must not keep the others running.
    const failed = (await Promise.allSettled(ends)).find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
  }

  async call(method, path, body) {
    const answer = await fetch(this.merchant + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }

  /** An order that the shop has registered; `more` overrides members of the registration. */
  async order({ intent = 'Authorize', productType = 'PayAndShip', payment = {}, orderId, title, more = {} } = {}) {
    this.#orders += 1;
    const key = String(this.#orders);
    const own = { orderId: orderId ?? `order-${key}`, title: title ?? 'Enamel cup', ships: productType === 'PayAndShip' };
    this.shop.orders.set(key, own);
    const { status, body } = await this.call('POST', '/v1/checkouts', {
      orderId: own.orderId,
      productType,
      paymentDetails: { paymentIntent: intent, chargeAmount: usd('20.00'), ...payment },
      merchantMetadata: { merchantStoreName: 'Cup shop' },
      startOfCheckoutUrl: `${this.shop.url}/order/${key}`,
      ...more,
    });
    assert.equal(status, 201, JSON.stringify(body));
    own.registration = body;
    return new Order(this, key, own, body, intent);
  }

  /** Runs `act`, during which one session must begin; returns the result of `act` and the session's id. */
  async begun(act) {
    return this.#alone(async () => {
      const before = await this.#events('limit=1000&after=' + this.#seen);
      const last = before.at(-1)?.sequence ?? this.#seen;
      const done = await act();
      const created = (events) => events.filter((event) => event.type === 'CheckoutSessionCreated');
      const events = await until(() => this.#events(`after=${last}`), (events) => created(events).length > 0);
      this.#seen = events.at(-1).sequence;
      assert.equal(created(events).length, 1, 'one checkout begins');
      return [done, created(events)[0].checkoutSessionId];
    });
  }

  #seen = 0;

  async #events(query) {
    const { status, body } = await this.sandbox.control('GET', `/events?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.events;
  }

  /** Completes a checkout whose buyer is the control API; returns the merchant half's answer. */
  async completed(order, { card = '1111', faults = [] } = {}) {
    const { button } = order.registration;
    const { paymentDetails, merchantMetadata, supplementaryData } = button.checkoutSessionConfig;
    const checkout = { productType: button.productType, paymentDetails, merchantMetadata, supplementaryData, card };
    const session = await this.#alone(() => this.sandbox.placed(checkout));
    const { checkoutSessionId } = session;
    for (const fault of faults) {
      const { status, body } = await this.sandbox.control('POST', '/faults', { ...fault, checkoutSessionId });
      assert.equal(status, 201, JSON.stringify(body));
    }
    order.sessions.push(checkoutSessionId);
    const body = { amazonCheckoutSessionId: checkoutSessionId };
    return (await this.call('POST', `/v1/checkouts/${order.id}/complete`, body)).body;
  }
}

/** The order's state for each payment intent, and the balance that has the money then. */
const MONEY = { Confirm: ['confirmed', 'available'], Authorize: ['authorized', 'held'], AuthorizeWithCapture: ['paid', 'captured'] };
const CHARGES = ['ChargeAuthorized', 'ChargeCaptured', 'ChargeAuthorizationInitiated'];

export class Order {
  /** Every Checkout Session that a buyer has begun for the order. */
  sessions = [];

  constructor(stage, key, own, registration, intent) {
    Object.assign(this, { stage, key, own, registration, intent, id: registration.checkoutId });
    this.resultUrl = registration.resultUrl;
    this.url = `${stage.shop.url}/order/${key}`;
  }

  async checkout() {
    const { status, body } = await this.stage.call('GET', `/v1/checkouts/${this.id}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  /** All events at Amazon of every session of the order. */
  async events() {
    const all = await Promise.all(this.sessions.map((session) => this.stage.sandbox.events(session)));
    return all.flat();
  }

  /** Both halves agree that this much was paid, once, and that the shop has quoted it. */
  async isPaid(amount) {
    const [state, balance] = MONEY[this.intent];
    const checkout = await until(() => this.checkout(), (seen) => seen.state !== 'registered' && seen.state !== 'checking');
    assert.equal(checkout.state, state);
    assert.equal(checkout.paymentDetails.chargeAmount.amount, amount);
    assert.equal(this.own.quoted, amount, 'what was charged is what the shop has quoted');
    assert.equal(checkout.attempts.filter((attempt) => attempt.state === 'Completed').length, 1);
    const events = await this.events();
    const permissions = events.filter((event) => event.type === 'ChargePermissionCreated');
    assert.deepEqual(permissions.map((event) => event.chargePermissionId), [checkout.chargePermissionId]);
    const charges = new Set(events.filter((event) => CHARGES.includes(event.type)).map((event) => event.chargeId));
    assert.deepEqual([...charges], checkout.chargeId ? [checkout.chargeId] : []);
    const path = `/ledger?chargePermissionId=${checkout.chargePermissionId}`;
    const { body: ledger } = await this.stage.sandbox.control('GET', path);
    assert.equal(ledger.balances[balance]?.amount ?? ledger.balances[balance], amount, JSON.stringify(ledger));
    return events.map((event) => event.type);
  }

  /** Both halves agree that nothing was paid; `state` is the order's state at the merchant half. */
  async isUnpaid(state) {
    const checkout = await until(() => this.checkout(), (seen) => seen.state === state);
    assert.equal(checkout.chargePermissionId ?? null, null);
    const events = (await this.events()).map((event) => event.type);
    assert.ok(!events.some((type) => type.startsWith('Charge')), events.join(' '));
    return events;
  }

  /** The merchant half's timeline, once `type` is in it. */
  async hasEvent(type) {
    const look = async () => (await this.checkout()).timeline.map((entry) => entry.type);
    return until(look, (types) => types.includes(type));
  }
}
