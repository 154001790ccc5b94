// A receiver of Amazon's notifications as a shop would write it in Node, from the documented form of the envelope
// and with Node's own crypto, without any code of this project.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { X509Certificate, createVerify } from 'node:crypto';

/** The members that are signed, in their order. */
const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const DIGEST = { 1: 'RSA-SHA1', 2: 'RSA-SHA256' };

/** Fetches certificates, each once, from `origin` only. */
export class Certificates {
  fetched = [];
  #kept = new Map();

  constructor(origin) {
    this.origin = origin;
  }

  async at(url) {
    const { origin, pathname } = new URL(url);
    if (origin !== this.origin || !pathname.endsWith('.pem')) throw new Error(`not a certificate of ours: ${url}`);
    if (!this.#kept.has(url)) {
      this.fetched.push(url);
      const answer = await fetch(url, { redirect: 'error' });
      if (!answer.ok) throw new Error(`no certificate: ${answer.status}`);
      this.#kept.set(url, new X509Certificate(await answer.text()));
    }
    return this.#kept.get(url);
  }
}

/** The envelope's message, if the certificate's key has signed it; else throws what is wrong. */
export async function verified(text, certificates) {
  const envelope = JSON.parse(text);
  const members = SIGNED[envelope.Type];
  const digest = DIGEST[envelope.SignatureVersion];
  if (!members || !digest) throw new Error(`unknown form: ${envelope.Type} ${envelope.SignatureVersion}`);
  const present = members.filter((member) => envelope[member] !== undefined && envelope[member] !== null);
  const signed = present.map((member) => `${member}\n${envelope[member]}\n`).join('');
  const certificate = await certificates.at(envelope.SigningCertURL);
  const verify = createVerify(digest).update(signed, 'utf8');
  if (!verify.verify(certificate.publicKey, envelope.Signature, 'base64')) throw new Error('wrong signature');
  return JSON.parse(envelope.Message);
}

/** An endpoint that keeps every request, and answers with `status`. */
export class Receiver {
  received = [];
  status = 200;
  #server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const { method, headers } = request;
    this.received.push({ method, headers, text: Buffer.concat(chunks).toString() });
    response.writeHead(this.status).end();
    this.#server.emit('received');
  });

  static async start() {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/ipn`;
  }

  /** The first `count` requests that were received; fails if they do not come in time. */
  async first(count) {
    const signal = AbortSignal.timeout(20_000);
    while (this.received.length < count) await once(this.#server, 'received', { signal });
    return this.received.slice(0, count);
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
