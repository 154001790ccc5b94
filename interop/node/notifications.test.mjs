// Amazon's notifications at a receiver written in Node with Node's own crypto: it accepts the sandbox's signed
// envelopes in both signature versions, and refuses an envelope in which anything was changed.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Merchant, answer } from './merchant.mjs';
import { checkout, finalization, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';
import { Certificates, Receiver, verified } from './sns.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
const keyed = () => ({ 'x-amz-pay-idempotency-key': randomUUID().replaceAll('-', '') });

let sandbox;
let client;
let receiver;
let certificates;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());
beforeEach(async () => {
  receiver = await Receiver.start();
  certificates = new Certificates(`http://${sandbox.address}`);
});
afterEach(async () => {
  await sandbox.control('DELETE', '/notification-endpoints');
  await receiver.stop();
});

/** Makes the receiver the merchant's endpoint; checks the confirmation and removes it from what was received. */
async function registered(signatureVersion) {
  const endpoint = { url: receiver.url, signatureVersion };
  const { status, body } = await sandbox.control('POST', '/notification-endpoints', endpoint);
  assert.equal(status, 201, JSON.stringify(body));
  const [confirmation] = await receiver.first(1);
  const envelope = JSON.parse(confirmation.text);
  assert.equal(envelope.Type, 'SubscriptionConfirmation');
  await verified(confirmation.text.replace(/"Message":"[^"]*"/, '"Message":"{}"'), certificates).then(
    () => assert.fail('a changed confirmation is accepted'),
    (error) => assert.match(error.message, /wrong signature/),
  );
  receiver.received.length = 0;
}

/** An order with a refund that is completed, of which Amazon notifies. */
async function refunded() {
  const order = { paymentIntent: 'AuthorizeWithCapture', chargeAmount: usd('20.00') };
  const session = await sandbox.placed(checkout(order));
  const done = await answer(
    client.finalizeCheckoutSession(session.checkoutSessionId, finalization(session)),
  );
  const request = { chargeId: done.body.chargeId, refundAmount: usd('5.00') };
  const made = await answer(client.createRefund(request, keyed()));
  assert.equal(made.status, 201, made.text);
  await sandbox.advance('P1D');
  return { ...done.body, refundId: made.body.refundId };
}

/** The first notification about an object that was received. */
async function notified(objectId) {
  for (let count = 1; ; count += 1) {
    const received = await receiver.first(count);
    const { text, headers, method } = received[count - 1];
    if (JSON.parse(JSON.parse(text).Message).ObjectId === objectId) return { text, headers, method };
  }
}

for (const version of ['1', '2']) {
  describe(`with signature version ${version}`, () => {
    // Promise: A23
    test('a notification is accepted, and names its object but not its state', async () => {
      await registered(version);
      const { refundId, chargePermissionId } = await refunded();
      const { text, headers, method } = await notified(refundId);
      assert.equal(method, 'POST');
      assert.match(headers['content-type'], /^text\/plain/);
      assert.equal(JSON.parse(text).SignatureVersion, version);
      const message = await verified(text, certificates);
      assert.deepEqual(
        [message.ObjectType, message.ObjectId, message.ChargePermissionId, message.NotificationType],
        ['REFUND', refundId, chargePermissionId, 'STATE_CHANGE'],
      );
      assert.equal(message.NotificationVersion, 'V2');
      assert.ok(message.MerchantID && message.NotificationId, text);
      assert.ok(!/Refunded|amount/i.test(JSON.stringify(message)), 'the message has a state');
      assert.equal((await answer(client.getRefund(refundId))).body.statusDetails.state, 'Refunded');
    });

    // Promise: A23
    test('a notification is refused if anything in it was changed', async () => {
      await registered(version);
      const { refundId } = await refunded();
      const { text } = await notified(refundId);
      await verified(text, certificates);
      const envelope = JSON.parse(text);
      const changes = {
        Message: envelope.Message.replace(refundId, 'S01-0000000-0000000-R000000'),
        MessageId: randomUUID(),
        Timestamp: '2030-01-01T00:00:00.000Z',
        TopicArn: 'arn:aws:sns:us-east-1:000000000000:another',
        Subject: 'added',
        SignatureVersion: version === '1' ? '2' : '1',
        Signature: `${envelope.Signature[0] === 'A' ? 'B' : 'A'}${envelope.Signature.slice(1)}`,
        Type: 'SubscriptionConfirmation',
        SigningCertURL: 'https://sns.example.com/SimpleNotificationService.pem',
      };
      for (const [member, value] of Object.entries(changes)) {
        const changed = JSON.stringify({ ...envelope, [member]: value });
        await assert.rejects(verified(changed, certificates), undefined, `${member} can be changed`);
      }
      assert.equal(certificates.fetched.length, 1, 'a certificate is fetched once');
    });
  });
}

test('a notification with a wrong signature, made on demand, is refused', async () => {
  await registered('1');
  const { status, body } = await sandbox.control('POST', '/notification-faults', { kind: 'wrongSignature', times: 1 });
  assert.equal(status, 201, JSON.stringify(body));
  await refunded();
  const [{ text }] = await receiver.first(1);
  await assert.rejects(verified(text, certificates), /wrong signature/);
});

test('a notification that was answered with 503 comes again by the clock, with the same MessageId', async () => {
  await registered('1');
  receiver.status = 503;
  const { refundId } = await refunded();
  const first = await notified(refundId);
  receiver.status = 200;
  receiver.received.length = 0;
  await sandbox.advance('PT1H');
  const again = await notified(refundId);
  assert.equal(JSON.parse(again.text).MessageId, JSON.parse(first.text).MessageId);
  await verified(again.text, certificates);
});
