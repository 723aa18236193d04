import { Queue, Worker } from 'bullmq';
import { CONCURRENCY, told } from './contender.mjs';

const STATES = { waiting: 'waiting', delayed: 'waiting', prioritized: 'waiting', active: 'running', completed: 'completed', failed: 'failed', unknown: 'gone' };

/** BullMQ on Redis, which is what @nestjs/bullmq wraps. */
export default class BullMq {
  /** @param {import('./contender.mjs').Options} options */
  constructor(options) {
    this.options = options;
    this.queue = new Queue('faults', { connection: options.redis });
    this.queue.on('error', told);
  }

  async setup() {
    await this.queue.waitUntilReady();
  }

  async work(run) {
    const { redis, lease, poll } = this.options;
    this.worker = new Worker('faults', (job, _token, signal) => run(job.data, signal, job.id), {
      connection: { ...redis, maxRetriesPerRequest: null },
      concurrency: CONCURRENCY,
      ...(lease === 'ten' && { lockDuration: 10_000, stalledInterval: 10_000 }),
      ...(poll === 'minute' && { drainDelay: 60 }),
    });
    this.worker.on('error', told);
    await this.worker.waitUntilReady();
  }

  async enqueue(payload, key) {
    const attempts = this.options.once ? 1 : 4;
    return (await this.queue.add('work', payload, { attempts, backoff: 1_000, ...(key && { jobId: key }) })).id;
  }

  async job(id) {
    const [job, state] = await Promise.all([this.queue.getJob(id), this.queue.getJobState(id)]);
    return { state: STATES[state], error: job?.failedReason, result: job?.returnvalue };
  }

  async counts() {
    const { waiting, delayed, prioritized, active, failed, completed } = await this.queue.getJobCounts();
    return { waiting: waiting + delayed + prioritized, running: active, failed, completed };
  }

  async close() {
    await this.worker?.close();
    await this.queue.close();
  }
}
