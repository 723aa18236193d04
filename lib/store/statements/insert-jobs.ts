import type { Statement, StatementNames } from '../statement.js';

/**
 * Stores new jobs. $1: a JSON array of rows. Also runs in the caller's own transaction.
 *
 * The first due row of each queue carries `notify`, which fires the deferred trigger once for the
 * queue. An id that exists, live or in the history, is passed over: a repeated call stores nothing.
 */
export const insertJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_jobs',
  text: `
INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, options, notify, run_at, due_at)
SELECT id, queue, name, COALESCE(payload, 'null'), priority, options, notify, COALESCE(due, statement_timestamp()),
  CASE WHEN due > statement_timestamp() THEN due END
FROM (
  SELECT id, queue, name, payload, COALESCE(priority, 0) AS priority, options, COALESCE(notify, 0) = 1 AS notify,
    COALESCE(to_timestamp(run_at_ms / 1000), statement_timestamp() + make_interval(secs => delay_ms / 1000)) AS due
  FROM json_to_recordset($1::json) AS r (id uuid, queue text, name text, payload jsonb, priority smallint,
    options jsonb, notify int, delay_ms float8, run_at_ms float8)
) r
ON CONFLICT (id) DO NOTHING`,
});

/**
 * The same for ids that callers chose themselves, which may stand in the history already.
 * Index: job_history_pkey.
 */
export const insertJobsOnce = (names: StatementNames): Statement => ({
  name: 'nq_insert_jobs_once',
  text: insertJobs(names).text.replace(
    ') r\nON CONFLICT',
    // A function, since a text would have its dollar signs read; OFFSET keeps the probe from becoming a join that reads the whole history.
    () => `) r\nWHERE NOT EXISTS (SELECT FROM ${names.schema}.job_history h WHERE h.id = r.id OFFSET 0)\nON CONFLICT`,
  ),
});
