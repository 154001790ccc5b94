// Completions end to end through the official client, IN_FLIGHT of them at the same time, against a sandbox:
// `node bench.mjs COMPLETIONS IN_FLIGHT` prints the figures as JSON. `countersign bench` runs it.
//
// A completion is what a merchant does when the buyer comes back: Get Checkout Session, Finalize, and
// Get Charge Permission, each signed by the client. The checkouts are started beforehand.

import assert from 'node:assert/strict';

import { Merchant, answer } from './merchant.mjs';
import { checkout, finalization, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const [completions, inFlight] = process.argv.slice(2).map(Number);
assert.ok(completions > 0 && inFlight > 0, 'usage: node bench.mjs COMPLETIONS IN_FLIGHT');

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
const sandbox = await Sandbox.start({ merchants: [merchant] });
const client = merchant.client(sandbox);
const order = checkout({ paymentIntent: 'AuthorizeWithCapture', chargeAmount: usd('14.00') });

const sessions = [];
while (sessions.length < completions) sessions.push(await sandbox.placed(order));

async function complete({ checkoutSessionId }) {
  const session = await answer(client.getCheckoutSession(checkoutSessionId));
  assert.equal(session.body.statusDetails.state, 'Open', session.text);
  const done = await answer(client.finalizeCheckoutSession(checkoutSessionId, finalization(session.body)));
  assert.equal(done.status, 200, done.text);
  const { chargeId, chargePermissionId } = done.body;
  assert.ok(chargeId && chargePermissionId, done.text);
  const permission = await answer(client.getChargePermission(chargePermissionId));
  assert.equal(permission.status, 200, permission.text);
}

const latencies = [];
const began = performance.now();
const waiting = sessions.values();
const worker = async () => {
  for (const session of waiting) {
    const start = performance.now();
    await complete(session);
    latencies.push(performance.now() - start);
  }
};
await Promise.all(Array.from({ length: inFlight }, worker));
const seconds = (performance.now() - began) / 1000;
await sandbox.stop();

latencies.sort((one, other) => one - other);
const percentile = (percent) => latencies[Math.floor(((latencies.length - 1) * percent) / 100)];
console.log(JSON.stringify({ seconds, p50Ms: percentile(50), p99Ms: percentile(99) }));
