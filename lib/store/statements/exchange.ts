import { fromNow, type Statement, type StatementNames } from '../statement.js';
import { HISTORY_FROM_JOB } from './history-columns.js';

/**
 * Settles a batch of finished jobs and reserves the next batch of the same queue: the hot statement.
 *
 * $1 queue, $2 limit, $3 instance, $4 names with a handler, $5 suspension keys;
 * finishes as arrays: $6 ids, $7 reservations, $8 states, $9 results, $10 failures, $11 progress values
 * that were not stored yet, where null is an array of nulls, of which a state stands for 'completed';
 * $12 milliseconds to keep a completed, an abandoned, a cancelled job;
 * $13 to $15 the place to start at: priority, due time and id of the last job that was reserved; $16 the policy of the queue's
 * groups as JSON. Where the queue has a rate: $17 tokens a second, $18 the burst.
 *
 * The first row tells of the settlement and of the place, each other row of a job, in order, with `run_at` where it was
 * not due at once. `seen` is how many the reserve looked at, of which some may have become blocked; `pulled` how many blocked
 * jobs may run now; `wait_ms` when there is a token again.
 *
 * Indexes: jobs_pkey for the finishes, jobs_available_idx for the reserve: no sort, and of live jobs it passes
 * over only what runs at this moment or has no handler here. Neither is written to.
 *
 * Concurrency: a finish deletes only the row whose reservation it holds; the reserve skips locked rows and
 * never waits for one; it goes by ctid, as an array, because that is the one join that no plan turns into
 * a scan of the table. The reserve is made to depend on the delete, so that the delete always comes first:
 * in free order 32 connections deadlocked. A row that was changed since the snapshot is locked in its newest version, which no
 * ctid finds: it waits for the next reserve, and must not ask for a slot of its group. Starting at a place spares the scan of the dead entries before
 * it, which a long transaction elsewhere keeps alive; the caller must start from the beginning now and
 * then. No number in a row, whoever wrote it, makes the reserve fail, and a reservation is one that JavaScript can tell
 * from the next. A suspended queue, or a process whose row is gone from `job_instances`, reserves nothing.
 */
export const exchange = (names: StatementNames): Statement => ({ name: 'nq_exchange', text: exchangeText(names, '$2', 'NULL::float8') });

/** The same for a queue with a rate: reserves no more than there are tokens. */
export const exchangeRated = (names: StatementNames): Statement => ({
  name: 'nq_exchange_rated',
  text: exchangeText(
    names,
    `(SELECT ${names.schema}.rate_take($1, $2::int, $17::float8, $18::int))`,
    `${names.schema}.rate_left($1, (SELECT count(*) FROM taken)::int)`,
  ),
});

const exchangeText = ({ schema, channels }: StatementNames, limit: string, waitMs: string): string => `
WITH finish AS MATERIALIZED (
  SELECT id, reservation, COALESCE(state, 'completed') AS outcome, result, failure AS problem, progress AS last_progress,
    CASE state WHEN 'abandoned' THEN ($12::float8[])[2] WHEN 'cancelled' THEN ($12::float8[])[3] ELSE ($12::float8[])[1] END AS keep_ms
  FROM unnest($6::uuid[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[])
    AS f (id, reservation, state, result, failure, progress)
), gone AS (
  DELETE FROM ${schema}.jobs j USING finish f
  WHERE j.id = ANY ($6::uuid[]) AND j.id = f.id AND j.reservation = f.reservation AND j.reserved_by = $3::uuid
  RETURNING j.*, f.outcome, f.result, f.problem, f.last_progress, f.keep_ms
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, result, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB}, COALESCE(last_progress::jsonb, progress), outcome, COALESCE(problem::jsonb, failure), result::jsonb,
    statement_timestamp(), ${fromNow('COALESCE(keep_ms, 3600000)')}
  FROM gone WHERE keep_ms IS NOT NULL OR watched
), settled AS MATERIALIZED (
  SELECT count(*) AS jobs, count(pg_notify(${channels.signals}, id::text)) FILTER (WHERE watched) AS told,
    CASE WHEN count(group_key) > 0 THEN ${schema}.group_leave($1, array_agg(group_key) FILTER (WHERE group_key IS NOT NULL),
      array_agg((slot IS NOT NULL)::int) FILTER (WHERE group_key IS NOT NULL), $4::text[]) END AS pulled
  FROM gone
), picked AS MATERIALIZED (
  SELECT ctid, priority, run_at, id, CASE WHEN slot IS NOT TRUE THEN group_key END AS asks, slot IS NOT NULL AS owns FROM ${schema}.jobs
  WHERE queue = $1 AND due_at IS NULL AND reserved_by IS NULL AND name = ANY ($4::text[])
    AND (priority, run_at, id) > ($13::smallint, $14::timestamptz, $15::uuid)
    AND (SELECT jobs FROM settled) >= 0
    AND EXISTS (SELECT FROM ${schema}.job_instances i WHERE i.id = $3::uuid AND i.expires_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM ${schema}.job_configs c WHERE c.key = ANY ($5::text[]) AND c.value = 'true')
  ORDER BY priority, run_at, id
  LIMIT ${limit} FOR UPDATE SKIP LOCKED
), admitted AS MATERIALIZED (
  SELECT CASE WHEN count(*) > 0 THEN ${schema}.group_admit($1, array_agg(id), array_agg(asks), array_agg(owns::int),
    array_agg(priority), array_agg(run_at), $16::jsonb, $4::text[]) END AS ids, (SELECT count(*) FROM picked) AS seen
  FROM picked p WHERE asks IS NOT NULL AND EXISTS (SELECT FROM ${schema}.jobs j WHERE j.ctid = p.ctid OFFSET 0)
), taken AS (
  UPDATE ${schema}.jobs j
  SET reserved_by = $3::uuid, reserved_at = statement_timestamp(),
    reservation = least(greatest(j.reservation, 0), 9007199254740990) + 1, attempt = least(j.attempt, 2147483646) + 1,
    slot = CASE WHEN j.group_key IS NOT NULL THEN true END, unique_key = CASE WHEN j.unique_key LIKE 's:%' THEN NULL ELSE j.unique_key END
  WHERE j.ctid = ANY (ARRAY(
    SELECT p.ctid FROM picked p WHERE p.asks IS NULL OR p.id IN (SELECT unnest(a.ids) FROM admitted a)
  ))
  RETURNING j.id, j.name, j.payload, j.attempt, j.crashes, j.reservation, j.enqueued_at, j.failure_state, j.options, j.priority, j.run_at
)
SELECT NULL::uuid AS id, NULL::text AS name, NULL::jsonb AS payload, NULL::int AS attempt, NULL::int AS crashes, NULL::bigint AS reservation,
  NULL::timestamptz AS enqueued_at, NULL::jsonb AS failure_state, NULL::jsonb AS options,
  statement_timestamp() AS now, place.priority, place.run_at, place.id AS place_id,
  CASE WHEN settled.jobs < cardinality($6::uuid[]) THEN (
    SELECT string_agg(f.id::text, ',') FROM finish f WHERE NOT EXISTS (SELECT FROM gone g WHERE g.id = f.id)
  ) END AS lost, admitted.seen, settled.pulled, ${waitMs} AS wait_ms
FROM settled CROSS JOIN admitted LEFT JOIN (
  SELECT priority, run_at, id FROM picked ORDER BY priority DESC, run_at DESC, id DESC LIMIT 1
) place ON true
UNION ALL (
  SELECT t.id, t.name, t.payload, t.attempt, t.crashes, t.reservation, t.enqueued_at, t.failure_state, t.options,
    NULL, NULL, NULLIF(t.run_at, t.enqueued_at), NULL, NULL, NULL, NULL, NULL
  FROM taken t ORDER BY t.priority, t.run_at, t.id
)`;
