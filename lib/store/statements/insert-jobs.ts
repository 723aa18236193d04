import type { Statement, StatementNames } from '../statement.js';

/**
 * New jobs as arrays, where null is an array of nulls: $1 ids, $2 payloads, $3 whether the row notifies,
 * $4 queues and $5 names (null is the one in $6 and $7), $8 priorities (0), $9 options, $10 delays in ms
 * (none), $11 due times in ms since 1970 (none).
 */
const NEW_JOBS = `(
  SELECT id, COALESCE(queue, $6) AS queue, COALESCE(name, $7) AS name, payload::pg_catalog.jsonb AS payload,
    COALESCE(priority, 0)::smallint AS priority, options::pg_catalog.jsonb AS options, notify OPERATOR(pg_catalog.=) 1 AS notify,
    CASE WHEN run_at_ms IS NOT NULL THEN pg_catalog.to_timestamp(run_at_ms OPERATOR(pg_catalog./) 1000)
      WHEN delay_ms OPERATOR(pg_catalog.>) 0 THEN pg_catalog.statement_timestamp()
        OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => delay_ms OPERATOR(pg_catalog./) 1000) END AS due
  FROM unnest($1::pg_catalog.uuid[], $2::pg_catalog.text[], $3::int[], $4::pg_catalog.text[], $5::pg_catalog.text[], $8::int[],
      $9::pg_catalog.text[], $10::pg_catalog.float8[], $11::pg_catalog.float8[])
    AS n (id, payload, notify, queue, name, priority, options, delay_ms, run_at_ms)
) r`;

/**
 * Stores new jobs under ids that were made here and are used once. Also runs in the caller's own transaction.
 * The first due row of each queue carries `notify`, which fires the deferred trigger once for the queue.
 */
export const insertJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_jobs',
  text: `
INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, options, notify, run_at, due_at)
SELECT id, queue, name, payload, priority, options, notify, COALESCE(due, pg_catalog.statement_timestamp()),
  CASE WHEN due OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp() THEN due END
FROM ${NEW_JOBS}`,
});

/**
 * The same for ids that callers chose themselves: one that exists, live or in the history, is passed over, so a
 * repeated call stores nothing. Costs half as much again. Indexes: jobs_pkey, job_history_pkey.
 * Concurrency: a job of that id may finish between this statement's snapshot and the moment when the key is free.
 * So what was stored is looked for in the history again, by a function, whose snapshot is newer. At repeatable read
 * it is not, and what has finished since that transaction began is not seen.
 */
export const insertJobsOnce = (names: StatementNames): Statement => ({
  name: 'nq_insert_jobs_once',
  text: `
WITH stored AS (${insertJobs(names).text}
-- OFFSET keeps the probe from becoming a join that reads the whole history.
WHERE NOT EXISTS (SELECT FROM ${names.schema}.job_history h WHERE h.id OPERATOR(pg_catalog.=) r.id OFFSET 0)
ON CONFLICT (id) DO NOTHING RETURNING id)
SELECT ${names.schema}.take_back_repeated(pg_catalog.array_agg(id)) FROM stored HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0`,
});

/**
 * Stores new jobs of one queue as already reserved by process $12, which has just promised to run them:
 * $13 the queue's suspension keys.
 *
 * Where the queue is suspended or the process's lease is gone, the jobs are stored as available like
 * any others. A process that dies, or never hears of the commit, holds them by its lease like jobs
 * that it reserved. Indexes: job_instances_pkey, job_configs_pkey.
 */
export const insertReserved = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_reserved',
  text: `
INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, options, notify, reserved_by, reserved_at, reservation, attempt)
SELECT r.id, r.queue, r.name, r.payload, r.priority, r.options, holder.id IS NULL AND r.notify, holder.id,
  CASE WHEN holder.id IS NOT NULL THEN statement_timestamp() END, (holder.id IS NOT NULL)::int, (holder.id IS NOT NULL)::int
FROM ${NEW_JOBS} LEFT JOIN (
  SELECT i.id FROM ${schema}.job_instances i
  WHERE i.id = $12::uuid AND i.expires_at > clock_timestamp()
    AND NOT EXISTS (SELECT FROM ${schema}.job_configs c WHERE c.key = ANY ($13::text[]) AND c.value = 'true')
) holder ON true
RETURNING id, (reserved_by IS NOT NULL)::int AS reserved, enqueued_at`,
});
