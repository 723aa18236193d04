import { fromNow, type Statement, type StatementNames } from '../statement.js';
import { HISTORY_FROM_JOB } from './history-columns.js';

/** The processes that hold jobs: one index probe each, whatever the number of jobs. */
const holders = (schema: string): string => `
RECURSIVE holders (id) AS (
  (SELECT reserved_by FROM ${schema}.jobs WHERE state = 'reserved' ORDER BY reserved_by LIMIT 1)
  UNION ALL
  SELECT (
    SELECT j.reserved_by FROM ${schema}.jobs j
    WHERE j.state = 'reserved' AND j.reserved_by > h.id ORDER BY j.reserved_by LIMIT 1
  ) FROM holders h WHERE h.id IS NOT NULL
), dead AS MATERIALIZED (
  SELECT h.id FROM holders h WHERE h.id IS NOT NULL AND NOT EXISTS (
    SELECT FROM ${schema}.job_instances i WHERE i.id = h.id AND i.expires_at > clock_timestamp()
  )
)`;

/**
 * Takes the jobs of dead processes: back to wait in their place with their attempt, or to the
 * history when their cancellation was requested or they have killed too many processes.
 * $1 crashes allowed, $2 queues and $3 milliseconds to keep an abandoned job in each, $4 the default
 * of that, $5 ids to leave alone, $6 the only id to look at, or null.
 *
 * Index: jobs_reserved_idx. Concurrency: a lease that ran out is never renewed, so a dead process
 * stays dead; rows that another sweep or a late settlement has locked are skipped.
 */
export const rescue = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_rescue',
  text: `
WITH ${holders(schema)}, stray AS MATERIALIZED (
  SELECT s.row, s.id,
    CASE WHEN s.cancel_requested THEN 'cancelled' WHEN s.crashes + 1 >= $1::int THEN 'abandoned' ELSE 'available' END AS state
  FROM dead CROSS JOIN LATERAL (
    SELECT j.ctid AS row, j.id, j.cancel_requested, j.crashes FROM ${schema}.jobs j
    WHERE j.state = 'reserved' AND j.reserved_by = dead.id AND j.id <> ALL ($5::uuid[])
      AND ($6::uuid IS NULL OR j.id = $6::uuid)
    LIMIT 1000 FOR UPDATE SKIP LOCKED
  ) s
), back AS (
  UPDATE ${schema}.jobs j
  SET state = 'available', reserved_by = NULL, reserved_at = NULL, retry_at = NULL,
    crashes = j.crashes + 1, attempt = greatest(j.attempt - 1, 0)
  FROM stray s
  WHERE j.ctid = ANY (ARRAY(SELECT row FROM stray)) AND j.id = s.id AND s.state = 'available'
  RETURNING j.id, j.queue, j.name
), woken AS MATERIALIZED (
  SELECT count(${schema}.wake_queue(q.queue)) FROM (SELECT DISTINCT queue FROM back) q
), gone AS (
  DELETE FROM ${schema}.jobs j USING stray s
  WHERE j.ctid = ANY (ARRAY(SELECT row FROM stray)) AND j.id = s.id AND s.state <> 'available'
  RETURNING j.*, s.state AS final
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB.replace('crashes', 'crashes + 1')}, progress, final,
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
), forgotten AS (
  DELETE FROM ${schema}.job_instances WHERE expires_at < clock_timestamp() - interval '1 minute'
)
SELECT r.id::text AS id, r.queue, r.name, r.state FROM (
  SELECT id, queue, name, 'available' AS state FROM back UNION ALL SELECT id, queue, name, final FROM gone
) r, woken, told`,
});

/** Ids of jobs held by dead processes, for taking them one by one when the batch fails. Index: jobs_reserved_idx. */
export const strays = ({ schema }: StatementNames): Statement => ({
  name: 'nq_strays',
  text: `
WITH ${holders(schema)}
SELECT s.id::text AS id FROM dead CROSS JOIN LATERAL (
  SELECT j.id FROM ${schema}.jobs j WHERE j.state = 'reserved' AND j.reserved_by = dead.id LIMIT 1000
) s LIMIT 1000`,
});
