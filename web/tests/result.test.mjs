// result.js against a made-up page and network: when it asks, when less often, and when it stops. Its effect on a
// real page is tested in a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';

const SOURCE = readFileSync(new URL('../result.js', import.meta.url), 'utf8');
const SECOND = 1000;

/** A page that says `words`; `again` is the number of seconds after which it is to be asked for again. */
function document_(words, again) {
  const status = { dataset: { again }, textContent: words, className: 'open', childNodes: [words] };
  const main = { childNodes: [status], contains: () => false, append() {}, querySelector: () => null };
  status.parentNode = main;
  status.replaceChildren = (...nodes) => { status.textContent = nodes.join(''); };
  return {
    status, title: words, documentElement: { lang: 'en' }, activeElement: null, hidden: false, listeners: {},
    querySelector: () => status,
    addEventListener(kind, listener) { this.listeners[kind] = listener; },
  };
}

class Page {
  at = 0;
  /** When it has asked, in seconds. */
  asked = [];
  timers = [];

  constructor(again, answer) {
    this.document = document_('We are checking.', again);
    const page = this;
    this.context = vm.createContext({
      document: this.document, AbortController, location: { href: 'https://pay.example/result/r1' },
      window: { addEventListener: (kind, listener) => { this.document.listeners[kind] = listener; } },
      performance: { now: () => this.at },
      setTimeout: (run, ms) => this.timers.push({ run, at: this.at + ms }),
      clearTimeout: (id) => { if (id) this.timers[id - 1].run = null; },
      DOMParser: class { parseFromString(found) { return found; } },
      fetch: async () => {
        page.asked.push(page.at / SECOND);
        const found = answer(page.asked.length);
        if (found === 'lost') throw new TypeError('Failed to fetch');
        if (typeof found === 'number') return { ok: false, status: found };
        return { ok: true, text: async () => found };
      },
    });
    vm.runInContext(SOURCE, this.context);
  }

  async settle() {
    for (;;) {
      for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
      const due = this.timers.filter((it) => it.run).sort((a, b) => a.at - b.at)[0];
      if (!due) return this;
      this.at = Math.max(this.at, due.at);
      const { run } = due;
      due.run = null;
      run();
    }
  }
}

test('the script is light, and needs nothing that a strict page forbids', () => {
  assert.ok(gzipSync(SOURCE).length < 2_000, `${gzipSync(SOURCE).length}`);
  assert.doesNotMatch(SOURCE, /\beval\b|new Function|innerHTML|document\.write|\.style\b|\?\.|\?\?/);
});

test('it looks as often as the page says, and no more once there is a verdict', async () => {
  const answers = [document_('We are checking.', '5'), document_('We are checking.', '20'), document_('Paid.', '0')];
  const page = await new Page('5', (n) => answers[n - 1]).settle();
  assert.deepEqual(page.asked, [5, 10, 30]);
  assert.deepEqual([page.document.status.textContent, page.document.title], ['Paid.', 'Paid.']);
  page.document.listeners.visibilitychange();
  page.document.listeners.pageshow({ persisted: true });
  await page.settle();
  assert.equal(page.asked.length, 3);
});

test('a page that cannot be loaded changes nothing, is asked for less and less often, and finally not at all', async () => {
  const notOurs = document_('Sign in', undefined);
  notOurs.querySelector = () => null;
  for (const answer of ['lost', 503, 404, notOurs]) {
    const page = await new Page('5', () => answer).settle();
    assert.deepEqual(page.asked.slice(0, 6), [5, 15, 35, 75, 135, 195]);
    assert.ok(page.asked.at(-1) < 37 * 60, `${page.asked.at(-1)}`);
    assert.equal(page.document.status.textContent, 'We are checking.');
  }
});

test('a buyer who comes back to the page sees the news immediately', async () => {
  const page = new Page('20', () => document_('Paid.', '0'));
  page.document.listeners.visibilitychange();
  page.document.listeners.visibilitychange();
  await page.settle();
  assert.deepEqual(page.asked, [0]);
  assert.equal(page.document.status.textContent, 'Paid.');
});
