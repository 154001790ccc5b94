// countersign.js against a made-up page, `amazon.Pay` and network: what it asks, what it answers to Amazon's page,
// where it leads, and what it does when answers are lost. Time is a value that these tests move.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';

const SOURCE = readFileSync(new URL('../countersign.js', import.meta.url), 'utf8');
const REGISTRATION = {
  browserToken: 'b1',
  resultUrl: 'https://pay.example/result/r1',
  button: { merchantId: 'M1', checkoutSessionConfig: { storeId: 'S1' } },
};
/** Of the same shop's next order. */
const NEXT = { ...REGISTRATION, browserToken: 'b2', resultUrl: 'https://pay.example/result/r2' };
const API = 'https://pay.example/pay/browser/b1';
const SESSION = { amazonCheckoutSessionId: 'session-1', shippingAddress: { city: 'Ulm' }, paymentDescriptor: 'Visa' };

/** A page with a button's place, in a browser of a few lines. */
class Page {
  constructor(storage = new Map(), opened = 0) {
    this.storage = storage;
    /** By the wall clock: when it was opened. */
    this.opened = opened;
    this.asked = [];
    this.answers = [];
    this.went = [];
    this.timers = [];
    this.at = 0;
    this.rendered = [];
    this.listeners = {};
    this.lines = [];
    const page = this;
    const element = (name) => ({
      name,
      attributes: {},
      children: [],
      textContent: '',
      setAttribute(key, value) { this.attributes[key] = value; },
      getAttribute(key) { return this.attributes[key] ?? null; },
      append(child) { this.children.push(child); },
    });
    this.container = {
      ...element('div'),
      hidden: false,
      clicks: [],
      previousElementSibling: null,
      addEventListener(kind, listener) { this.clicks.push(listener); },
      removeEventListener(kind, listener) { this.clicks = this.clicks.filter((it) => it !== listener); },
      parentNode: {
        insertBefore(line, before) {
          before.previousElementSibling = line;
          page.lines.push(line);
          line.remove = () => {
            before.previousElementSibling = null;
            page.lines = page.lines.filter((it) => it !== line);
          };
        },
      },
    };
    const document = {
      currentScript: { src: 'https://pay.example/pay/countersign.js?v=1' },
      baseURI: 'https://shop.example/checkout',
      readyState: 'complete',
      scripts: [],
      head: { appendChild: (script) => { this.appended = script; document.scripts.push(script); } },
      createElement: (name) => ({
        ...element(name),
        addEventListener(kind, listener) {
          const before = this[kind];
          this[kind] = () => { if (before) before(); listener(); };
        },
      }),
      querySelector: (selector) => (selector === '#pay' ? this.container : null),
    };
    const window = {
      amazon: { Pay: { renderJSButton: (selector, config) => this.rendered.push({ selector, config }) } },
      location: { assign: (url) => this.went.push(url) },
      addEventListener: (kind, listener) => { this.listeners[kind] = listener; },
      removeEventListener: (kind, listener) => { if (this.listeners[kind] === listener) delete this.listeners[kind]; },
    };
    this.window = window;
    this.document = document;
    this.context = vm.createContext({
      window, document, URL, AbortController, console: { error: () => {} },
      performance: { now: () => this.at },
      Date: { now: () => this.opened + this.at },
      setTimeout: (run, ms) => this.timers.push({ run, at: this.at + ms, id: this.timers.length }) - 1,
      clearTimeout: (id) => { if (this.timers[id]) this.timers[id].run = null; },
      sessionStorage: {
        getItem: (key) => this.storage.get(key) ?? null,
        setItem: (key, value) => this.storage.set(key, value),
        removeItem: (key) => this.storage.delete(key),
      },
      fetch: (url, init) => this.fetch(url, init),
    });
    vm.runInContext(SOURCE, this.context);
  }

  fetch(url, init) {
    this.asked.push({ url, init, body: init.body && JSON.parse(init.body) });
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    if (answer === 'lost') return Promise.reject(new TypeError('Failed to fetch'));
    if (answer === 'hangs') {
      return new Promise((resolve, reject) => {
        if (init.signal.aborted) reject(new Error('aborted'));
        init.signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    }
    const [status, body] = answer;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return Promise.resolve({ status, text: async () => (body === null ? '' : text) });
  }

  async mount(options, registration = REGISTRATION) {
    await this.window.countersign.mount('#pay', registration, options);
    return this.rendered.at(-1).config;
  }

  /** Whether a click reaches the button. */
  click() {
    let isStopped = false;
    const click = { stopImmediatePropagation() { isStopped = true; }, preventDefault() {} };
    for (const listener of this.container.clicks) {
      listener(click);
      if (isStopped) return false;
    }
    return true;
  }

  /** Lets whatever waits happen, moving time from one timer to the next. */
  async settle(until = Infinity) {
    for (;;) {
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      const due = this.timers.filter((it) => it.run && it.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) return;
      this.at = Math.max(this.at, due.at);
      const { run } = due;
      due.run = null;
      run();
    }
  }

  /** What a handler answers, however long it takes. */
  async answerOf(promise) {
    let answer;
    promise.then((value) => { answer = value; });
    await this.settle();
    return answer && JSON.parse(JSON.stringify(answer));
  }

  get kept() {
    const kept = this.storage.get('countersign:b1');
    return kept && JSON.parse(kept);
  }

  posts(event) {
    return this.asked.filter((it) => it.url === `${API}/${event}`);
  }
}

const paid = [200, { outcome: 'paid', message: 'Paid.', redirectUrl: 'https://shop.example/thanks' }];
const pending = [202, { outcome: 'pending', message: 'Wait.', redirectUrl: REGISTRATION.resultUrl }];
const notPaid = (reason) => [402, {
  outcome: 'notPaid', reason, message: 'Not <b>paid</b>.', redirectUrl: 'https://shop.example/checkout',
}];

test('the script is light, and needs nothing that a strict page forbids', () => {
  assert.ok(gzipSync(SOURCE).length < 10_000, `${gzipSync(SOURCE).length}`);
  assert.doesNotMatch(SOURCE, /\beval\b|new Function|innerHTML|document\.write|\.style\b|\?\.|\?\?/);
});

test('the button is rendered with the registration and the events', async () => {
  const page = new Page();
  const config = await page.mount();
  assert.equal(page.rendered[0].selector, '#pay');
  assert.equal(config.merchantId, 'M1');
  const handlers = Object.keys(config).filter((key) => key.startsWith('on')).sort();
  assert.deepEqual(handlers, ['onCancel', 'onCompleteCheckout', 'onDeliveryOptionSelection', 'onError',
    'onInitCheckout', 'onShippingAddressSelection']);
  assert.equal(REGISTRATION.button.onCancel, undefined, 'the registration is left as it is');
  await page.mount();
  assert.equal(page.rendered.length, 1, 'mounting twice is mounting once');
});

test('each event asks the merchant half with what it needs and passes the answer on', async () => {
  const page = new Page();
  const config = await page.mount();
  const cart = { totalChargeAmount: { amount: '5.00', currencyCode: 'USD' } };
  page.answers = [[200, cart]];
  const event = { shippingAddress: { city: 'Ulm' }, couponCodes: ['A'], buyer: { name: 'N' },
    deliveryOptions: { id: 'x' }, surprise: () => {} };
  for (const [handler, path, members] of [
    ['onInitCheckout', 'init', ['buyer', 'couponCodes', 'shippingAddress']],
    ['onShippingAddressSelection', 'shipping-address', ['shippingAddress', 'couponCodes']],
    ['onDeliveryOptionSelection', 'delivery-option', ['deliveryOptions', 'couponCodes']],
  ]) {
    assert.deepEqual(await page.answerOf(config[handler](event)), cart);
    const asked = page.posts(path)[0];
    assert.deepEqual(Object.keys(asked.body), members);
    assert.equal(asked.init.method, 'POST');
    assert.equal(asked.init.credentials, 'omit');
  }
});

test('a quote that gets no answer is asked for again and then answered with timeout', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = ['lost', [503, { error: {} }], [200, { totalBaseAmount: 1 }]];
  assert.deepEqual(await page.answerOf(config.onInitCheckout({})), { totalBaseAmount: 1 });
  page.answers = ['lost'];
  const began = page.at;
  assert.deepEqual(await page.answerOf(config.onInitCheckout({})), { status: 'error', reasonCode: 'timeout' });
  page.answers = ['hangs'];
  assert.deepEqual(await page.answerOf(config.onInitCheckout({})), { status: 'error', reasonCode: 'timeout' });
  assert.ok(page.at - began < 20_000, 'within what Amazon waits, twice');
  page.answers = [[400, { error: { code: 'InvalidValue' } }]];
  const refused = await page.answerOf(config.onInitCheckout({}));
  assert.deepEqual(refused, { status: 'error', reasonCode: 'unknownError' });
});

test('each outcome is answered and leads where it says', async () => {
  for (const [answer, status, reasonCode, to] of [
    [paid, 'success', undefined, 'https://shop.example/thanks'],
    [pending, 'success', undefined, REGISTRATION.resultUrl],
    [notPaid('HardDeclined'), 'error', 'unknownError', 'https://shop.example/checkout'],
    [notPaid('TermsMismatch'), 'error', 'cartChanged', 'https://shop.example/checkout'],
    [[409, { error: { code: 'OrderCanceled' } }], 'error', 'unknownError', REGISTRATION.resultUrl],
  ]) {
    const page = new Page();
    const config = await page.mount();
    page.answers = [answer];
    const told = await page.answerOf(config.onCompleteCheckout(SESSION));
    assert.deepEqual(told, reasonCode ? { status, reasonCode } : { status });
    assert.deepEqual(page.went, [to]);
    assert.deepEqual(Object.keys(page.posts('complete')[0].body), ['amazonCheckoutSessionId', 'shippingAddress']);
  }
});

test('a page can keep itself by its own onOutcome', async () => {
  const page = new Page();
  const seen = [];
  const config = await page.mount({ onOutcome: (result) => { seen.push(result.outcome); return false; } });
  page.answers = [paid];
  await page.answerOf(config.onCompleteCheckout(SESSION));
  assert.deepEqual([seen, page.went], [['paid'], []]);
});

test('one session is completed once however often the event fires', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = [paid];
  const both = Promise.all([config.onCompleteCheckout(SESSION), config.onCompleteCheckout(SESSION)]);
  assert.deepEqual(await page.answerOf(both), [{ status: 'success' }, { status: 'success' }]);
  assert.equal(page.posts('complete').length, 1);
});

test('a lost completion is asked for again and never guessed', async () => {
  const page = new Page();
  const config = await page.mount();
  // The notPaid of an earlier session says nothing about this one.
  page.answers = ['lost', [200, { state: 'notPaid' }], 'lost', 'lost', [503, { error: {} }], 'lost', notPaid('x')];
  const told = await page.answerOf(config.onCompleteCheckout(SESSION));
  assert.deepEqual(told, { status: 'error', reasonCode: 'unknownError' });
  assert.equal(page.posts('complete').length, 4);

  const known = new Page();
  const other = await known.mount();
  known.answers = ['lost', [200, { state: 'paid', message: 'Paid.', redirectUrl: 'https://shop.example/thanks' }]];
  assert.deepEqual(await known.answerOf(other.onCompleteCheckout(SESSION)), { status: 'success' });
  assert.deepEqual(known.went, ['https://shop.example/thanks']);
});

test('an answer to a completion from a proxy on the way does not count', async () => {
  for (const answer of [
    [403, '<h1>Sign in to the guest network</h1>'], [200, '<h1>Welcome</h1>'], [404, null], [413, ''],
    [400, { message: 'Bad Request' }], [403, { error: 'denied' }], [409, { error: { code: 409, message: 'x' } }],
    [404, { error: { code: 'NotFound', message: 'x' } }], [502, { error: { code: 'InvalidValue' } }],
    [200, { outcome: 'portal' }], [200, {}], [503, { error: { code: 'Indeterminate' } }],
  ]) {
    const page = new Page();
    const config = await page.mount();
    page.answers = ['lost', [200, {}], answer, [200, {}], answer, 'lost', paid];
    assert.deepEqual(await page.answerOf(config.onCompleteCheckout(SESSION)), { status: 'success' }, JSON.stringify(answer));
    assert.equal(page.posts('complete').length, 4);

    const last = new Page();
    const other = await last.mount();
    last.answers = [answer];
    assert.deepEqual(await last.answerOf(other.onCompleteCheckout(SESSION)), { status: 'error', reasonCode: 'timeout' });
    assert.deepEqual([last.went, last.kept], [[REGISTRATION.resultUrl], { session: 'session-1', at: 0 }]);
  }
});

test('each code that ends a completion is one that the merchant half documents', () => {
  const documented = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const [, codes] = SOURCE.match(/REFUSAL = \/\^\(([\w|]+)\)/);
  for (const code of codes.split('|')) assert.match(documented, new RegExp(`^\\| \`${code}\` \\| (400|409) \\|`, 'm'));
});

test('a connection that stays lost ends on the result page and stays remembered', async () => {
  for (const answer of ['lost', 'hangs']) {
    const page = new Page();
    const config = await page.mount();
    page.answers = [answer];
    const told = await page.answerOf(config.onCompleteCheckout(SESSION));
    assert.deepEqual(told, { status: 'error', reasonCode: 'timeout' });
    assert.ok(page.at <= 60_000, `${page.at}`);
    assert.deepEqual(page.went, [REGISTRATION.resultUrl]);
    assert.deepEqual(page.kept, { session: 'session-1', at: 0 });
  }
});

test('a payment that is being checked is not a success, and is asked for again until it is known', async () => {
  const checking = [202, { outcome: 'checking', message: 'Wait.', redirectUrl: REGISTRATION.resultUrl }];
  const still = [200, { state: 'checking' }];
  for (const [answers, told, to, posts] of [
    [[checking, still, 'lost', [200, { state: 'paid', redirectUrl: 'https://shop.example/thanks' }]],
      { status: 'success' }, 'https://shop.example/thanks', 1],
    // Only the completion says why it was not paid.
    [[checking, still, [200, { state: 'notPaid' }], notPaid('TermsMismatch')],
      { status: 'error', reasonCode: 'cartChanged' }, 'https://shop.example/checkout', 2],
    [[checking, [200, { state: 'pending', redirectUrl: REGISTRATION.resultUrl }]], { status: 'success' }, REGISTRATION.resultUrl, 1],
    [[checking, still], { status: 'error', reasonCode: 'timeout' }, REGISTRATION.resultUrl, 1],
  ]) {
    const page = new Page();
    const seen = [];
    const config = await page.mount({ onOutcome: (result) => { seen.push(result.outcome); } });
    page.answers = answers;
    assert.deepEqual(await page.answerOf(config.onCompleteCheckout(SESSION)), told);
    assert.deepEqual([page.went, page.posts('complete').length], [[to], posts]);
    assert.equal(seen.length, 1);
    assert.ok(page.at <= 60_000, `${page.at}`);
    if (told.reasonCode === 'timeout') assert.deepEqual(page.kept, { session: 'session-1', at: 0 });
  }
});

/** What a page remembers that was loaded again in the middle. */
const begun = () => new Map([['countersign:b1', JSON.stringify({ session: 'session-1', at: 0 })]]);

test('a page that was reloaded in the middle answers what Amazon’s page asks again, with all of the event', async () => {
  const page = new Page(begun());
  page.answers = [paid];
  const config = await page.mount();
  const told = await page.answerOf(config.onCompleteCheckout(SESSION));
  assert.deepEqual(told, { status: 'success' });
  assert.deepEqual(page.asked.map(({ body }) => body),
    [{ amazonCheckoutSessionId: 'session-1', shippingAddress: { city: 'Ulm' } }]);
  assert.deepEqual(page.went, ['https://shop.example/thanks']);
});

test('a page that was reloaded in the middle asks first, and sends only what the merchant half does not have', async () => {
  const thanks = { redirectUrl: 'https://shop.example/thanks' };
  const stands = (state) => [200, { state, ...thanks }];
  for (const [answers, posts, to] of [
    [[stands('paid')], 0, thanks.redirectUrl],
    [['lost', [500, null], stands('checking'), stands('authorized')], 0, thanks.redirectUrl],
    [[stands('pending')], 0, thanks.redirectUrl],
    [[stands('checking')], 0, REGISTRATION.resultUrl],
    [['lost'], 0, REGISTRATION.resultUrl],
    [[stands('registered'), paid], 1, thanks.redirectUrl],
    // That may be the state of an earlier session; if it is this one's, it is answered again, with its reason.
    [[stands('notPaid'), notPaid('HardDeclined')], 1, 'https://shop.example/checkout'],
    [[stands('registered'), [202, { outcome: 'checking' }], stands('checking'), stands('paid')], 1, thanks.redirectUrl],
    [[stands('registered'), 'lost', stands('checking'), stands('paid')], 1, thanks.redirectUrl],
  ]) {
    const page = new Page(begun());
    page.answers = answers;
    await page.mount();
    await page.settle();
    assert.equal(page.asked[0].init.method, 'GET');
    assert.deepEqual([page.posts('complete').length, page.went], [posts, [to]], JSON.stringify(answers));
    for (const { body } of page.posts('complete')) assert.deepEqual(body, { amazonCheckoutSessionId: 'session-1' });
  }
});

test('a tab that is opened again hours later sends nothing, and shows the state of the order', async () => {
  const HOUR = 3_600_000;
  const link = 'https://shop.example/thanks';
  const said = { message: 'So it stands.', redirectUrl: link };
  for (const opened of [15 * 60_000 + 1, 10 * HOUR, -HOUR]) {
    for (const [state, hidden, kept] of [
      ['registered', false, undefined],
      ['notPaid', false, undefined],
      ['canceled', false, undefined],
      ['paid', true, { session: 'session-1', outcome: 'paid', message: said.message }],
      ['pending', true, { session: 'session-1', at: 0 }],
      ['checking', true, { session: 'session-1', at: 0 }],
    ]) {
      const page = new Page(begun(), opened);
      page.answers = [[200, { state, ...said }]];
      await page.mount();
      await page.settle();
      assert.deepEqual(page.asked.map(({ url, init }) => [init.method, url]), [['GET', API]], state);
      assert.deepEqual([page.went, page.container.hidden, page.kept], [[], hidden, kept], `${opened} ${state}`);
      const line = page.lines[0] && (page.lines[0].textContent || page.lines[0].children[0].textContent);
      assert.equal(line, state === 'registered' ? undefined : said.message);
    }
  }

  // There was no answer: the next time it is asked again.
  const lost = new Page(begun(), 10 * HOUR);
  lost.answers = ['lost'];
  await lost.mount();
  await lost.settle();
  assert.deepEqual([lost.asked.length, lost.posts('complete').length, lost.kept], [1, 0, { session: 'session-1', at: 0 }]);

  // A session that was stored without its instant may be of any age.
  const old = new Page(new Map([['countersign:b1', JSON.stringify({ session: 'session-1' })]]));
  old.answers = [[200, { state: 'registered' }]];
  await old.mount();
  await old.settle();
  assert.deepEqual([old.posts('complete').length, old.kept], [0, undefined]);
});

test('a completion that a page has begun is sent for a quarter of an hour and no longer', async () => {
  const QUARTER = 15 * 60_000;
  const LOOKS = 2_500;
  for (const [opened, posts] of [[14 * 60_000, 1], [QUARTER - LOOKS, 1], [QUARTER - LOOKS + 1, 0], [QUARTER, 0]]) {
    const page = new Page(begun(), opened);
    page.answers = [[200, { state: 'registered' }], ...(posts ? [paid] : [])];
    await page.mount();
    await page.settle();
    assert.equal(page.asked[0].init.method, 'GET');
    assert.equal(page.posts('complete').length, posts, `${opened}`);
    assert.deepEqual(page.went, [posts ? 'https://shop.example/thanks' : REGISTRATION.resultUrl]);
  }
});

test('a machine that slept in the middle of a completion sends nothing when it wakes', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = ['lost', [200, { state: 'registered' }]];
  const told = config.onCompleteCheckout(SESSION);
  await page.settle(0);
  assert.equal(page.posts('complete').length, 1);
  page.opened += 10 * 3_600_000;
  assert.deepEqual(await page.answerOf(told), { status: 'error', reasonCode: 'timeout' });
  assert.equal(page.posts('complete').length, 1);
  assert.deepEqual(page.went, [REGISTRATION.resultUrl]);
});

test('a question of Amazon’s page replaces what a reloaded page has resumed', async () => {
  const page = new Page(begun());
  page.answers = [[200, { state: 'checking' }]];
  const config = await page.mount();
  await page.settle(10_000);
  assert.equal(page.posts('complete').length, 0);
  page.answers = [paid];
  assert.deepEqual(await page.answerOf(config.onCompleteCheckout(SESSION)), { status: 'success' });
  assert.equal(page.posts('complete').length, 1);
  assert.deepEqual(page.went, ['https://shop.example/thanks']);
});

test('only the session of an event is stored', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = ['hangs'];
  config.onCompleteCheckout(SESSION);
  await page.settle(0);
  assert.deepEqual([...page.storage], [...begun()]);
});

test('the start of checkout says once, as text, that the payment failed', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = [notPaid('HardDeclined')];
  await page.answerOf(config.onCompleteCheckout(SESSION));
  const start = new Page(page.storage);
  await start.mount();
  await start.settle();
  assert.equal(start.lines[0].textContent, 'Not <b>paid</b>.');
  assert.equal(start.lines[0].attributes.role, 'alert');
  assert.equal(start.kept, undefined);
  assert.deepEqual(start.went, []);
});

test('going back to the page of a paid order shows its state and no button', async () => {
  const page = new Page();
  const config = await page.mount();
  page.answers = [paid];
  await page.answerOf(config.onCompleteCheckout(SESSION));
  page.answers = [[200, { state: 'paid', message: 'Paid.', redirectUrl: 'https://shop.example/thanks' }]];
  page.listeners.pageshow({ persisted: true });
  await page.settle();
  assert.equal(page.container.hidden, true);
  assert.equal(page.lines[0].children[0].href, 'https://shop.example/thanks');
  assert.equal(page.posts('complete').length, 1);
});

test('a double click is one click, and after a while the button works again', async () => {
  const page = new Page();
  await page.mount();
  assert.deepEqual([page.click(), page.click()], [true, false]);
  page.at += 1000;
  assert.equal(page.click(), true);

  // There is no second purchase while one is being completed, but there is one after a failure.
  const config = page.rendered[0].config;
  page.answers = ['hangs', [200, { state: 'registered' }], notPaid('HardDeclined')];
  const completing = config.onCompleteCheckout(SESSION);
  page.at += 5000;
  assert.equal(page.click(), false);
  await page.answerOf(completing);
  page.at += 1000;
  assert.equal(page.click(), true);
});

test('a page that is never left sells the next order in the same place', async () => {
  const page = new Page();
  const stays = { onOutcome: () => false };
  const first = await page.mount(stays);
  page.answers = [paid];
  await page.answerOf(first.onCompleteCheckout(SESSION));
  assert.equal(page.click(), false, 'what is paid is not paid again');

  const second = await page.mount(stays, NEXT);
  assert.deepEqual([page.rendered.length, page.container.clicks.length], [2, 1]);
  assert.deepEqual([page.click(), page.click()], [true, false]);
  const told = await page.answerOf(second.onCompleteCheckout({ amazonCheckoutSessionId: 'session-2' }));
  assert.deepEqual(told, { status: 'success' });
  assert.equal(page.asked.at(-1).url, 'https://pay.example/pay/browser/b2/complete');

  // Back on the page, only the order that is there now is asked for.
  const asked = page.asked.length;
  page.answers = [[200, { state: 'paid', message: 'Paid.', redirectUrl: 'https://shop.example/thanks' }]];
  page.listeners.pageshow({ persisted: true });
  await page.settle();
  assert.deepEqual(page.asked.slice(asked).map(({ url }) => url), ['https://pay.example/pay/browser/b2']);
});

test('the message about a failed payment is gone when the next one begins', async () => {
  const page = new Page();
  const stays = { onOutcome: () => false };
  const handlers = await page.mount(stays);
  page.answers = [notPaid('HardDeclined')];
  await page.answerOf(handlers.onCompleteCheckout(SESSION));
  assert.equal(page.lines.length, 1);
  page.answers = [paid];
  await page.answerOf(handlers.onCompleteCheckout({ amazonCheckoutSessionId: 'session-2' }));
  assert.equal(page.lines.length, 0, 'the second attempt is paid');

  const other = new Page();
  const first = await other.mount(stays);
  other.answers = [notPaid('HardDeclined')];
  await other.answerOf(first.onCompleteCheckout(SESSION));
  await other.mount(stays, NEXT);
  assert.equal(other.lines.length, 0, 'another order is there');
});

test('the place of an order that was paid before is shown again for the next one', async () => {
  const ended = { session: 'session-1', outcome: 'paid', message: 'Paid.' };
  const page = new Page(new Map([['countersign:b1', JSON.stringify(ended)]]));
  page.answers = [[200, { state: 'paid', message: 'Paid.', redirectUrl: 'https://shop.example/thanks' }]];
  await page.mount();
  await page.settle();
  assert.deepEqual([page.container.hidden, page.lines.length], [true, 1]);
  await page.mount({}, NEXT);
  assert.deepEqual([page.container.hidden, page.lines.length], [false, 0]);

  // It does not matter how late the answer for the first order comes.
  const late = new Page(page.storage);
  late.answers = page.answers;
  await Promise.allSettled([late.mount(), late.mount({}, NEXT)]);
  await late.settle();
  assert.deepEqual([late.asked.length, late.container.hidden, late.lines.length], [1, false, 0]);
});

test('an order whose button could not be drawn in time leaves the place to the next one', async () => {
  const page = new Page();
  const { Pay } = page.window.amazon;
  delete page.window.amazon;
  const told = [];
  const onError = (error) => told.push(error.message);
  const first = page.window.countersign.mount('#pay', REGISTRATION, { script: 'https://amazon.example/checkout.js', onError });
  const second = page.window.countersign.mount('#pay', NEXT, { script: 'https://amazon.example/checkout.js', onError });
  await page.settle(0);
  page.window.amazon = { Pay };
  page.appended.load();
  await page.settle(0);
  await assert.rejects(first, /another order/);
  await second;
  assert.deepEqual([page.rendered.length, told], [1, []]);
  await page.mount({}, NEXT);
  assert.equal(page.rendered.length, 1, 'it is mounted still');

  const without = new Page();
  const there = without.window.amazon;
  delete without.window.amazon;
  const failed = without.mount({ script: 'https://amazon.example/checkout.js' });
  failed.catch(() => {});
  await without.settle();
  await assert.rejects(failed, /not there/);
  without.window.amazon = there;
  await without.mount();
  assert.equal(without.click(), true, 'one listener, and not two of which each takes the other for a double click');
});

test('cancel and error are reported and change nothing', async () => {
  const page = new Page();
  const seen = [];
  const config = await page.mount({ onCancel: () => seen.push('cancel'), onError: () => { throw new Error('x'); } });
  page.answers = [[204, null]];
  config.onCancel({});
  config.onError({ message: 'y'.repeat(300) });
  await page.settle();
  assert.deepEqual(seen, ['cancel']);
  assert.deepEqual(page.posts('cancel')[0].body, {});
  assert.equal(page.posts('error')[0].body.message.length, 255);
  assert.deepEqual(page.went, []);
});

test('Amazon’s script is awaited by its load event, and not forever', async () => {
  const page = new Page();
  const { Pay } = page.window.amazon;
  delete page.window.amazon;
  const mounted = page.window.countersign.mount('#pay', REGISTRATION, { script: 'https://amazon.example/checkout.js' });
  await page.settle(0);
  assert.equal(page.appended.src, 'https://amazon.example/checkout.js');
  page.window.amazon = { Pay };
  page.appended.load();
  await page.settle(0);
  await mounted;
  assert.equal(page.rendered.length, 1);

  const without = new Page();
  delete without.window.amazon;
  const told = [];
  const failed = without.window.countersign.mount('#pay', REGISTRATION, { script: 'https://a.example/checkout.js',
    onError: (error) => told.push(error.message) });
  failed.catch(() => {});
  await without.settle();
  await assert.rejects(failed, /not there/);
  assert.equal(told.length, 1);
});

test('a mistake of the page is named', async () => {
  const page = new Page();
  const { mount } = page.window.countersign;
  await assert.rejects(mount('#none', REGISTRATION), /no element #none/);
  await assert.rejects(mount('#pay', {}), /no browserToken/);
  await assert.rejects(mount('#pay'), /no browserToken/);
});

test('payment works in a browser without storage', async () => {
  const page = new Page();
  page.storage = { get() { throw new Error('denied'); }, set() { throw new Error('denied'); }, delete() {} };
  const config = await page.mount();
  page.answers = [paid];
  assert.deepEqual(await page.answerOf(config.onCompleteCheckout(SESSION)), { status: 'success' });
});
