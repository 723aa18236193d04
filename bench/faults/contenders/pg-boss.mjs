import { PgBoss } from 'pg-boss';
import { CONCURRENCY, told } from './contender.mjs';

const STATES = { created: 'waiting', retry: 'waiting', active: 'running', completed: 'completed', failed: 'failed', cancelled: 'failed' };
/** `useListenNotify` is on, as this package and graphile-worker listen too. */
const POLL = {
  default: {},
  minute: { pollingIntervalSeconds: 60, notifyPollingIntervalSeconds: 60 },
  fast: { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 },
};

/** pg-boss with a listener. */
export default class Boss {
  /** @param {import('./contender.mjs').Options} options */
  constructor(options) {
    this.options = options;
  }

  async setup() {
    const { lease, timeoutSeconds, once, unique } = this.options;
    await (await this.#open()).createQueue('faults', {
      notify: true,
      ...(unique && { policy: 'exclusive' }), // one of a singletonKey, queued or active
      ...(lease === 'ten' && { heartbeatSeconds: 10 }),
      ...(timeoutSeconds && { expireInSeconds: timeoutSeconds }),
      ...(once ? { retryLimit: 0 } : { retryLimit: 3, retryDelay: 1 }),
    });
  }

  async work(run) {
    const options = { localConcurrency: CONCURRENCY, ...POLL[this.options.poll ?? 'fast'] };
    this.working = true;
    await (await this.#open()).work('faults', options, ([job]) => run(job.data, job.signal, job.id));
  }

  async enqueue(payload, key) {
    return (await this.#open()).send('faults', payload, key ? { singletonKey: key } : {});
  }

  async job(id) {
    const [job] = await (await this.#open()).findJobs('faults', { id });
    if (!job) return { state: 'gone' };
    return { state: STATES[job.state], error: job.output?.message ?? job.output?.value?.message ?? JSON.stringify(job.output), result: job.output };
  }

  async counts() {
    const counts = { waiting: 0, running: 0, failed: 0, completed: 0 };
    const { rows } = await (await this.#open()).getDb().executeSql(`SELECT state, count(*)::int AS jobs FROM pgboss.job WHERE name = 'faults' GROUP BY state`);
    for (const { state, jobs } of rows) counts[STATES[state]] += jobs;
    return counts;
  }

  async close() {
    await (await this.boss)?.stop({ timeout: 3_000 });
  }

  #open() {
    return (this.boss ??= this.#start());
  }

  async #start() {
    const { url, lease } = this.options;
    const supervise = lease === 'ten' ? { superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 } : {};
    const worker = this.working ? { useListenNotify: true, ...supervise } : { supervise: false };
    const boss = new PgBoss({ connectionString: url, ...worker });
    boss.on('error', told);
    return boss.start();
  }
}
