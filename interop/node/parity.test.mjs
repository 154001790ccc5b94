// Compares the list of the Rust client's calls with the official client: a call that a new version of the official
// client brings must be on that list, or on the list of missing calls here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import sdk from '@amazonpay/amazon-pay-api-sdk-nodejs';

const LIST = new URL('../../crates/countersign-client/tests/client/parity.rs', import.meta.url);

/** The calls that the Rust client does not have, as C06 of docs/features.md says (the Node SDK has no disbursements either). */
const MISSING = {
  buyers: ['getBuyer'],
  reports: [
    'getReports', 'getReportById', 'getReportDocument', 'getReportSchedules', 'getReportScheduleById',
    'createReport', 'createReportSchedule', 'cancelReportSchedule',
  ],
  disputes: ['createDispute', 'getDispute', 'updateDispute', 'contestDispute'],
  files: ['uploadFile'],
  'delivery trackers': ['deliveryTrackers'],
  'authorization tokens': ['getAuthorizationToken'],
  'merchant accounts': [
    'registerAmazonPayAccount', 'updateAmazonPayAccount', 'deleteAmazonPayAccount', 'createMerchantAccount',
    'updateMerchantAccount', 'merchantAccountClaim',
  ],
  'charges in a shop': ['merchantScan', 'charge', 'refund'],
};

/** Methods that are not calls of the API: the request that all calls make, and its signature. */
const NO_CALLS = ['constructor', 'apiCall', 'getSignedHeaders'];

/** Every method of the official client and of its base classes. */
function officialCalls() {
  const names = new Set();
  for (const name of ['AmazonPayClient', 'InStoreClient', 'WebStoreClient']) {
    for (let type = sdk[name].prototype; type !== Object.prototype; type = Object.getPrototypeOf(type)) {
      for (const method of Object.getOwnPropertyNames(type)) names.add(method);
    }
  }
  return [...names].filter((name) => !NO_CALLS.includes(name)).sort();
}

// Promise: C06
test('every call of the official client is in the Rust client, or said to be missing', () => {
  const table = readFileSync(LIST, 'utf8').match(/^const CALLS[^]*?^\];/m)[0];
  const here = [...table.matchAll(/call\("[A-Z]*", .*?, \["(\w+)"/g)].map((row) => row[1]);
  assert.equal(here.length, 16);
  assert.deepEqual(officialCalls(), [...here, ...Object.values(MISSING).flat()].sort());
});
