// A buyer with a browser of their own: what they press, on the shop's page and on Amazon's.

import assert from 'node:assert/strict';

/** Longer than Amazon's page waits for a handler, and than a lost completion takes to be asked for again. */
const PATIENCE_MS = 20_000;

/** A telephone: a narrow page, and a finger on it. */
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 3 };

export class Buyer {
  /** What the console was told as errors, and what scripts have thrown. */
  errors = [];
  popups = [];

  /** Comes to the order's page; the test ends with their leaving. */
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

  /** The checkout that `act` on the shop's page begins. */
  async begins(act = () => this.touches(this.page.locator('#pay button'))) {
    const [, session] = await this.stage.begun(async () => {
      const opened = this.page.waitForEvent('popup');
      await act();
      this.popup = await opened;
    });
    this.order.sessions.push(session);
    // A telephone gives a window no size of its own; the driver does.
    if (this.hasTouch) await this.popup.setViewportSize(PHONE.viewport);
    await this.popup.waitForSelector('h1');
  }

  heading(text) {
    return this.popup.waitForSelector(`h1:has-text("${text}")`);
  }

  /** By the finger or by the mouse, as the buyer's machine has it. */
  touches(control) {
    return this.hasTouch ? control.tap() : control.click();
  }

  press(name) {
    return this.touches(this.popup.getByRole('button', { name }));
  }

  /** Marks one of several, by the words beside it. */
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

  /** To the review, from wherever `begins` has come to. */
  async reviews() {
    await this.begins();
    await this.signsIn();
    await this.consents();
  }

  /** Lets the bank do as the test options say. */
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

  /** Amazon's page is gone, and the shop's page leads to the result. */
  async arrivesAtResult(verdict) {
    await this.page.waitForURL(this.order.resultUrl);
    await this.page.locator('h1', { hasText: verdict }).waitFor();
  }

  /** The page is as narrow as a telephone, and nothing of it lies beside. */
  async isOnPhone(page) {
    const [width, content] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
    assert.deepEqual([width, content], [PHONE.viewport.width, PHONE.viewport.width]);
    assert.ok(await page.evaluate(() => matchMedia('(pointer: coarse)').matches));
  }

  async isGone(popup = this.popup) {
    if (!popup.isClosed()) await popup.waitForEvent('close');
  }

  /** The console was told no error but those that belong there. */
  hasNoErrors(...expected) {
    const others = this.errors.filter((error) => !expected.some((pattern) => pattern.test(error)));
    assert.deepEqual(others, []);
  }
}
