import { join } from 'node:path';
import { versionIn } from '../package-root.mjs';

/** BullMQ, on whatever its connection leads to. A Worker and a Queue for each queue. */
export class BullMq {
  version = versionIn(join(import.meta.dirname, '../../node_modules/bullmq'));
  #queues = new Map();
  #workers = [];

  /**
   * @param {import('./adapter.mjs').AdapterOptions} options
   * @param {{ Queue: any, Worker: any }} classes
   * @param {{ producer: object, worker: object }} connections
   * @param {object} tuned what a tuned Worker is given
   */
  constructor(options, { Queue, Worker }, connections, tuned) {
    this.Queue = Queue;
    this.Worker = Worker;
    this.connections = connections;
    this.workerOptions = options.tuned ? tuned : {};
    this.settings = this.workerOptions;
  }

  async setup(queues) {
    for (const name of queues) await this.#queue(name).waitUntilReady();
  }

  async enqueue(name, job) {
    await this.#queue(name).add('job', job);
  }

  async enqueueMany(name, jobs, delaySeconds) {
    const opts = delaySeconds ? { delay: delaySeconds * 1_000 } : {};
    await this.#queue(name).addBulk(jobs.map((data) => ({ name: 'job', data, opts })));
  }

  async work(handlers) {
    for (const [name, { onJob, concurrency }] of Object.entries(handlers)) {
      const options = { ...this.workerOptions, ...(concurrency && { concurrency }), connection: this.connections.worker };
      const worker = new this.Worker(name, async (job) => void (await onJob(job.data)), options);
      worker.on('error', () => {});
      this.#workers.push(worker);
      await worker.waitUntilReady();
    }
  }

  async remaining(name) {
    const counts = await this.#queue(name).getJobCounts('waiting', 'active', 'prioritized', 'delayed');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }

  async close() {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  #queue(name) {
    if (!this.#queues.has(name)) {
      const queue = new this.Queue(name, { connection: this.connections.producer });
      queue.on('error', () => {});
      this.#queues.set(name, queue);
    }
    return this.#queues.get(name);
  }
}
