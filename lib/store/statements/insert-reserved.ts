import type { Statement, StatementNames } from '../statement.js';

/**
 * Stores new jobs of one queue as already reserved by process $2, which has just promised to run them:
 * $1 a JSON array of rows, $3 the queue's suspension keys.
 *
 * Where the queue is suspended or the process's lease is gone, the jobs are stored as available like
 * any others. A process that dies, or never hears of the commit, holds them by its lease like jobs
 * that it reserved. Indexes: jobs_pkey, job_instances_pkey, job_configs_pkey.
 */
export const insertReserved = ({ schema }: StatementNames): Statement => ({
  name: 'nq_insert_reserved',
  text: `
WITH gate AS MATERIALIZED (
  SELECT EXISTS (SELECT FROM ${schema}.job_instances WHERE id = $2::uuid AND expires_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM ${schema}.job_configs WHERE key = ANY ($3::text[]) AND value = 'true') AS open
)
INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, options, notify,
  reserved_by, reserved_at, reservation, attempt)
SELECT r.id, r.queue, r.name, COALESCE(r.payload, 'null'), r.priority, r.options, NOT gate.open AND r.notify = 1,
  CASE WHEN gate.open THEN $2::uuid END,
  CASE WHEN gate.open THEN statement_timestamp() END, gate.open::int, gate.open::int
FROM gate, json_to_recordset($1::json) AS r (id uuid, queue text, name text, payload jsonb, priority smallint,
  options jsonb, notify int)
ON CONFLICT (id) DO NOTHING
RETURNING id, state, enqueued_at, reserved_at`,
});
