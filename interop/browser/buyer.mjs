// A buyer with a browser of their own, who presses buttons on the shop's page and on Amazon's.

import assert from 'node:assert/strict';

/** Longer than Amazon's page waits for a handler, and longer than it takes to repeat a lost completion. */
const PATIENCE_MS = 20_000;

/** A telephone: a narrow screen that is touched. */
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 3 };

export class Buyer {
  /** The errors in the console, and the exceptions of scripts. */
  errors = [];
  popups = [];

  /** Opens the order's page; the browser context is closed after the test. */
  static async arrives(t, order, { query = '', ...options } = {}) {
    const buyer = new Buyer();
    buyer.order = order;
    buyer.hasTouch = options.hasTouch === true;
    buyer.stage = order.stage;
    buyer.context = await order.stage.browser.newContext(options);
    t.after(() => buyer.context.close());
    buyer.context.setDefaultTimeout(PATIENCE_MS);
    buyer.context.on('console', (said) => { if (said.type() === 'error') buyer.errors.push(said.text()); });
    buyer.context.on('weberror', (thrown) => buyer.errors.push(String(thrown.error())));
    buyer.page = await buyer.context.newPage();
    buyer.page.on('popup', (popup) => buyer.popups.push(popup));
    await buyer.page.goto(order.url + query);
    await buyer.page.waitForSelector('#pay button');
    return buyer;
  }

  /** Begins the checkout by `act` on the shop's page, and waits for Amazon's page. */
  async begins(act = () => this.touches(this.page.locator('#pay button'))) {
    const [, session] = await this.stage.begun(async () => {
      const opened = this.page.waitForEvent('popup');
      await act();
      this.popup = await opened;
    });
    this.order.sessions.push(session);
    // On a telephone, windows have no size of their own, but the driver gives them one.
    if (this.hasTouch) await this.popup.setViewportSize(PHONE.viewport);
    await this.popup.waitForSelector('h1');
  }

  heading(text) {
    return this.popup.waitForSelector(`h1:has-text("${text}")`);
  }

  /** Taps or clicks, depending on the buyer's device. */
  touches(control) {
    return this.hasTouch ? control.tap() : control.click();
  }

  press(name) {
    return this.touches(this.popup.getByRole('button', { name }));
  }

  /** Marks one of several choices, by its label. */
  async marks(name, value) {
    const choice = this.popup.locator('label.choice', { has: this.popup.locator(`input[name=${name}][value="${value}"]`) });
    await this.touches(choice);
    await choice.locator('input:checked').waitFor();
  }

  async signsIn() {
    await this.press('Continue');
    await this.heading('Share your details');
  }

  async consents() {
    await this.press('Agree and continue');
    await this.popup.getByRole('button', { name: /^Place order/ }).waitFor();
  }

  /** Begins the checkout and goes on to the review. */
  async reviews() {
    await this.begins();
    await this.signsIn();
    await this.consents();
  }

  /** Chooses what the bank will do, in the test options. */
  async bank(word) {
    await this.popup.locator('summary', { hasText: 'Test options' }).click();
    await this.popup.check(`input[name=bank][value=${word}]`);
  }

  placesOrder() {
    return this.press(/^Place order/);
  }

  total() {
    return this.popup.locator('.total dd').textContent();
  }

  async totals(amount) {
    const total = this.popup.locator('.total dd', { hasText: `${amount} USD` });
    await total.or(this.popup.getByRole('alert')).first().waitFor();
    assert.ok(await total.count(), await this.popup.innerText('main'));
  }

  /** Waits until the shop's page has led to the result page, with this verdict. */
  async arrivesAtResult(verdict) {
    await this.page.waitForURL(this.order.resultUrl);
    await this.page.locator('h1', { hasText: verdict }).waitFor();
  }

  /** The page is as narrow as a telephone, and nothing on it is wider. */
  async isOnPhone(page) {
    const [width, content] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
    assert.deepEqual([width, content], [PHONE.viewport.width, PHONE.viewport.width]);
    assert.ok(await page.evaluate(() => matchMedia('(pointer: coarse)').matches));
  }

  async isGone(popup = this.popup) {
    if (!popup.isClosed()) await popup.waitForEvent('close');
  }

  /** There were no errors in the console, except the expected ones. */
  hasNoErrors(...expected) {
    const others = this.errors.filter((error) => !expected.some((pattern) => pattern.test(error)));
    assert.deepEqual(others, []);
  }
}
