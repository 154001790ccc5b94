// Requests that do not arrive whole, written to the socket directly: a body that is cut short, a body that
// never ends, a head that never ends, a lost connection.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Merchant, answer, signed } from './merchant.mjs';
import { checkout, finalization, isRefusal, staysFinalizable } from './order.mjs';
import { Sandbox } from './sandbox.mjs';

const merchant = new Merchant('SANDBOX-INTEROP00000000000001');
/** Well over the sandbox's own limits of 10 s: only a server that never gives up reaches it. */
const PATIENCE_MS = 60_000;

let sandbox;
let client;
before(async () => {
  sandbox = await Sandbox.start({ merchants: [merchant] });
  client = merchant.client(sandbox);
});
after(() => sandbox?.stop());

/** The right request for a session, as text: its head, and its body. */
function text(session) {
  const path = `/v2/checkoutSessions/${session.checkoutSessionId}/finalize`;
  const payload = JSON.stringify(finalization(session));
  const { headers } = signed(client, { path, payload });
  const lines = Object.entries({
    host: sandbox.address,
    ...headers,
    'content-length': Buffer.byteLength(payload),
  });
  const head = [`POST ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  return { head: `${head.join('\r\n')}\r\n\r\n`, payload };
}

/** Opens a connection, writes `bytes`, and returns the socket. */
async function written(bytes) {
  const socket = connect({ host: '127.0.0.1', port: sandbox.port, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** Everything that the server sends until it closes the connection. */
async function heard(socket) {
  socket.setEncoding('utf8');
  let said = '';
  socket.on('data', (chunk) => (said += chunk));
  await once(socket, 'end', { signal: AbortSignal.timeout(PATIENCE_MS) });
  socket.destroy();
  return said;
}

/** Parses an answer as it was sent. */
function parsed(said) {
  const [head, body] = said.split('\r\n\r\n');
  const [status, ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(/: */, 2)));
  assert.match(headers['content-type'] ?? '', /^application\/json/, said);
  assert.match(headers['x-amz-pay-request-id'] ?? '', /./, said);
  return { status: Number(status.split(' ')[1]), body: JSON.parse(body) };
}

describe('a request that does not arrive whole', { concurrency: true }, () => {
  test('is refused when its body is cut short', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const { head, payload } = text(session);
      const socket = await written(head + payload.slice(0, -10));
      socket.end();
      isRefusal(parsed(await heard(socket)), [400, 'InvalidRequestFormat']);
    });
  });

  test('is refused when its body never ends', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const { head, payload } = text(session);
      const socket = await written(head + payload.slice(0, -10));
      isRefusal(parsed(await heard(socket)), [408, 'RequestTimeout']);
    });
  });

  test('is dropped when its head never ends', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const { head } = text(session);
      const said = await heard(await written(head.slice(0, -10)));
      assert.doesNotMatch(said, /^HTTP\/1.1 2/);
    });
  });

  test('changes nothing when the connection is lost in the middle', async () => {
    const session = await sandbox.placed(checkout());
    await staysFinalizable(client, session, async () => {
      const { head, payload } = text(session);
      const socket = await written(head + payload.slice(0, -10));
      socket.resetAndDestroy();
      assert.equal((await answer(client.getCheckoutSession(session.checkoutSessionId))).status, 200);
    });
  });
});
