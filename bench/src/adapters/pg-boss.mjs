import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { versionIn } from '../package-root.mjs';

const BATCH = 2_000;
const POOL = 32;
/**
 * Its documentation: batches, fetched without a pause while they come back full. Notifications wake
 * a worker at once but slow each insert down, so they are on only where latency is what counts.
 */
const TUNED = {
  throughput: { batchSize: BATCH, burstWhenBatchFull: true, localConcurrency: 2, pollingIntervalSeconds: 0.5 },
  latency: { batchSize: BATCH, burstWhenBatchFull: true },
  /** Fetches one job at a time while there are any, as its default would if it did not rest for 2 s after each. */
  single: { batchSize: 1, burstWhenReadyExceeds: 1, localConcurrency: 10, pollingIntervalSeconds: 0.5 },
};

/** pg-boss. It keeps finished jobs. */
export default class Boss {
  version = versionIn(join(import.meta.dirname, '../../node_modules/pg-boss'));
  /** @type {Promise<PgBoss> | undefined} */
  #boss;
  #pool;

  static async create(options) {
    return new Boss(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    this.options = options;
    this.notify = Boolean(options.tuned && options.goal === 'latency');
    this.workOptions = options.tuned ? TUNED[options.single ? 'single' : (options.goal ?? 'throughput')] : {};
    this.bossOptions = {
      ...(options.tuned && { max: POOL }),
      ...(this.notify && { useListenNotify: true }),
      ...(options.single && { queueCacheIntervalSeconds: 1 }),
    };
    this.settings = { ...this.bossOptions, ...(this.notify && { 'notify of the queue': true }), ...this.workOptions };
  }

  async setup(queues) {
    const boss = await this.#open();
    for (const queue of queues) await boss.createQueue(queue, this.notify ? { notify: true } : {});
  }

  async enqueue(queue, job) {
    await (await this.#open()).send(queue, job);
  }

  async enqueueMany(queue, jobs, delaySeconds) {
    await (await this.#open()).insert(queue, jobs.map((data) => ({ data, ...(delaySeconds && { startAfter: delaySeconds }) })));
  }

  async transact(queue, job, inside) {
    const boss = await this.#open();
    this.#pool ??= new pg.Pool({ connectionString: this.options.url, max: this.options.callers });
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await boss.send(queue, job, { db: { executeSql: (text, values) => client.query(text, values) } });
      await inside();
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  async work(handlers) {
    const boss = await this.#open();
    if (this.options.single) await this.#countReady(boss);
    for (const [queue, { onJob, concurrency }] of Object.entries(handlers)) {
      const options = { ...this.workOptions, ...(concurrency && { batchSize: concurrency }) };
      await boss.work(queue, options, async (jobs) => void (await Promise.all(jobs.map(({ data }) => onJob(data)))));
    }
  }

  async remaining(queue) {
    const { rows } = await (await this.#open()).getDb().executeSql(
      `SELECT count(*)::integer AS jobs FROM pgboss.job WHERE name = $1 AND state < 'completed'`,
      [queue],
    );
    return rows[0].jobs;
  }

  async close() {
    await (await this.#boss)?.stop({ timeout: 5_000 });
    await this.#pool?.end();
  }

  /** It learns how many jobs wait, as it would after a minute or two. */
  async #countReady(boss) {
    await boss.supervise();
    await sleep(1_500);
  }

  #open() {
    return (this.#boss ??= start({ connectionString: this.options.url, ...this.bossOptions }));
  }
}

async function start(options) {
  const boss = new PgBoss(options);
  boss.on('error', () => {});
  await boss.start();
  return boss;
}
