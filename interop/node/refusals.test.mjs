// Bad input, one row each: it gets the documented status and reason code and a message that names what is
// wrong, and the session can still be finalized.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Merchant, answer, sent, signed } from './merchant.mjs';
import { checkout, creation, finalization, isRefusal, staysFinalizable, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
/** One byte more than a body may have. */
const TOO_LARGE = 256 * 1024 + 1;

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());

const finalize = (session, request) =>
  answer(client.finalizeCheckoutSession(session.checkoutSessionId, request));
const path = (session, call = 'finalize') => `/v2/checkoutSessions/${session.checkoutSessionId}/${call}`;

describe('a known field with a wrong value', () => {
  const amount = (value) => ({ chargeAmount: usd(value) });
  const price = (value) => ({ chargeAmount: value });
  const notes = (value) => ({ merchantMetadata: value });
  const table = [
    ['three decimals', amount('14.000'), 'chargeAmount.amount'],
    ['a thousands separator', amount('1,000.00'), 'chargeAmount.amount'],
    ['a sign', amount('-1'), 'chargeAmount.amount'],
    ['a plus', amount('+14.00'), 'chargeAmount.amount'],
    ['an exponent', amount('14e0'), 'chargeAmount.amount'],
    ['a blank', amount(' 14.00'), 'chargeAmount.amount'],
    ['nothing', amount(''), 'chargeAmount.amount'],
    ['words', amount('fourteen'), 'chargeAmount.amount'],
    ['a negative number', amount(-14), 'chargeAmount.amount'],
    ['a number with three decimals', amount(14.001), 'chargeAmount.amount'],
    ['an amount as an object', amount({}), 'chargeAmount.amount'],
    ['an amount as a boolean', amount(true), 'chargeAmount.amount'],
    ['yen with decimals', price({ amount: '500.00', currencyCode: 'JPY' }), 'chargeAmount.amount'],
    ['an unknown currency', price({ amount: '14.00', currencyCode: 'XXX' }), 'chargeAmount.currencyCode'],
    [
      'a currency in lower case',
      price({ amount: '14.00', currencyCode: 'usd' }),
      'chargeAmount.currencyCode',
    ],
    ['a currency as a number', price({ amount: '14.00', currencyCode: 840 }), 'chargeAmount.currencyCode'],
    ['a price without its currency', price({ amount: '14.00' }), 'chargeAmount'],
    ['a price without its amount', price({ currencyCode: 'USD' }), 'chargeAmount'],
    ['a price as a string', price('14.00'), 'chargeAmount'],
    ['a price as a list', price([usd('14.00')]), 'chargeAmount'],
    ['an intent as a number', { paymentIntent: 1 }, 'paymentIntent'],
    ['an intent in lower case', { paymentIntent: 'authorize' }, 'paymentIntent'],
    ['a flag as a word', { canHandlePendingAuthorization: 'no' }, 'canHandlePendingAuthorization'],
    ['a flag as a number', { canHandlePendingAuthorization: 0 }, 'canHandlePendingAuthorization'],
    ['an address as a string', { shippingAddress: '10 Ditka Ave' }, 'shippingAddress'],
    [
      'an address line as a number',
      { shippingAddress: { addressLine1: 10 } },
      'shippingAddress.addressLine1',
    ],
    ['supplementary data as an object', { supplementaryData: {} }, 'supplementaryData'],
    ['supplementary data too long', { supplementaryData: 'x'.repeat(4097) }, 'supplementaryData'],
    ['a name too long', { shippingAddress: { name: 'x'.repeat(256) } }, 'shippingAddress.name'],
    [
      'a reference too long',
      notes({ merchantReferenceId: 'x'.repeat(257) }),
      'merchantMetadata.merchantReferenceId',
    ],
    [
      'a store name too long',
      notes({ merchantStoreName: 'x'.repeat(51) }),
      'merchantMetadata.merchantStoreName',
    ],
    ['a note too long', notes({ noteToBuyer: 'x'.repeat(256) }), 'merchantMetadata.noteToBuyer'],
    [
      'custom information too long',
      notes({ customInformation: 'x'.repeat(4097) }),
      'merchantMetadata.customInformation',
    ],
  ];
  for (const [what, change, field] of table) {
    test(what, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const refused = await finalize(session, { ...finalization(session), ...change });
        isRefusal(refused, [400, 'InvalidParameterValue'], field);
      });
    });
  }
});

describe('a body that is not a JSON object', () => {
  const deep = `{"shippingAddress":${'['.repeat(5000)}${']'.repeat(5000)}}`;
  const bodies = [
    ['nothing', ''],
    ['words', 'paymentIntent=Authorize'],
    ['an object cut short', '{"paymentIntent":"Authorize","chargeAmount":{"amount":"14.0'],
    ['an object and more', '{"paymentIntent":"Authorize"} {}'],
    ['a member twice', '{"paymentIntent":"Confirm","paymentIntent":"Authorize"}'],
    ['a member without quotes', '{paymentIntent:"Authorize"}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an object too deep', deep],
  ];
  for (const [what, payload] of bodies) {
    test(what, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const request = signed(client, { path: path(session), payload });
        isRefusal(await sent(sandbox, request), [400, 'InvalidRequestFormat']);
      });
    });
  }
});

describe('a request that was changed after it was signed', () => {
  const flipped = (text) => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`);
  const header = (name, change) => (request) => ({
    ...request,
    headers: { ...request.headers, [name]: change(request.headers[name]) },
  });
  const authorization = (change) => header('authorization', change);
  const without =
    (name) =>
    ({ headers, ...request }) => {
      const { [name]: dropped, ...kept } = headers;
      return { ...request, headers: kept };
    };
  const signature = [403, 'InvalidRequestSignature'];
  const value = [400, 'InvalidHeaderValue'];
  const table = [
    [
      'an amount',
      ({ payload, ...request }) => ({ ...request, payload: payload.replace('14.00', '14.01') }),
      signature,
    ],
    ['a blank in the body', ({ payload, ...request }) => ({ ...request, payload: `${payload} ` }), signature],
    ['the path', ({ path, ...request }) => ({ ...request, path: `${path}/` }), signature],
    ['a query', ({ path, ...request }) => ({ ...request, path: `${path}?a=b` }), signature],
    [
      'the call',
      ({ path, ...request }) => ({ ...request, path: path.replace('finalize', 'complete') }),
      signature,
    ],
    [
      'the method',
      (request) => ({ ...signed(client, { ...request, method: 'PUT', headers: {} }), method: 'POST' }),
      signature,
    ],
    [
      'the date',
      header('x-amz-pay-date', (date) => date.replace(/\dZ$/, (end) => `${(Number(end[0]) + 1) % 10}Z`)),
      signature,
    ],
    ['the region', header('x-amz-pay-region', () => 'eu'), signature],
    ['the host', header('x-amz-pay-host', () => 'pay-api.amazon.com'), signature],
    [
      'a byte of the signature',
      authorization((text) => text.replace(/Signature=(.+)$/, (_, it) => `Signature=${flipped(it)}`)),
      signature,
    ],
    ['an end cut off the signature', authorization((text) => text.slice(0, -8)), signature],
    ['the algorithm', authorization((text) => text.replace('PSS-V2', 'PSS')), signature],
    [
      'a signed header less',
      authorization((text) => text.replace('x-amz-pay-region;', '').replace(';x-amz-pay-region', '')),
      signature,
    ],
    [
      'an unknown algorithm',
      authorization((text) => text.replace('PSS-V2', 'PSS-V3')),
      value,
      'authorization',
    ],
    [
      'no algorithm',
      authorization((text) => text.slice(text.indexOf('PublicKeyId'))),
      value,
      'authorization',
    ],
    ['an unknown region', header('x-amz-pay-region', () => 'mars'), value, 'x-amz-pay-region'],
    ['no date at all', header('x-amz-pay-date', () => 'yesterday'), value, 'x-amz-pay-date'],
    ['no authorization', without('authorization'), [400, 'MissingHeader'], 'authorization'],
    ['no date', without('x-amz-pay-date'), [400, 'MissingHeader'], 'x-amz-pay-date'],
    ['no host', without('x-amz-pay-host'), [400, 'MissingHeader'], 'x-amz-pay-host'],
    ['no region', without('x-amz-pay-region'), [400, 'MissingHeader'], 'x-amz-pay-region'],
  ];
  for (const [what, tamper, refusal, ...fields] of table) {
    test(what, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const request = signed(client, {
          path: path(session),
          payload: JSON.stringify(finalization(session)),
        });
        isRefusal(await sent(sandbox, tamper(request)), refusal, ...fields);
      });
    });
  }
});

describe('a call that does not exist', () => {
  const calls = [
    ['an unknown path', 'POST', 'checkoutSession', [404, 'ResourceNotFound']],
    ['an unknown call of a session', 'POST', 'checkoutSessions/ID/finalise', [404, 'ResourceNotFound']],
    ['a wrong method', 'GET', 'checkoutSessions/ID/finalize', [405, 'RequestNotSupported']],
    ['an unknown method', 'PUT', 'checkoutSessions/ID', [405, 'RequestNotSupported']],
    ['a text that is not an id', 'GET', 'checkoutSessions/not-an-id', [404, 'ResourceNotFound']],
    ['a charge that does not exist', 'GET', 'charges/S01-0000000-0000000-C000000', [404, 'ResourceNotFound']],
    [
      'a permission that does not exist',
      'GET',
      'chargePermissions/S01-0000000-0000000',
      [404, 'ResourceNotFound'],
    ],
  ];
  for (const [what, method, fragment, refusal] of calls) {
    test(what, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const urlFragment = fragment.replace('ID', session.checkoutSessionId);
        isRefusal(await answer(client.apiCall({ method, urlFragment })), refusal);
      });
    });
  }

  test('a sandbox key on a live path', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const payload = JSON.stringify(finalization(session));
      const request = signed(client, { path: `/live${path(session)}`, payload });
      isRefusal(await sent(sandbox, request), [400, 'InvalidRequest']);
    });
  });
});

test('a body over the limit', async () => {
  const session = await sandbox.placed(checkout());
  await staysFinalizable(client, session, async () => {
    const right = JSON.stringify(finalization(session));
    const request = signed(client, { path: path(session), payload: right.padEnd(TOO_LARGE) });
    isRefusal(await sent(sandbox, request), [413, 'InvalidRequest']);
  });
});

test('a body at the limit is read', async () => {
  const session = await sandbox.placed(checkout());
  const right = JSON.stringify(finalization(session));
  const request = signed(client, { path: path(session), payload: right.padEnd(TOO_LARGE - 1) });
  const { status, text } = await sent(sandbox, request);
  assert.equal(status, 200, text);
});

describe('a session that time has ended', () => {
  test('is Canceled 24 hours after it was created, and not a second sooner', async () => {
    await sandbox.freeze(true);
    const session = await sandbox.placed(checkout());
    const other = await sandbox.placed(checkout());
    await sandbox.advance('PT23H59M59S');
    assert.equal((await finalize(other, finalization(other))).status, 200);
    await sandbox.advance('PT1S');
    isRefusal(await finalize(session, finalization(session)), [422, 'CheckoutSessionCanceled']);
    const { statusDetails } = (await answer(client.getCheckoutSession(session.checkoutSessionId))).body;
    assert.deepEqual([statusDetails.state, statusDetails.reasonCode], ['Canceled', 'Expired']);
    await sandbox.freeze(false);
  });

  test('is gone after 30 days, finalized or not', async () => {
    await sandbox.freeze(true);
    const completed = await sandbox.placed(checkout());
    assert.equal((await finalize(completed, finalization(completed))).status, 200);
    const open = await sandbox.placed(checkout());
    await sandbox.advance('PT719H59M59S');
    for (const session of [completed, open]) {
      assert.equal((await answer(client.getCheckoutSession(session.checkoutSessionId))).status, 200);
    }
    await sandbox.advance('PT1S');
    for (const session of [completed, open]) {
      isRefusal(await answer(client.getCheckoutSession(session.checkoutSessionId)), [
        404,
        'ResourceNotFound',
      ]);
      isRefusal(await finalize(session, finalization(session)), [404, 'ResourceNotFound']);
    }
    await sandbox.freeze(false);
  });
});

describe('the other calls on a session refuse', () => {
  const key = (n) => ({ 'x-amz-pay-idempotency-key': `refused-create-${n}` });
  const creations = [
    ['an unknown field', { paymentDetail: {} }, [400, 'UnrecognizedField'], 'paymentDetail'],
    [
      'a wrong amount',
      { paymentDetails: { chargeAmount: usd('14.000') } },
      [400, 'InvalidParameterValue'],
      'paymentDetails.chargeAmount.amount',
    ],
    ['no store', { storeId: undefined }, [400, 'MissingParameterValue'], 'storeId'],
    [
      'a descriptor too long',
      { paymentDetails: { softDescriptor: 'x'.repeat(17) } },
      [400, 'InvalidParameterValue'],
      'paymentDetails.softDescriptor',
    ],
  ];
  for (const [n, [what, change, refusal, field]] of creations.entries()) {
    test(`to create: ${what}`, async () => {
      isRefusal(await answer(client.createCheckoutSession(creation(change), key(n))), refusal, field);
    });
  }

  const changes = [
    ['an unknown field', { amount: usd('1.00') }, [400, 'UnrecognizedField'], 'amount'],
    [
      'a wrong amount',
      { paymentDetails: { chargeAmount: usd('1,000.00') } },
      [400, 'InvalidParameterValue'],
      'paymentDetails.chargeAmount.amount',
    ],
  ];
  for (const [what, change, refusal, field] of changes) {
    test(`to update: ${what}`, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const call = client.updateCheckoutSession(session.checkoutSessionId, change);
        isRefusal(await answer(call), refusal, field);
      });
    });
  }

  const completions = [
    ['no amount', {}, [400, 'MissingParameterValue'], 'chargeAmount'],
    ['another amount', { chargeAmount: usd('14.01') }, [409, 'AmountMismatch'], 'chargeAmount'],
    [
      'another currency',
      { chargeAmount: { amount: '14.00', currencyCode: 'EUR' } },
      [400, 'CurrencyMismatch'],
      'chargeAmount',
    ],
    [
      'a field of Finalize',
      { chargeAmount: usd('14.00'), paymentIntent: 'Authorize' },
      [400, 'UnrecognizedField'],
      'paymentIntent',
    ],
  ];
  for (const [what, request, refusal, field] of completions) {
    test(`to complete: ${what}`, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const call = client.completeCheckoutSession(session.checkoutSessionId, request);
        isRefusal(await answer(call), refusal, field);
      });
    });
  }
});
