import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import pg from 'pg';
import { BullMq } from './bullmq.mjs';

/** Its documentation: as many connections as the concurrency, and no finished jobs kept. More than these gained nothing. */
const TUNED = { concurrency: 32, removeOnComplete: { count: 0 } };

/** BullMQ on PostgreSQL. */
export default class BullMqPostgres extends BullMq {
  static async create(options) {
    return new BullMqPostgres(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    const producer = { connectionString: options.url };
    const worker = { ...producer, ...(options.tuned && { max: TUNED.concurrency }) };
    super(options, withBackend(createPostgresBackend), { producer, worker }, TUNED);
    this.url = options.url;
    if (options.tuned) this.settings = { ...this.settings, 'connection.max of workers': TUNED.concurrency };
  }

  async setup(queues) {
    const pool = new pg.Pool({ connectionString: this.url });
    const client = await pool.connect();
    await runMigrations(client);
    client.release();
    await pool.end();
    await super.setup(queues);
  }
}
