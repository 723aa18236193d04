import { randomUUID } from 'node:crypto';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const BATCH = 500;
/** Half of each page is free and no index mentions `reserved`, so that a reserve writes to no index. */
const TABLE = `
CREATE TABLE floor_jobs (
  run_at timestamptz NOT NULL DEFAULT now(),
  priority smallint NOT NULL DEFAULT 0,
  reserved boolean NOT NULL DEFAULT false,
  id uuid PRIMARY KEY,
  queue text NOT NULL,
  payload jsonb NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX floor_waiting ON floor_jobs (queue, priority, run_at, id)`;
const RESERVE = {
  name: 'reserve',
  text: `
WITH next AS MATERIALIZED (
  SELECT ctid FROM floor_jobs WHERE queue = $1 AND NOT reserved
  ORDER BY priority, run_at, id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
)
UPDATE floor_jobs job SET reserved = true FROM next WHERE job.ctid = next.ctid RETURNING job.ctid, job.id, job.payload`,
};
const DELETE = { name: 'delete', text: 'DELETE FROM floor_jobs WHERE ctid = ANY($1::tid[])' };
const NOTIFY = `SELECT pg_notify('floor_jobs', $1) FROM (SELECT count(*) FROM inserted) AS done`;
const INSERT = {
  unnest: `INSERT INTO floor_jobs (id, queue, payload) SELECT id, $1, payload FROM unnest($2::uuid[], $3::jsonb[]) AS job (id, payload)`,
  json: `INSERT INTO floor_jobs (id, queue, payload) SELECT (job->>0)::uuid, $1, job->1 FROM json_array_elements($2::json) AS job`,
};

/**
 * Hand-written SQL over `pg`, without anything that a queue needs beside it: no leases, no retries,
 * no due times. What a queue could reach at most.
 */
export default class Floor {
  version = '-';
  #stopped = false;
  #loops = [];
  #waiting = [];
  #sending = false;

  static async create(options) {
    return new Floor(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    this.bulk = options.bulk ?? 'unnest';
    this.settings = { batch: BATCH, connections: 2, 'bulk insert by': this.bulk };
    this.pool = new pg.Pool({ connectionString: options.url, max: 2 });
  }

  async setup() {
    await this.pool.query(TABLE);
  }

  /** Calls made while an insert travels share the next one. */
  enqueue(queue, job) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (!this.#sending) void this.#send(queue);
    });
  }

  async enqueueMany(queue, jobs) {
    if (this.bulk === 'copy') return this.#copy(queue, jobs);
    const ids = jobs.map(() => randomUUID());
    const values =
      this.bulk === 'json'
        ? [queue, JSON.stringify(jobs.map((job, index) => [ids[index], job]))]
        : [queue, ids, jobs.map((job) => JSON.stringify(job))];
    const text = `WITH inserted AS (${INSERT[this.bulk]} RETURNING 1) ${NOTIFY}`;
    await this.pool.query({ name: 'insert', text, values });
  }

  async work(handlers) {
    for (const [queue, { onJob }] of Object.entries(handlers)) this.#loops.push(this.#loop(queue, onJob));
  }

  async remaining(queue) {
    const { rows } = await this.pool.query('SELECT count(*)::integer AS jobs FROM floor_jobs WHERE queue = $1', [queue]);
    return rows[0].jobs;
  }

  async close() {
    this.#stopped = true;
    await Promise.all(this.#loops);
    await this.pool.end();
  }

  /** The next batch is fetched while the last one is deleted. */
  async #loop(queue, onJob) {
    let deleted;
    let next = this.#reserve(queue);
    while (!this.#stopped) {
      const { rows } = await next;
      if (rows.length === 0) break;
      next = this.#reserve(queue);
      await Promise.all(rows.map(async (row) => onJob(row.payload)));
      await deleted;
      deleted = this.pool.query({ ...DELETE, values: [rows.map((row) => row.ctid)] });
    }
    await Promise.all([next, deleted]);
  }

  #reserve(queue) {
    return this.pool.query({ ...RESERVE, values: [queue] });
  }

  async #send(queue) {
    this.#sending = true;
    await Promise.resolve(); // what is called in the same turn travels together
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0);
      await this.enqueueMany(queue, calls.map(({ job }) => job)).then(
        () => calls.forEach(({ resolve }) => resolve()),
        (error) => calls.forEach(({ reject }) => reject(error)),
      );
    }
    this.#sending = false;
  }

  async #copy(queue, jobs) {
    const client = await this.pool.connect();
    const stream = client.query(copyFrom('COPY floor_jobs (id, queue, payload) FROM STDIN'));
    stream.end(jobs.map((job) => `${randomUUID()}\t${queue}\t${JSON.stringify(job).replaceAll('\\', '\\\\')}\n`).join(''));
    await finished(stream);
    client.release();
  }
}
