// Finalize's thirteen checks, in order: for each, requests that fail this check alone. Each gets the documented
// answer and leaves the session as it was; if the session is Open, the right request still finalizes it.

import assert from 'node:assert/strict';
import { after, before, describe, mock, test } from 'node:test';

import { Merchant, answer } from './merchant.mjs';
import { checkout, finalization, isRefusal, staysFinalizable, usd } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
const unprefixed = new Merchant('INTEROP00000000000000002');
const other = new Merchant('SANDBOX-INTEROP00000000000003');
/** Has the public key id of the first merchant, but a key of its own. */
const impostor = new Merchant(merchant.publicKeyId);
const stranger = new Merchant('SANDBOX-INTEROP00000000000009');

const ADDRESS = {
  name: 'Mei 山田',
  addressLine1: '10 Ditka Ave',
  addressLine2: 'Suite 2500',
  addressLine3: null,
  city: 'Chicago',
  county: null,
  district: null,
  stateOrRegion: 'IL',
  postalCode: '60602',
  countryCode: 'US',
  phoneNumber: '800-000-0000',
};

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant, unprefixed, other] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());

const finalize = (session, request, headers, by = client) =>
  answer(by.finalizeCheckoutSession(session.checkoutSessionId, request, headers));

/** Makes a call while the client's clock is wrong by `seconds`. */
function askew(seconds, call) {
  mock.timers.enable({ apis: ['Date'], now: Date.now() + seconds * 1000 });
  try {
    return call();
  } finally {
    mock.timers.reset();
  }
}

/** One test for each row: `[what, checkout, the change to the right request, refusal, fields]`. */
function rows(table) {
  for (const [what, order, change, refusal, ...fields] of table) {
    test(what, async () => {
      const session = await sandbox.placed(order);
      await staysFinalizable(client, session, async () => {
        const request = { ...finalization(session), ...change };
        isRefusal(await finalize(session, request), refusal, ...fields);
      });
    });
  }
}

describe("1: the request is the merchant's", () => {
  const key36 = '123e4567-e89b-42d3-a456-426614174000';
  const signers = [
    ['an unknown key', stranger, {}, 0, [403, 'InvalidAuthentication'], stranger.publicKeyId],
    [
      'another private key',
      impostor,
      {},
      0,
      [403, 'InvalidRequestSignature'],
      'Unable to verify signature, signing String [AMZN-PAY-RSASSA-PSS-V2',
    ],
    [
      'a key of 36 characters',
      merchant,
      { 'x-amz-pay-idempotency-key': key36 },
      0,
      [400, 'InvalidHeaderValue'],
      'x-amz-pay-idempotency-key',
    ],
    [
      'a key with a space',
      merchant,
      { 'x-amz-pay-idempotency-key': 'two words' },
      0,
      [400, 'InvalidHeaderValue'],
      'x-amz-pay-idempotency-key',
    ],
    [
      'a date in the future',
      merchant,
      {},
      90,
      [400, 'InvalidHeaderValue'],
      'provided for x-amz-pay-date should not be in future',
    ],
    ['a stale date', merchant, {}, -16 * 60, [400, 'InvalidHeaderValue'], 'x-amz-pay-date'],
  ];
  for (const [what, signer, headers, seconds, refusal, ...fields] of signers) {
    test(what, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        const by = signer.client(sandbox);
        const call = () => finalize(session, finalization(session), headers, by);
        isRefusal(await askew(seconds, call), refusal, ...fields);
      });
    });
  }

  test('a clock that is a little wrong is forgiven', async () => {
    for (const seconds of [30, -14 * 60]) {
      const session = await sandbox.placed(checkout());
      const { status, text } = await askew(seconds, () => finalize(session, finalization(session)));
      assert.equal(status, 200, text);
    }
  });
});

describe('2: the body is whole and known', () => {
  rows([
    [
      'an unknown field',
      checkout(),
      { chargePermissionID: 'S01' },
      [400, 'UnrecognizedField'],
      'chargePermissionID',
    ],
    [
      'an unknown field of an address',
      checkout(),
      { shippingAddress: { town: 'Chicago' } },
      [400, 'UnrecognizedField'],
      'shippingAddress.town',
    ],
    [
      'an unknown intent',
      checkout(),
      { paymentIntent: 'Capture' },
      [400, 'InvalidParameterValue'],
      'paymentIntent',
    ],
    [
      'too many decimals',
      checkout(),
      { chargeAmount: usd('14.000') },
      [400, 'InvalidParameterValue'],
      'chargeAmount.amount',
    ],
  ]);

  for (const payload of ['["paymentIntent"]', '14', 'null', '"Confirm"']) {
    test(`${payload} is not an object`, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        isRefusal(await finalize(session, payload), [400, 'InvalidRequestFormat']);
      });
    });
  }
});

test('3: an idempotency key is for one request', async () => {
  const headers = () => ({ 'x-amz-pay-idempotency-key': 'ladder-3' });
  const first = await sandbox.placed(checkout());
  assert.equal((await finalize(first, finalization(first), headers())).status, 200);
  const session = await sandbox.placed(checkout());
  await staysFinalizable(client, session, async () => {
    const refused = await finalize(session, finalization(session), headers());
    isRefusal(refused, [400, 'DuplicateIdempotencyKey']);
  });
});

describe("4: the session is this merchant's", () => {
  test('another merchant does not find it', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const by = other.client(sandbox);
      const foreign = await finalize(session, finalization(session), {}, by);
      isRefusal(foreign, [404, 'ResourceNotFound']);
      const missing = { checkoutSessionId: '00000000-0000-4000-8000-000000000000' };
      const unknown = await finalize(missing, finalization(session));
      isRefusal(unknown, [404, 'ResourceNotFound']);
      // The answer must not show that the session exists for another merchant.
      const said = (message, id) => message.replaceAll(id, 'ID');
      assert.equal(
        said(foreign.body.message, session.checkoutSessionId),
        said(unknown.body.message, missing.checkoutSessionId),
      );
    });
  });

  test('nor does its own merchant in the other environment', async () => {
    const session = await sandbox.placed(checkout({}, { publicKeyId: unprefixed.publicKeyId }));
    const right = unprefixed.client(sandbox);
    await staysFinalizable(right, session, async () => {
      const by = unprefixed.client(sandbox, { environment: 'live' });
      isRefusal(await finalize(session, finalization(session), {}, by), [404, 'ResourceNotFound']);
    });
  });
});

// Promise: A02
test('5: a Canceled session stays Canceled', async () => {
  const session = await sandbox.placed(checkout());
  await sandbox.buyer(session.checkoutSessionId, 'cancel');
  const before = await answer(client.getCheckoutSession(session.checkoutSessionId));
  assert.deepEqual(
    [before.body.statusDetails.state, before.body.statusDetails.reasonCode],
    ['Canceled', 'BuyerCanceled'],
  );
  isRefusal(await finalize(session, finalization(session)), [422, 'CheckoutSessionCanceled']);
  const after = await answer(client.getCheckoutSession(session.checkoutSessionId));
  assert.deepEqual(after.body, before.body);
});

describe('6: the session waits for the merchant', () => {
  test('a Completed one does not', async () => {
    const session = await sandbox.placed(checkout());
    const right = finalization(session);
    assert.equal((await finalize(session, right)).status, 200);
    const before = await answer(client.getCheckoutSession(session.checkoutSessionId));
    isRefusal(await finalize(session, right), [422, 'InvalidCheckoutSessionStatus']);
    const after = await answer(client.getCheckoutSession(session.checkoutSessionId));
    assert.deepEqual(after.body, before.body);
  });

  test('one whose buyer has not placed the order does not, until they have', async () => {
    const session = await sandbox.started(checkout());
    const { checkoutSessionId } = session;
    const before = await answer(client.getCheckoutSession(checkoutSessionId));
    isRefusal(await finalize(session, finalization(session)), [422, 'InvalidCheckoutSessionStatus']);
    const after = await answer(client.getCheckoutSession(checkoutSessionId));
    assert.deepEqual(after.body, before.body);
    await sandbox.buyer(checkoutSessionId, 'placeOrder');
    assert.equal((await finalize(session, finalization(session))).status, 200);
  });
});

describe('7: what is required is there', () => {
  const split = checkout({ totalOrderAmount: usd('20.00') });
  const described = checkout({}, { supplementaryData: '{"airline":"EX"}' });
  const missing = [400, 'MissingParameterValue'];
  rows([
    ['no intent', checkout(), { paymentIntent: undefined }, missing, 'paymentIntent'],
    ['a null intent', checkout(), { paymentIntent: null }, missing, 'paymentIntent'],
    ['no amount', checkout(), { chargeAmount: undefined }, missing, 'chargeAmount'],
    ['no shipping address', checkout(), { shippingAddress: undefined }, missing, 'shippingAddress'],
    [
      'no billing address',
      checkout({}, { productType: 'PayOnly' }),
      { billingAddress: undefined },
      missing,
      'billingAddress',
    ],
    ['no total', split, { totalOrderAmount: undefined }, missing, 'totalOrderAmount'],
    ['no supplementary data', described, { supplementaryData: undefined }, missing, 'supplementaryData'],
  ]);
});

describe("8: the intent is the session's", () => {
  const capture = checkout({ paymentIntent: 'AuthorizeWithCapture' });
  const mayPend = checkout({ canHandlePendingAuthorization: true });
  const value = [400, 'InvalidParameterValue'];
  rows([
    [
      'capture and pending together',
      capture,
      { canHandlePendingAuthorization: true },
      [400, 'InvalidParameterCombination'],
      'canHandlePendingAuthorization',
    ],
    ['another intent', checkout(), { paymentIntent: 'Confirm' }, value, 'paymentIntent'],
    ['more than was agreed', checkout(), { paymentIntent: 'AuthorizeWithCapture' }, value, 'paymentIntent'],
    [
      'pending, where it is not allowed',
      checkout(),
      { canHandlePendingAuthorization: true },
      value,
      'canHandlePendingAuthorization',
    ],
    [
      'not pending, where it is allowed',
      mayPend,
      { canHandlePendingAuthorization: false },
      value,
      'canHandlePendingAuthorization',
    ],
  ]);
});

describe("9: the currency is the session's", () => {
  const split = checkout({ totalOrderAmount: usd('20.00') });
  const mismatch = [400, 'CurrencyMismatch'];
  rows([
    [
      'the charge in euros',
      checkout(),
      { chargeAmount: { amount: '14.00', currencyCode: 'EUR' } },
      mismatch,
      'chargeAmount',
    ],
    [
      'the total in pounds',
      split,
      { totalOrderAmount: { amount: '20.00', currencyCode: 'GBP' } },
      mismatch,
      'totalOrderAmount',
    ],
  ]);
});

describe("10: the amounts are the session's", () => {
  const split = checkout({ totalOrderAmount: usd('20.00') });
  const mismatch = [409, 'AmountMismatch'];
  rows([
    ['a cent less', checkout(), { chargeAmount: usd('13.99') }, mismatch, 'chargeAmount'],
    ['a cent more', checkout(), { chargeAmount: usd('14.01') }, mismatch, 'chargeAmount'],
    ['a total of a cent more', split, { totalOrderAmount: usd('20.01') }, mismatch, 'totalOrderAmount'],
    [
      'a total that nobody agreed to',
      checkout(),
      { totalOrderAmount: usd('20.00') },
      [400, 'InvalidParameterValue'],
      'totalOrderAmount',
    ],
  ]);
});

describe("11: the supplementary data are the session's", () => {
  const described = checkout({}, { supplementaryData: '{"airline":"EX"}' });
  const value = [400, 'InvalidParameterValue'];
  rows([
    ['a blank more', described, { supplementaryData: '{"airline": "EX"}' }, value, 'supplementaryData'],
    ['some that nobody agreed to', checkout(), { supplementaryData: '{}' }, value, 'supplementaryData'],
  ]);
});

describe('12: the address is the one that Amazon shared', () => {
  const value = [400, 'InvalidParameterValue'];
  const orders = [
    ['shippingAddress', checkout({}, { shippingAddress: ADDRESS })],
    ['billingAddress', checkout({}, { billingAddress: ADDRESS, productType: 'PayOnly' })],
  ];
  for (const [kind, order] of orders) {
    for (const [member, shared] of Object.entries(ADDRESS)) {
      test(`${kind}.${member} differs`, async () => {
        const session = await sandbox.placed(order);
        await staysFinalizable(client, session, async () => {
          const sent = `${shared ?? ''}Zq7`;
          const request = { ...finalization(session), [kind]: { ...session[kind], [member]: sent } };
          const refused = await finalize(session, request);
          isRefusal(refused, value, kind, member);
          for (const data of [sent, ...Object.values(ADDRESS).filter((text) => text?.length > 2)]) {
            assert.ok(!refused.text.includes(data), `"${refused.body.message}" shows ${data}`);
          }
        });
      });
    }
  }

  test('the other address counts if Amazon has shared it', async () => {
    const order = checkout({}, { shippingAddress: ADDRESS, billingAddress: ADDRESS });
    const session = await sandbox.placed(order);
    await staysFinalizable(client, session, async () => {
      const request = { ...finalization(session), billingAddress: { ...ADDRESS, city: 'Boston' } };
      isRefusal(await finalize(session, request), value, 'billingAddress', 'city');
    });
  });

  test('the other address is ignored if Amazon has not shared it', async () => {
    const session = await sandbox.placed(checkout({}, { productType: 'PayOnly' }));
    const request = { ...finalization(session), shippingAddress: ADDRESS };
    assert.equal((await finalize(session, request)).status, 200);
  });

  test('white space, Unicode forms, and absent for null make no difference', async () => {
    const shared = { ...ADDRESS, name: 'Zoë  Müller', addressLine3: '' };
    const session = await sandbox.placed(checkout({}, { shippingAddress: shared }));
    const { county, district, addressLine3, ...spelled } = shared;
    const shippingAddress = { ...spelled, name: ' Zoë Müller '.normalize('NFD') };
    const { status, text } = await finalize(session, { ...finalization(session), shippingAddress });
    assert.equal(status, 200, text);
  });
});

describe('13: the payment, as the card and the simulation have it', () => {
  const unfit = [400, 'InvalidSandboxSimulationSpecified'];
  const simulated = (code) => ({ 'x-amz-pay-simulation-code': code });
  const codes = [
    ['a pending one where none is allowed', simulated('AuthorizationInitiated')],
    ['an unknown one', simulated('NoSuchCode')],
    ['one of another call', simulated('AmazonClosed')],
  ];
  for (const [what, headers] of codes) {
    test(`simulation code, ${what}`, async () => {
      const session = await sandbox.placed(checkout());
      await staysFinalizable(client, session, async () => {
        isRefusal(await finalize(session, finalization(session), headers), unfit);
      });
    });
  }

  for (const card of ['0701', '4354']) {
    test(`card ${card} where no pending authorization is allowed`, async () => {
      const session = await sandbox.placed(checkout({}, { card }));
      const before = await answer(client.getCheckoutSession(session.checkoutSessionId));
      isRefusal(await finalize(session, finalization(session)), unfit);
      const after = await answer(client.getCheckoutSession(session.checkoutSessionId));
      assert.deepEqual(after.body, before.body);
      // The card stays what it is; a decline by the simulation still ends the session.
      const declined = await finalize(session, finalization(session), simulated('Declined'));
      isRefusal(declined, [422, 'HardDeclined']);
    });
  }
});

describe('a request that breaks several rules is answered for the first:', () => {
  const headers = { 'x-amz-pay-idempotency-key': 'order-of-checks' };
  const nobodys = { checkoutSessionId: '00000000-0000-4000-8000-000000000001' };
  const wrong = { chargeAmount: usd('13.00') };
  const canceled = async () => {
    const session = await sandbox.started(checkout());
    await sandbox.buyer(session.checkoutSessionId, 'cancel');
    return session;
  };
  const descent = [
    [
      '1 before 2',
      () => finalize(nobodys, '[]', null, impostor.client(sandbox)),
      [403, 'InvalidRequestSignature'],
    ],
    ['2 before 3', () => finalize(nobodys, { surprise: true }, headers), [400, 'UnrecognizedField']],
    ['3 before 4', () => finalize(nobodys, wrong, headers), [400, 'DuplicateIdempotencyKey']],
    ['4 before 7', () => finalize(nobodys, wrong), [404, 'ResourceNotFound']],
    ['5 before 6 and 7', async () => finalize(await canceled(), wrong), [422, 'CheckoutSessionCanceled']],
    [
      '6 before 7',
      async () => finalize(await sandbox.started(checkout()), wrong),
      [422, 'InvalidCheckoutSessionStatus'],
    ],
  ];
  before(async () => {
    const session = await sandbox.placed(checkout());
    assert.equal((await finalize(session, finalization(session), headers)).status, 200);
  });
  for (const [what, call, refusal] of descent) {
    test(what, async () => isRefusal(await call(), refusal));
  }

  test('2 to 12, one corrected after the other', async () => {
    const session = await sandbox.placed(checkout({ totalOrderAmount: usd('20.00') }));
    const right = finalization(session);
    const address = { shippingAddress: { ...right.shippingAddress, city: 'Elsewhere' } };
    const amount = { chargeAmount: usd('13.00'), ...address };
    const currency = { ...amount, totalOrderAmount: { amount: '20.00', currencyCode: 'EUR' } };
    const intent = { ...currency, paymentIntent: 'Confirm' };
    const missing = { ...intent, totalOrderAmount: undefined };
    const type = { ...missing, canHandlePendingAuthorization: 'perhaps' };
    const unknown = { ...type, surprise: true };
    const corrections = [
      [unknown, [400, 'UnrecognizedField'], 'surprise'],
      [type, [400, 'InvalidParameterValue'], 'canHandlePendingAuthorization'],
      [missing, [400, 'MissingParameterValue'], 'totalOrderAmount'],
      [intent, [400, 'InvalidParameterValue'], 'paymentIntent'],
      [currency, [400, 'CurrencyMismatch'], 'totalOrderAmount'],
      [amount, [409, 'AmountMismatch'], 'chargeAmount'],
      [address, [400, 'InvalidParameterValue'], 'city'],
    ];
    await staysFinalizable(client, session, async () => {
      for (const [change, refusal, field] of corrections) {
        isRefusal(await finalize(session, { ...right, ...change }), refusal, field);
      }
    });
  });
});
