import { fromNow, type Statement, type StatementNames } from '../statement.js';
import { leaveGroups } from './leave-groups.js';
import { HISTORY_FROM_JOB } from './history-columns.js';

/**
 * Takes the jobs of dead processes: back to wait in their place with their attempt, or to the
 * history when their cancellation was requested or they have killed too many processes.
 * $1 crashes allowed, $2 queues and $3 milliseconds to keep an abandoned job in each, $4 the default
 * of that, $5 ids to look at.
 *
 * Index: jobs_pkey. Concurrency: a lease that ran out is never renewed, so a dead process
 * stays dead; rows that another sweep or a late settlement has locked are skipped.
 */
export const rescue = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_rescue',
  text: `
WITH stray AS MATERIALIZED (
  SELECT j.ctid AS row, j.id,
    CASE WHEN j.cancel_requested THEN 'cancelled' WHEN j.crashes + 1 >= $1::int THEN 'abandoned' ELSE 'available' END AS final
  FROM ${schema}.jobs j
  WHERE j.id = ANY ($5::uuid[]) AND j.reserved_by IS NOT NULL AND NOT EXISTS (
    SELECT FROM ${schema}.job_instances i WHERE i.id = j.reserved_by AND i.expires_at > clock_timestamp()
  )
  FOR UPDATE OF j SKIP LOCKED
), back AS (
  UPDATE ${schema}.jobs j
  SET reserved_by = NULL, reserved_at = NULL, due_at = NULL, retry_at = NULL, crashes = j.crashes + 1, attempt = greatest(j.attempt - 1, 0),
    slot = CASE WHEN j.slot IS NOT NULL THEN false END
  FROM stray s
  WHERE j.ctid = ANY (ARRAY(SELECT row FROM stray)) AND j.id = s.id AND s.final = 'available'
  RETURNING j.id, j.queue, j.name
), woken AS MATERIALIZED (
  SELECT count(${schema}.wake_queue(q.queue)) FROM (SELECT DISTINCT queue FROM back) q
), gone AS (
  DELETE FROM ${schema}.jobs j USING stray s
  WHERE j.ctid = ANY (ARRAY(SELECT row FROM stray)) AND j.id = s.id AND s.final <> 'available'
  RETURNING j.*, s.final
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB.replace('crashes', 'least(crashes, 32766) + 1')}, progress, final,
    CASE WHEN final = 'cancelled' THEN failure ELSE jsonb_build_object('name', 'WorkerLostError', 'code', 'WORKER_LOST',
      'message', 'Its process died or lost its lease during the run, ' || (crashes + 1) || ' times') END,
    statement_timestamp(), ${fromNow('COALESCE(k.keep_ms, 3600000)')}
  FROM gone g CROSS JOIN LATERAL (
    SELECT CASE WHEN g.queue = ANY ($2::text[]) THEN ($3::float8[])[array_position($2::text[], g.queue)]
      ELSE $4::float8 END AS keep_ms
  ) k
  WHERE k.keep_ms IS NOT NULL OR g.watched
), told AS MATERIALIZED (
  SELECT count(pg_notify(${channels.signals}, g.id::text)) FROM gone g WHERE g.watched
), passed AS MATERIALIZED (
  SELECT ${leaveGroups(schema, 'gone')} AS groups
)
SELECT r.id::text AS id, r.queue, r.name, r.state FROM (
  SELECT id, queue, name, 'available' AS state FROM back UNION ALL SELECT id, queue, name, final FROM gone
) r, woken, told, passed`,
});
