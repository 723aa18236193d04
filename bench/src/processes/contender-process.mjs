import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';

const BENCH = join(import.meta.dirname, '..', '..');
/** Two of the peers need a newer Node than the package itself: everybody runs under this one. */
export const node = join(BENCH, 'node_modules', 'node', 'bin', 'node');
const CLOSE_SECONDS = 10;

/** Those that run, to be ended with this process. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A process of its own that runs one contender. It does what `tasks.mjs` can, one call at a time or
 * several, and emits `progress` while it runs jobs.
 */
export class ContenderProcess extends EventEmitter {
  #child;
  #calls = new Map();
  #nextId = 0;
  /** What runs here. @type {{ version: string, settings: object } | undefined} */
  about;

  /** @param {import('../contenders.mjs').Contender} contender @param {object} options for the adapter */
  static async start(contender, options) {
    const started = new ContenderProcess();
    started.about = await started.call('create', { adapter: contender.adapter, options: { ...contender.options, ...options } }, 60);
    return started;
  }

  constructor() {
    super();
    this.#child = fork(join(import.meta.dirname, 'child.mjs'), {
      execPath: node,
      execArgv: [],
      serialization: 'advanced',
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.add(this.#child);
    let complaint = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (complaint = (complaint + text).slice(-2_000)));
    this.#child.on('message', (message) => this.#receive(message));
    this.#child.once('exit', (code, signal) => {
      running.delete(this.#child);
      const error = new Error(`the process ended (${signal ?? code}) ${complaint}`.trim());
      this.#rejectAll(error);
      this.emit('ended', error);
    });
  }

  /**
   * @param {string} task of tasks.mjs
   * @param {object} [args]
   * @param {number} [seconds] the longest that it may take
   * @returns {Promise<any>}
   */
  async call(task, args = {}, seconds = 120) {
    const id = this.#nextId++;
    let timer;
    const answer = new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      timer = setTimeout(() => reject(new Error(`'${task}' took longer than ${seconds} s`)), seconds * 1_000);
    });
    if (this.#child.connected) this.#child.send({ id, task, args });
    else this.#rejectAll(new Error(`'${task}': the process has ended`));
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /** Ends it in an orderly way, or by force when that takes too long. */
  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_SECONDS * 1_000);
    await this.call('close', {}, CLOSE_SECONDS).catch(() => this.#child.kill('SIGKILL'));
    await exited;
    clearTimeout(force);
  }

  #receive({ id, result, error, progress }) {
    if (progress) return void this.emit('progress', progress);
    const call = this.#calls.get(id);
    if (error) call?.reject(new Error(error));
    else call?.resolve(result);
  }

  #rejectAll(error) {
    for (const { reject } of this.#calls.values()) reject(error);
  }
}
