import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { versionIn } from '../package-root.mjs';

/** From the page "Performance" of its documentation, where its own best figures come from. */
const TUNED = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const logger = new Logger(() => () => {});

/** graphile-worker. A job type of it stands for a queue; it deletes jobs when they are done. */
export default class GraphileWorker {
  version = versionIn(join(import.meta.dirname, '../../node_modules/graphile-worker'));
  /** @type {Promise<import('graphile-worker').WorkerUtils> | undefined} */
  #utils;
  #pool;
  #runner;

  static async create(options) {
    return new GraphileWorker(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    this.options = options;
    this.settings = options.tuned ? TUNED : {};
  }

  async setup() {
    await (await this.#open()).migrate();
  }

  async enqueue(queue, job) {
    await (await this.#open()).addJob(queue, job);
  }

  async enqueueMany(queue, jobs, delaySeconds) {
    const runAt = delaySeconds ? new Date(Date.now() + delaySeconds * 1_000) : undefined;
    await (await this.#open()).addJobs(jobs.map((payload) => ({ identifier: queue, payload, runAt })));
  }

  async transact(queue, job, inside) {
    this.#pool ??= new pg.Pool({ connectionString: this.options.url, max: this.options.callers });
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT graphile_worker.add_job($1, payload := $2::json)', [queue, JSON.stringify(job)]);
      await inside();
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  async work(handlers) {
    const concurrentJobs = Math.max(...Object.values(handlers).map(({ concurrency = 0 }) => concurrency));
    const worker = { ...(this.options.tuned && TUNED), ...(concurrentJobs && { concurrentJobs }) };
    const task = ({ onJob }) => async (job) => void (await onJob(job));
    const events = new EventEmitter();
    events.setMaxListeners(0);
    this.#runner = await run({
      preset: { worker: { connectionString: this.options.url, logger, events, ...worker } },
      taskList: Object.fromEntries(Object.entries(handlers).map(([queue, handler]) => [queue, task(handler)])),
      parsedCronItems: [],
      noHandleSignals: true,
    });
  }

  async remaining(queue) {
    return (await this.#open()).withPgClient(async (client) => {
      const { rows } = await client.query('SELECT count(*)::integer AS jobs FROM graphile_worker.jobs WHERE task_identifier = $1', [queue]);
      return rows[0].jobs;
    });
  }

  async close() {
    await this.#runner?.stop();
    await (await this.#utils)?.release();
    await this.#pool?.end();
  }

  #open() {
    return (this.#utils ??= makeWorkerUtils({ connectionString: this.options.url, logger }));
  }
}
