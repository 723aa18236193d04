import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../src/clock.mjs';
import { node } from '../src/processes/contender-process.mjs';

/** Those that run, to be ended with this process. @type {Set<Proc>} */
const running = new Set();
process.once('exit', () => {
  for (const proc of running) proc.signal('SIGKILL');
});

/** A process of a contender. */
export class Proc {
  /** What it has told. @type {Array<{ type: string, at: number, pid: number } & Record<string, any>>} */
  events = [];
  stderr = '';
  /** When it ended, and how. @type {{ at: number, code: number | null, signal: string | null } | undefined} */
  ended;
  #replies = new Map();
  #nextId = 0;

  /** @param {string} name of the contender @param {import('./contenders/contender.mjs').Options} options */
  static async start(name, options) {
    const proc = new Proc(name, options);
    await proc.until(() => proc.events.find(({ type }) => type === 'up') ?? proc.ended, 30_000);
    return proc;
  }

  constructor(name, options) {
    this.startedAt = now();
    this.child = fork(join(import.meta.dirname, 'child.mjs'), [JSON.stringify({ name, options })], {
      execPath: node,
      execArgv: [],
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.pid = this.child.pid;
    running.add(this);
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#hear(line));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr = (this.stderr + text).slice(-2_000)));
    this.child.on('error', () => {});
    this.child.once('close', (code, signal) => {
      running.delete(this);
      this.ended = { at: this.killedAt ?? now(), code, signal };
      for (const { reject } of this.#replies.values()) reject(new Error(`the process ended (${signal ?? code}) ${this.stderr}`));
    });
  }

  /** @returns {Promise<any>} */
  async call(call, args = [], ms = 30_000) {
    if (this.ended || !this.child.connected) throw new Error('the process has ended');
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => this.#replies.set(id, { resolve, reject }));
    this.child.send({ id, call, args }, () => {});
    const late = new AbortController();
    const timeout = sleep(ms, undefined, { signal: late.signal }).then(() => Promise.reject(new Error(`no answer to '${call}' in ${ms} ms`)));
    timeout.catch(() => {});
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      late.abort();
      this.#replies.delete(id);
    }
  }

  signal(name) {
    if (name === 'SIGKILL') this.killedAt ??= now();
    this.child.kill(name);
  }

  async end() {
    if (this.ended) return;
    const closed = once(this.child, 'close');
    this.signal('SIGCONT');
    this.signal('SIGKILL');
    await closed;
  }

  /** Waits for something of it; undefined when it does not come in time. */
  async until(look, ms) {
    for (const deadline = now() + ms; ; await sleep(10)) {
      const found = look();
      if (found || now() > deadline) return found || undefined;
    }
  }

  #hear(line) {
    let event;
    try {
      event = { ...JSON.parse(line), pid: this.pid };
    } catch {
      return; // what a contender prints
    }
    if (event.type !== 'reply') return void this.events.push(event);
    if (event.error === undefined) this.#replies.get(event.id)?.resolve(event.value);
    else this.#replies.get(event.id)?.reject(new Error(event.error));
  }
}
