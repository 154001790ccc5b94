// The sandbox's binary as a process: started on a free port, driven by its control API, ended by its
// process id. The official client is in merchant.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = process.env.COUNTERSIGN_BINARY;
const ANNOUNCEMENT = /^listening on http:\/\/(.+)$/;
/** After this long, a sandbox that has not started or ended is given up. */
const PATIENCE_MS = 20_000;

// Without this, an interrupted suite would skip its exit handlers and leave its sandbox running.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** A folder for this suite, removed when the suite's process ends. */
export function freshFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-interop-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class Sandbox {
  #process;
  #said = [];

  /** `host:port`, as the official client needs it. */
  address;

  /**
   * Starts a sandbox that knows `merchants`, in memory or in `dataDir` if that is given, with `rules`
   * (`name=value`) instead of the defaults.
   */
  static async start({ merchants, dataDir, rules = [] }) {
    assert.ok(BINARY, 'COUNTERSIGN_BINARY must name the binary');
    const keep = dataDir ? ['--data-dir', dataDir] : ['--in-memory'];
    const known = merchants.flatMap((merchant) => merchant.flags);
    const set = rules.flatMap((rule) => ['--set', rule]);
    const sandbox = new Sandbox(['sandbox', '--listen', '127.0.0.1:0', ...keep, ...known, ...set]);
    await sandbox.#ready();
    return sandbox;
  }

  constructor(words) {
    this.#process = spawn(BINARY, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stderr.on('data', (text) => this.#said.push(text));
    // In case the suite ends before its hooks have run.
    process.on('exit', () => this.#process.kill('SIGKILL'));
  }

  async #ready() {
    const lines = createInterface({ input: this.#process.stdout });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const line = once(lines, 'line', { signal }).then(([text]) => text);
    const end = once(this.#process, 'exit', { signal }).then(([code]) => `ended with ${code}`);
    const first = await Promise.race([line, end]);
    const announced = ANNOUNCEMENT.exec(first);
    assert.ok(announced, `${first}\n${this.#said.join('')}`);
    [, this.address] = announced;
  }

  get port() {
    return Number(this.address.split(':').at(-1));
  }

  /** Asks the sandbox to end, and fails if its exit code is not 0. */
  async stop() {
    assert.equal(await this.#ended('SIGTERM'), 0, this.#said.join(''));
  }

  /** Ends the sandbox as a power cut would. */
  async kill() {
    await this.#ended('SIGKILL');
  }

  async #ended(how) {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const exit = once(this.#process, 'exit', { signal: AbortSignal.timeout(PATIENCE_MS) });
    this.#process.kill(how);
    const [code] = await exit;
    return code;
  }

  /** A call of the control API, with its answer, whatever its status. */
  async control(method, path, body) {
    const answer = await fetch(`http://${this.address}/_sandbox${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }

  async #did(method, path, body) {
    const answer = await this.control(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A buyer has started a Buy Now checkout. */
  started(checkout) {
    return this.#did('POST', '/checkout-sessions', checkout);
  }

  /** A buyer has started a Buy Now checkout and placed the order. */
  placed(checkout) {
    return this.started({ ...checkout, placed: true });
  }

  buyer(checkoutSessionId, action, more = {}) {
    return this.#did('POST', `/checkout-sessions/${checkoutSessionId}/buyer`, { action, ...more });
  }

  freeze(freeze) {
    return this.#did('POST', '/clock', { freeze });
  }

  advance(duration) {
    return this.#did('POST', '/clock', { advance: duration });
  }

  async events(checkoutSessionId) {
    return (await this.#did('GET', `/events?checkoutSessionId=${checkoutSessionId}`)).events;
  }
}
