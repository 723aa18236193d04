import { Queue, Worker } from 'bullmq';
import { BullMq } from './bullmq.mjs';

/** Its documentation: a concurrency of 100 to 300 for jobs that wait for others, and no finished jobs kept. */
const TUNED = { concurrency: 300, removeOnComplete: { count: 0 } };

/** BullMQ on Redis. */
export default class BullMqRedis extends BullMq {
  static async create(options) {
    return new BullMqRedis(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    const producer = options.redis;
    super(options, { Queue, Worker }, { producer, worker: { ...options.redis, maxRetriesPerRequest: null } }, TUNED);
  }
}
