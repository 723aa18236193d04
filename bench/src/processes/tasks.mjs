import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../clock.mjs';
import { deferred } from '../deferred.mjs';
import { payload, payloads } from '../payload.mjs';
import { PlainTable } from './plain-table.mjs';
import { Tally } from './tally.mjs';

const FILL_BATCH = 1_000;
const WARM_UP_MS = 500;

/** Everything that a process of a contender can be told to do. */
export class Tasks {
  /**
   * @param {import('../adapters/adapter.mjs').Adapter} adapter
   * @param {{ url?: string }} options
   * @param {(jobs: number) => void} report
   */
  constructor(adapter, options, report) {
    this.adapter = adapter;
    this.url = options.url;
    this.tally = new Tally(report);
    this.holding = 0;
    /** Lets the handlers that wait go. */
    this.released = deferred();
  }

  get about() {
    const { version, settings } = this.adapter;
    return { version, settings };
  }

  /** Creates the tables. */
  async setup({ queues }) {
    await this.adapter.setup(queues);
  }

  /** Puts jobs into a queue, in large batches. */
  async fill({ queue, jobs, delaySeconds, grouped }) {
    for (let done = 0; done < jobs; done += FILL_BATCH) {
      await this.adapter.enqueueMany(queue, payloads(Math.min(FILL_BATCH, jobs - done), done), delaySeconds, grouped);
    }
  }

  async blockGroups({ queue, jobs }) {
    await this.adapter.blockGroups(queue, jobs);
  }

  async fillHistory({ jobs }) {
    await this.adapter.fillHistory(jobs);
  }

  /**
   * Runs the jobs of these queues by handlers that do nothing but count, and those of another queue
   * by handlers that wait until `close`, so many at once. With `gate` all wait until `open`.
   */
  async work({ queues, record = 'nothing', hold, gate = false }) {
    this.tally.record = record;
    if (gate) this.tally.close();
    const handlers = Object.fromEntries(queues.map((queue) => [queue, { onJob: (job) => this.tally.count(job) }]));
    if (hold) handlers[hold.queue] = { onJob: () => (this.holding++, this.released.promise), concurrency: hold.jobs };
    await this.adapter.work(handlers);
  }

  open() {
    return this.tally.open();
  }

  /** How many handlers of `hold` wait. */
  held() {
    return this.holding;
  }

  async suspend({ queue }) {
    await this.adapter.suspend(queue);
  }

  async resume({ queue }) {
    await this.adapter.resume(queue);
  }

  /** What the handlers have seen so far. */
  seen() {
    return this.tally.summary();
  }

  remaining({ queue }) {
    return this.adapter.remaining(queue);
  }

  cpu() {
    return process.cpuUsage();
  }

  /** Calls `enqueue` from so many callers, each of which waits for its answer before the next call. */
  async enqueue({ queue, inFlight, seconds }) {
    let calls = 0;
    const repeat = (until) => async () => {
      while (now() < until) await this.adapter.enqueue(queue, payload(calls++));
    };
    return this.#timed(seconds, (until) => inParallel(inFlight, repeat(until)), () => calls);
  }

  async enqueueMany({ queue, size, seconds }) {
    let jobs = 0;
    return this.#timed(
      seconds,
      async (until) => {
        for (; now() < until; jobs += size) await this.adapter.enqueueMany(queue, payloads(size, jobs));
      },
      () => jobs,
    );
  }

  /**
   * Enqueues from so many callers, each time in a transaction of the caller's own. With `paced` they
   * rest between transactions, and some of these stay open for a while after the insert.
   */
  async transact({ queue, callers, seconds, paced = false }) {
    let calls = 0;
    const committed = [];
    const repeat = (until) => async () => {
      while (now() < until) {
        if (paced) await sleep(Math.random() * 100);
        const n = calls++;
        await this.adapter.transact(queue, payload(n), async () => {
          if (paced && n % 2) await sleep(Math.random() * 50);
        });
        committed.push([n, now()]);
      }
    };
    const result = await this.#timed(seconds, (until) => inParallel(callers, repeat(until)), () => committed.length);
    return { ...result, committed: committed.slice(-result.jobs) };
  }

  /** Enqueues lone jobs; between them, where there is a database, times the insert of a row of the same size. */
  async latency({ queue, samples, gapMs, warmUp }) {
    const table = this.url ? await PlainTable.create(this.url) : undefined;
    const inserts = [];
    for (let n = 0; n < warmUp + samples; n++) {
      if (table) {
        const startedAt = now();
        await table.insert(payload(n, startedAt));
        if (n >= warmUp) inserts.push(now() - startedAt);
        await sleep(gapMs);
      }
      await this.adapter.enqueue(queue, payload(n - warmUp, now()));
      await sleep(gapMs);
    }
    await table?.close();
    return { inserts };
  }

  async close() {
    this.released.resolve();
    this.tally.stop();
    await this.adapter.close();
  }

  async #timed(seconds, work, count) {
    await work(now() + WARM_UP_MS);
    const before = count();
    const cpu = process.cpuUsage();
    const startedAt = now();
    await work(startedAt + seconds * 1_000);
    const ms = now() - startedAt;
    return { jobs: count() - before, all: count(), ms, cpu: process.cpuUsage(cpu) };
  }
}

async function inParallel(callers, work) {
  await Promise.all(Array.from({ length: callers }, work));
}
