// A merchant with a key pair, and the official client that signs with it. The client is used as npm
// installs it; only the scheme of its URLs is changed, after it has signed.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { freshFolder } from './sandbox.mjs';

export const ALGORITHMS = ['AMZN-PAY-RSASSA-PSS', 'AMZN-PAY-RSASSA-PSS-V2'];

const require = createRequire(import.meta.url);
const SDK = '@amazonpay/amazon-pay-api-sdk-nodejs';
const { WebStoreClient } = require(SDK);
const { signHeaders } = require(`${SDK}/src/clientHelper`);
// The client's own copy: a second copy would not be the one that sends.
const axios = createRequire(require.resolve(SDK))('axios');

/** The text of each answer, by the object that the client has parsed. */
const texts = new WeakMap();

axios.interceptors.request.use((config) => ({
  ...config,
  url: config.url.replace(/^https:/, 'http:'),
  // The sandbox is on this machine: no proxy leads to it.
  proxy: false,
  transformResponse: (text) => {
    const body = JSON.parse(text);
    texts.set(body, text);
    return body;
  },
}));

const folder = freshFolder();
let made = 0;

export class Merchant {
  /** The sandbox's flags that make this merchant known to it. */
  flags;

  constructor(publicKeyId) {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    made += 1;
    const file = join(folder, `merchant-${made}.pem`);
    writeFileSync(file, publicKey);
    this.publicKeyId = publicKeyId;
    this.privateKey = privateKey;
    this.flags = ['--public-key-id', publicKeyId, '--public-key', file];
  }

  /** The official client, talking to `sandbox`. */
  client(sandbox, { algorithm = ALGORITHMS[1], environment = 'sandbox', region = 'us' } = {}) {
    return new WebStoreClient({
      publicKeyId: this.publicKeyId,
      privateKey: this.privateKey,
      region,
      sandbox: environment === 'sandbox',
      algorithm,
      overrideServiceUrl: sandbox.address,
    });
  }
}

/** Checks what every answer of the API must have, refusals included. */
function checked({ status, headers, body, text }) {
  assert.match(headers['x-amz-pay-request-id'] ?? '', /./, `${status} has no x-amz-pay-request-id`);
  assert.match(headers['content-type'] ?? '', /^application\/json/);
  assert.ok(body !== null && typeof body === 'object' && !Array.isArray(body), `not an object: ${text}`);
  if (status >= 400) {
    assert.equal(typeof body.reasonCode, 'string', text);
    assert.equal(typeof body.message, 'string', text);
  }
  return { status, headers, body, text };
}

/** The answer to a call of the official client, success or not. */
export async function answer(call) {
  const response = await call.catch((error) => {
    if (error.response) return error.response;
    throw error;
  });
  const { status, headers, data } = response;
  return checked({ status, headers, body: data, text: texts.get(data) });
}

/** A request signed by the client, for a path and a body that its methods would not send. */
export function signed(client, { method = 'POST', path, payload, headers = {} }) {
  const options = { method, urlFragment: path.slice(1), payload, headers };
  return { method, path, payload, headers: signHeaders(client.configArgs, options) };
}

/** Sends a request byte for byte as given, even if axios would correct or refuse it. */
export async function sent(sandbox, { method, path, payload = '', headers }) {
  const body = Buffer.from(payload);
  const outgoing = request({
    host: '127.0.0.1',
    port: sandbox.port,
    method,
    path,
    headers: { ...headers, 'content-length': body.length },
    agent: false,
  });
  const response = await new Promise((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
  const chunks = await response.toArray();
  const text = Buffer.concat(chunks).toString();
  return checked({ status: response.statusCode, headers: response.headers, body: JSON.parse(text), text });
}
