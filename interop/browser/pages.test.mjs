// Every page for every reader: with assistive technology, on a narrow screen, without scripts, in another browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { Buyer } from './buyer.mjs';
import { PAGES, VERDICTS, shown } from './gallery.mjs';
import { AT_ONCE, stage } from './theatre.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The narrowest screen that is still used. */
const NARROW = { width: 320, height: 640 };

/** Axe finds no serious barrier on the page, in either colour scheme. */
async function isAccessible(page, frame = page) {
  await frame.evaluate(`${AXE};0`);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const found = await frame.evaluate(async () => {
      const { violations } = await window.axe.run(document, { iframes: false });
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
    });
    assert.deepEqual(found, [], `${colorScheme}: ${frame.url()}`);
  }
}

async function isNarrow(page, frame = page) {
  await page.setViewportSize(NARROW);
  const width = await frame.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= NARROW.width, `${frame.url()} is ${width} px wide`);
}

describe('every page', AT_ONCE, () => {
  for (const name of Object.keys(PAGES)) {
    // Promise: A27
    test(`is accessible, light and dark, and fits 320 px: ${name}`, async (t) => {
      const { page, frame, buyer, expected = [] } = await shown(t, stage(), name);
      await isAccessible(page, frame);
      await isNarrow(page, frame);
      buyer?.hasNoErrors(...expected);
    });
  }
});

describe('the result page', AT_ONCE, () => {
  for (const [name, { words }] of Object.entries(VERDICTS)) {
    // Promise: B35
    test(`needs no script, and shows a second browser nothing personal: ${name}`, async (t) => {
      const { order } = await shown(t, stage(), name);
      const context = await stage().browser.newContext({ javaScriptEnabled: false });
      t.after(() => context.close());
      const page = await context.newPage();
      await page.goto(order.resultUrl);
      const text = await page.innerText('body');
      assert.ok(text.includes(words), text);
      assert.deepEqual(await context.cookies(), []);
      const html = await page.content();
      for (const personal of ['Robin', 'Tester', 'Sample Street', 'example.com', '98101', '1111', 'S01-', 'amzn1']) {
        assert.ok(!html.includes(personal), `${personal} is in ${html}`);
      }
    });
  }

  // Promise: B35
  test('leads nowhere when a character of its link is changed', async (t) => {
    const { order } = await shown(t, stage(), 'result, authorized');
    const context = await stage().browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const token = order.resultUrl.split('/').at(-1);
    for (const place of [0, Math.floor(token.length / 2), token.length - 1]) {
      const other = token[place] === '0' ? '1' : '0';
      const changed = token.slice(0, place) + other + token.slice(place + 1);
      const answer = await page.goto(order.resultUrl.replace(token, changed));
      assert.equal(answer.status(), 404);
      const text = await page.innerText('body');
      assert.ok(text.includes('There is no such page.') && !text.includes(order.own.orderId), text);
    }
  });
});
