import type { Statement, StatementNames } from '../statement.js';

/**
 * New jobs as arrays, where null is an array of nulls: $1 ids, $2 payloads, $3 whether the row notifies,
 * $4 queues and $5 names (null is the one in $6 and $7), $8 priorities (0), $9 options, $10 delays in ms
 * (none), $11 due times in ms since 1970 (none), $12 groups (none), $13 whether a job waits behind another one of its group
 * that is stored with it (no).
 */
const NEW_JOBS = `(
  SELECT id, COALESCE(queue, $6) AS queue, COALESCE(name, $7) AS name, payload::pg_catalog.jsonb AS payload,
    COALESCE(priority, 0)::smallint AS priority, options::pg_catalog.jsonb AS options, notify OPERATOR(pg_catalog.=) 1 AS notify,
    group_key, COALESCE(blocked OPERATOR(pg_catalog.=) 1, false) AS blocked,
    CASE WHEN run_at_ms IS NOT NULL THEN pg_catalog.to_timestamp(run_at_ms OPERATOR(pg_catalog./) 1000)
      WHEN delay_ms OPERATOR(pg_catalog.>) 0 THEN pg_catalog.statement_timestamp()
        OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => delay_ms OPERATOR(pg_catalog./) 1000) END AS due
  FROM unnest($1::pg_catalog.uuid[], $2::pg_catalog.text[], $3::int[], $4::pg_catalog.text[], $5::pg_catalog.text[], $8::int[],
      $9::pg_catalog.text[], $10::pg_catalog.float8[], $11::pg_catalog.float8[], $12::pg_catalog.text[], $13::int[])
    AS n (id, payload, notify, queue, name, priority, options, delay_ms, run_at_ms, group_key, blocked)
) r`;

/**
 * Stores new jobs under ids that were made here and are used once. Also runs in the caller's own transaction.
 * The first due row of each queue carries `notify`, which fires the deferred trigger once for the queue.
 */
export const insertJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_jobs',
  text: `
INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, options, notify, group_key, blocked, run_at, due_at)
SELECT id, queue, name, payload, priority, options, notify, group_key, blocked, COALESCE(due, pg_catalog.statement_timestamp()),
  CASE WHEN blocked THEN 'infinity' WHEN due OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp() THEN due END
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
 * Stores new jobs that have unique keys: $14 keys, where null is none; $15 for how many ms each is to be unique, null until it
 * starts or finishes; $16 what happens on a conflict. Answers the id of the job that there is now, and how that came
 * about. Indexes: jobs_unique_idx, job_keys_pkey. Concurrency: keys are taken in order, and one that another transaction
 * is about to store is waited for.
 */
export const insertUnique = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_unique',
  text: `
WITH fresh AS MATERIALIZED (
  SELECT r.*, u.key, u.for_ms, CASE WHEN u.for_ms IS NOT NULL THEN ${schema}.unique_claim(u.key, r.id, u.for_ms) ELSE r.id END AS holder
  FROM ${NEW_JOBS} JOIN unnest($1::pg_catalog.uuid[], $14::pg_catalog.text[], $15::pg_catalog.float8[]) 
    WITH ORDINALITY AS u (id, key, for_ms, place) ON u.id OPERATOR(pg_catalog.=) r.id
  ORDER BY u.key, u.place
), stored AS (
  INSERT INTO ${schema}.jobs AS j (id, queue, name, payload, priority, options, notify, group_key, run_at, due_at, unique_key)
  SELECT id, queue, name, payload, priority, options, true, group_key, COALESCE(due, pg_catalog.statement_timestamp()),
    CASE WHEN due OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp() THEN due END, CASE WHEN for_ms IS NULL THEN key END
  FROM fresh WHERE holder OPERATOR(pg_catalog.=) id
  ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING RETURNING j.id
)
SELECT f.id AS asked, COALESCE(s.id, c.id)::pg_catalog.text AS id, COALESCE(c.outcome, 'created') AS outcome
FROM fresh f LEFT JOIN stored s ON s.id OPERATOR(pg_catalog.=) f.id LEFT JOIN LATERAL (SELECT * FROM ${schema}.unique_conflict(
  f.id, f.key, $16::pg_catalog.text, CASE WHEN f.for_ms IS NOT NULL THEN f.holder END, f.queue, f.name, f.payload, f.options, f.priority, f.due, f.group_key
) WHERE s.id IS NULL) c ON true`,
});

/**
 * Stores new jobs of one queue as already reserved by process $14, which has just promised to run them:
 * $15 the queue's suspension keys. They have no groups.
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
  WHERE i.id = $14::uuid AND i.expires_at > clock_timestamp()
    AND NOT EXISTS (SELECT FROM ${schema}.job_configs c WHERE c.key = ANY ($15::text[]) AND c.value = 'true')
) holder ON true
RETURNING id, (reserved_by IS NOT NULL)::int AS reserved, enqueued_at`,
});
