import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../src/clock.mjs';
import { Proc } from './proc.mjs';

/** A supervisor, such as systemd, starts a process that ended by itself again after so long. */
const RESTART_MS = 1_000;

/** One contender under one fault: an empty server, processes, and what they told. */
export class Trial {
  procs = [];
  /** Processes that ended without being told to. */
  exits = [];
  /** Enqueues by what came of them. */
  stored = new Map();
  refused = new Map();
  #supervised = true;

  /** @param {string} name @param {object} server @param {object} options of the contender @param {(trial: Trial) => Promise<void>} [prepare] */
  static async open(name, server, options, prepare) {
    const trial = new Trial(name, server, options);
    trial.address = await server.open();
    void trial.#watch();
    await prepare?.(trial);
    trial.observer = await trial.start();
    await trial.observer.call('setup');
    return trial;
  }

  constructor(name, server, options) {
    this.name = name;
    this.server = server;
    this.options = options;
  }

  /** A process that enqueues and looks. */
  async start(options = {}) {
    const proc = await Proc.start(this.name, { ...this.address, ...this.options, ...options });
    this.procs.push(proc);
    return proc;
  }

  async worker(options = {}) {
    const proc = await this.start(options);
    proc.isWorker = true;
    await proc.call('work');
    return proc;
  }

  /** Enqueues, and remembers what the caller was told. */
  async enqueue(payload, proc = this.observer) {
    try {
      const id = await proc.call('enqueue', [payload]);
      this.stored.set(payload.n, id);
      return id;
    } catch (error) {
      this.refused.set(payload.n, error.message);
      return undefined;
    }
  }

  /** So many callers enqueue jobs until the returned function is called. */
  produce(proc, callers, payload, restMs = 60) {
    let stopped = false;
    let n = 0;
    const loops = Array.from({ length: callers }, async () => {
      while (!stopped) {
        await this.enqueue({ n: ++n, ...payload() }, proc);
        await sleep(Math.random() * restMs);
      }
    });
    return async () => {
      stopped = true;
      await Promise.all(loops);
    };
  }

  events(type, n) {
    const all = this.procs.flatMap(({ events }) => events);
    return all.filter((event) => event.type === type && (n === undefined || event.n === n)).sort((a, b) => a.at - b.at);
  }

  /** The first event of this kind after an instant, or undefined. */
  async happens(type, n, { after = 0, ms = 30_000 } = {}) {
    for (const deadline = now() + ms; ; await sleep(10)) {
      const found = this.events(type, n).find(({ at }) => at >= after);
      if (found || now() > deadline) return found;
    }
  }

  /** Waits until nothing waits or runs any more, or time is over. */
  async settled(ms) {
    for (const deadline = now() + ms; now() < deadline; await sleep(250)) {
      const counts = await this.look('counts').catch(() => undefined);
      if (counts && counts.waiting + counts.running === 0) return;
    }
  }

  /** Asks by a connection that no fault has hit. */
  async look(call, args) {
    if (!this.onlooker || this.onlooker.ended) this.onlooker = await this.start();
    return this.onlooker.call(call, args);
  }

  async close() {
    this.#supervised = false;
    await Promise.all(this.procs.map((proc) => proc.end()));
    await this.server.close();
  }

  /** Workers that end by themselves are started again. */
  async #watch() {
    const seen = new Set();
    for (; this.#supervised; await sleep(50)) {
      for (const proc of this.procs.filter(({ ended, killedAt }) => ended && killedAt === undefined)) {
        if (seen.has(proc)) continue;
        seen.add(proc);
        this.exits.push({ worker: proc.isWorker, ...proc.ended, stderr: proc.stderr, over: proc.events.find(({ type }) => type === 'over')?.message });
        if (proc.isWorker) void this.#restart();
      }
    }
  }

  /** As often as it takes: it may not be able to start while the server is away. */
  async #restart() {
    for (let started; !started; ) {
      await sleep(RESTART_MS);
      if (!this.#supervised) return;
      const proc = await this.start();
      started = await proc.call('work').then(() => true, () => proc.end());
      proc.isWorker = started;
    }
  }
}
