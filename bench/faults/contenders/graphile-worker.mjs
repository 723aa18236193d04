import { Logger, makeWorkerUtils, run as runWorker } from 'graphile-worker';
import { CONCURRENCY, tell, told } from './contender.mjs';

const logger = new Logger(() => (level, message) => {
  if (level === 'error') told(message);
});

/** graphile-worker. It deletes jobs when they are done, and unlocks them after four hours at the earliest. */
export default class GraphileWorker {
  /** @param {import('./contender.mjs').Options} options */
  constructor(options) {
    this.options = options;
  }

  async setup() {
    await (await this.#open()).migrate();
  }

  async work(run) {
    const { url, poll } = this.options;
    const runner = await runWorker({
      preset: { worker: { connectionString: url, logger, concurrentJobs: CONCURRENCY, ...(poll === 'minute' && { pollInterval: 60_000 }) } },
      taskList: { work: (payload, { abortSignal, job }) => run(payload, abortSignal, job.id) },
      parsedCronItems: [],
    });
    // Its documentation: wait for this, and exit when it rejects.
    runner.promise.then(
      () => this.#over('runner.promise resolved', 0),
      (error) => this.#over(`runner.promise rejected: ${error.message}`, 1),
    );
  }

  async enqueue(payload, key) {
    const spec = { ...(this.options.once && { maxAttempts: 1 }), ...(key && { jobKey: key }) };
    return (await (await this.#open()).addJob('work', payload, spec)).id;
  }

  async job(id) {
    const [job] = await this.#query('SELECT * FROM graphile_worker.jobs WHERE id = $1', [id]);
    if (!job) return { state: 'gone' };
    const state = job.locked_at ? 'running' : job.attempts >= job.max_attempts ? 'failed' : 'waiting';
    return { state, error: job.last_error ?? undefined };
  }

  async counts() {
    const [counts] = await this.#query(`SELECT
      count(*) FILTER (WHERE locked_at IS NOT NULL)::int AS running,
      count(*) FILTER (WHERE locked_at IS NULL AND attempts >= max_attempts)::int AS failed,
      count(*) FILTER (WHERE locked_at IS NULL AND attempts < max_attempts)::int AS waiting
      FROM graphile_worker.jobs`);
    return counts;
  }

  async unlock() {
    const rows = await this.#query('SELECT DISTINCT locked_by FROM graphile_worker.jobs WHERE locked_by IS NOT NULL');
    await (await this.#open()).forceUnlockWorkers(rows.map((row) => row.locked_by));
  }

  async close() {
    await (await this.utils)?.release();
  }

  async #query(text, values) {
    return (await this.#open()).withPgClient(async (client) => (await client.query(text, values)).rows);
  }

  #over(message, code) {
    tell('over', { message });
    process.exit(code);
  }

  #open() {
    return (this.utils ??= makeWorkerUtils({ connectionString: this.options.url, logger }));
  }
}
